using static TorchSharp.torch;

namespace TorchSharp.Tests.Torch;

public sealed class StorageTests
{
    [Fact]
    public unsafe void Storage_OfASlice_IsAllOfTheMemory()
    {
        using Tensor t = tensor(new float[] { 1, 2, 3, 4, 5, 6 }, [2, 3]);
        using Tensor row = t[1];
        using Storage<float> storage = row.storage<float>();

        Assert.Equal(6, storage.Count);
        Assert.Equal(24UL, storage.nbytes());
        Assert.Equal(4, storage.element_size());
        Assert.Equal(3, row.storage_offset());
        Assert.Equal(4f, ((float*)storage.data_ptr())[row.storage_offset()]);
        Assert.Equal([1f, 2, 3, 4, 5, 6], storage);
    }

    [Fact]
    public void Elements_Written_AreTheTensors()
    {
        Package.Skip("a range to the end is refused");
        using Tensor t = tensor(new long[] { 2, 3, 5, 7 });
        using Storage<long> storage = t.storage<long>();
        storage[1] = 11;
        storage[2..] = 13;
        storage[(null, 1)] = 17;

        Assert.Equal([17, 11, 13, 13], t.data<long>().ToArray());
        Assert.Equal([11, 13], storage[1..3].ToArray());
        Assert.Equal(2, storage.IndexOf(13));
        Assert.False(storage.Contains(2));

        storage.fill_(1);
        storage.CopyFrom([0, 8, 9], 1);

        Assert.Equal([8, 9, 1, 1], storage.tolist());
    }

    [Fact]
    public void Storage_OfAnotherType_IsACopy()
    {
        using Tensor t = tensor(new long[] { 2, 3 });
        using Storage<double> storage = t.storage<double>();
        storage[0] = 5;

        Assert.Equal([5.0, 3.0], storage.ToArray());
        Assert.Equal([2, 3], t.data<long>().ToArray());
        Assert.Equal([2, 3], storage.@int().ToArray().Select((x, i) => i == 0 ? x - 3 : x));
    }

    [Fact]
    public void Storage_TypeThatNoneHas_Throws()
    {
        using Tensor t = tensor(new short[] { 2 });

        Assert.Throws<NotSupportedException>(() => t.storage<short>());
    }

    [Fact]
    public void Range_OutOfBounds_Throws()
    {
        using Tensor t = tensor(new long[] { 2, 3 });
        using Storage<long> storage = t.storage<long>();

        Assert.Throws<IndexOutOfRangeException>(() => storage[2]);
        Assert.Throws<IndexOutOfRangeException>(() => storage[-1] = 1);
        Assert.Throws<IndexOutOfRangeException>(() => storage[(0, 3)]);
        Assert.Throws<ArgumentException>(() => storage[(1, 0)]);
        Assert.Throws<InvalidOperationException>(() => storage[(0, 1)] = storage);
    }

    [Fact]
    public void Memory_TensorDisposed_StaysWhileTheStorageLives()
    {
        Tensor t = tensor(new long[] { 2, 3 });
        using Storage<long> storage = t.storage<long>();
        t.Dispose();

        Assert.Equal([2, 3], storage.ToArray());
    }

    [Fact]
    public void Storage_Disposed_Throws()
    {
        using Tensor t = tensor(new long[] { 2, 3 });
        Storage<long> storage = t.storage<long>();
        storage.Dispose();

        Assert.Throws<InvalidOperationException>(() => storage[0]);
        Assert.Throws<InvalidOperationException>(() => storage.Count);
    }

    [Fact]
    public void Elements_OfAStorageThatNobodyHolds_StayWhileTheyAreRead()
    {
        var list = new Collecting();

        list.Watch(storage => storage.CopyTo(list, 0));
        list.Watch(storage => storage.CopyFrom(list, 0));

        Assert.Equal(6, list.Uses);
    }

    // Each use collects what nobody holds, and asks whether that took the storage that is being read.
    private sealed class Collecting : IList<long>
    {
        private WeakReference? _storage;

        internal int Uses { get; private set; }

        public int Count => 3;

        public bool IsReadOnly => false;

        public long this[int index]
        {
            get
            {
                Check();
                return index;
            }
            set => Check();
        }

        internal void Watch(Action<Storage<long>> use) => use(New());

        private Storage<long> New()
        {
            using Tensor t = tensor(new long[] { 2, 3, 5 });
            Storage<long> storage = t.storage<long>();
            _storage = new WeakReference(storage);
            return storage;
        }

        private void Check()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Assert.True(_storage!.IsAlive);
            Uses++;
        }

        public int IndexOf(long item) => throw new NotSupportedException();

        public void Insert(int index, long item) => throw new NotSupportedException();

        public void RemoveAt(int index) => throw new NotSupportedException();

        public void Add(long item) => throw new NotSupportedException();

        public void Clear() => throw new NotSupportedException();

        public bool Contains(long item) => throw new NotSupportedException();

        public void CopyTo(long[] array, int arrayIndex) => throw new NotSupportedException();

        public bool Remove(long item) => throw new NotSupportedException();

        public IEnumerator<long> GetEnumerator() => throw new NotSupportedException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => throw new NotSupportedException();
    }
}
