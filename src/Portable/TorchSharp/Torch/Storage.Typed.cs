using System.Collections;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A tensor's memory as elements of one type.</summary>
    public sealed unsafe class Storage<T> : Storage, IDisposable, IEnumerable<T> where T : unmanaged
    {
        private readonly int _count;
        private readonly T _value;

        // The tensor is the storage's own.
        internal Storage(Tensor tensor) : base(tensor) => _count = checked((int)(nbytes() / (ulong)sizeof(T)));

        private Storage(Tensor tensor, nint data, int count) : base(tensor, data) => _count = count;

        private Storage(T value) => _value = value;

        /// <summary>A value to be assigned to a range.</summary>
        public static implicit operator Storage<T>(T value) => new(value);

        public override int element_size()
        {
            _ = Owner;
            return sizeof(T);
        }

        public int Count
        {
            get
            {
                _ = Owner;
                return _count;
            }
        }

        public bool IsReadOnly => false;

        public Device device => Owner.device;

        /// <exception cref="IndexOutOfRangeException">There is no such element.</exception>
        public T this[int index]
        {
            get
            {
                T value = Elements[index];
                GC.KeepAlive(this);
                return value;
            }
            set
            {
                Elements[index] = value;
                GC.KeepAlive(this);
            }
        }

        /// <summary>A part of the same memory; a single value can be assigned to it. The end is not part of it.</summary>
        public Storage<T> this[(int?, int?) range]
        {
            get
            {
                (int start, int length) = Bounds(range);
                return new Storage<T>(Owner.alias(), _tensor_data_ptr + (nint)start * sizeof(T), length);
            }
            set
            {
                if (value._tensor is not null) throw new InvalidOperationException("Only a single value can be assigned to a range of a storage.");
                (int start, int length) = Bounds(range);
                Elements.Slice(start, length).Fill(value._value);
                GC.KeepAlive(this);
            }
        }

        public Storage<T> this[Range range]
        {
            get => this[(range.Start.GetOffset(Count), range.End.GetOffset(Count))];
            set => this[(range.Start.GetOffset(Count), range.End.GetOffset(Count))] = value;
        }

        public Storage<T> cpu() => Moved(Owner.cpu());

        public Storage<T> cuda(Device? device = null) => Moved(Owner.cuda(device));

        public T[] ToArray()
        {
            T[] copy = Elements.ToArray();
            GC.KeepAlive(this);
            return copy;
        }

        public IList<T> tolist() => ToArray();

        public void fill_(T value)
        {
            Elements.Fill(value);
            GC.KeepAlive(this);
        }

        public void copy_(IList<T> array) => CopyFrom(array, 0);

        /// <summary>Copies as much as there is and fits.</summary>
        public void CopyTo(IList<T> array, int arrayIndex)
        {
            Span<T> elements = Elements;
            for (int i = 0; i < elements.Length && i + arrayIndex < array.Count; i++) array[i + arrayIndex] = elements[i];
            GC.KeepAlive(this);
        }

        public void CopyFrom(IList<T> array, int arrayIndex)
        {
            Span<T> elements = Elements;
            for (int i = 0; i < elements.Length && i + arrayIndex < array.Count; i++) elements[i] = array[i + arrayIndex];
            GC.KeepAlive(this);
        }

        public bool Contains(T item) => IndexOf(item) >= 0;

        public int IndexOf(T item)
        {
            Span<T> elements = Elements;
            int place = 0;
            while (place < elements.Length && !elements[place].Equals(item)) place++;
            int found = place < elements.Length ? place : -1;
            GC.KeepAlive(this);
            return found;
        }

        public IEnumerator<T> GetEnumerator()
        {
            for (int i = 0; i < Count; i++) yield return this[i];
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public void Dispose()
        {
            _tensor?.Dispose();
            _tensor = null;
            _tensor_data_ptr = 0;
        }

        // The memory is there while this object is, so whoever uses it keeps that alive until the last use.
        private Span<T> Elements
        {
            get
            {
                _ = Owner.Handle;
                if (!Owner.is_cpu()) throw new InvalidOperationException("The elements of a storage can be reached in the CPU's memory only. Call cpu() first.");
                return new Span<T>((void*)_tensor_data_ptr, _count);
            }
        }

        private (int Start, int Length) Bounds((int?, int?) range)
        {
            int start = range.Item1 ?? 0, end = range.Item2 ?? Count;
            if (end < start) throw new ArgumentException($"The range ends ({end}) before it starts ({start}).");
            if (start < 0 || end > Count) throw new IndexOutOfRangeException($"The range {start} .. {end} is not within the storage, which has {Count} elements.");
            return (start, end - start);
        }

        private static Storage<T> Moved(Tensor tensor) => new(tensor);
    }
}
