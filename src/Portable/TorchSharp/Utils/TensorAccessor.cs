using System.Collections;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Utils;

/// <summary>
/// A tensor's elements as .NET values, in row-major order whatever its strides are. It reads and writes the tensor's own memory,
/// keeps the tensor object alive, and does not dispose it.
/// </summary>
public sealed unsafe class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    private readonly long[] _shape;
    private readonly long[] _strides;
    private readonly bool _contiguous;
    private readonly long _count;
    private Tensor? _tensor;
    private readonly T* _data;

    internal TensorAccessor(Tensor tensor)
    {
        _data = (T*)tensor.DataPointer;
        _shape = tensor.shape;
        _strides = tensor.stride();
        _contiguous = tensor.is_contiguous();
        _count = tensor.NumberOfElements;
        _tensor = tensor;
    }

    public long Count => _tensor is null ? 0 : _count;

    public bool IsReadOnly => false;

    /// <summary>One number counts elements in row-major order; several are one per axis.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such element.</exception>
    public T this[params long[] indices]
    {
        get
        {
            T value = Data[Place(indices)];
            GC.KeepAlive(_tensor);
            return value;
        }
        set
        {
            Data[Place(indices)] = value;
            GC.KeepAlive(_tensor);
        }
    }

    /// <summary>A copy; 1-D whatever the shape is.</summary>
    public T[] ToArray()
    {
        _ = Data;
        var result = new T[_count];
        if (_count > 0) Read(0, result);
        return result;
    }

    /// <summary>A copy with the tensor's shape; a tensor without axes becomes an array of one element.</summary>
    public Array ToNDArray()
    {
        T[] flat = ToArray();
        if (_shape.Length < 2) return flat;
        var result = Array.CreateInstance(typeof(T), _shape);
        flat.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(result)), flat.Length));
        return result;
    }

    /// <summary>Copies from the element at <paramref name="tensorIndex"/> on, as much as there is and fits.</summary>
    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        CheckStart(tensorIndex);
        Read(tensorIndex, array[arrayIndex..]);
    }

    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

    public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        CheckStart(tensorIndex);
        Write(tensorIndex, array[arrayIndex..]);
    }

    public IEnumerator<T> GetEnumerator()
    {
        var places = new Walk(this, 0);
        for (long i = 0; i < Count; i++)
        {
            yield return At(places.Offset);
            places.Next();
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public static bool operator ==(TensorAccessor<T>? left, TensorAccessor<T>? right) =>
        ReferenceEquals(left, right) || (left is not null && right is not null && left.Count == right.Count && left.SequenceEqual(right));

    public static bool operator !=(TensorAccessor<T>? left, TensorAccessor<T>? right) => !(left == right);

    public override bool Equals(object? obj) => obj is TensorAccessor<T> other && this == other;

    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    /// <summary>Lets go of the tensor, which stays as it is.</summary>
    public void Dispose() => _tensor = null;

    internal static T Read(Tensor tensor, long index)
    {
        tensor.CheckElementType(typeof(T));
        if (tensor.IsLazy)
        {
            using Tensor resolved = tensor.Resolved();
            return Read(resolved, index);
        }
        T* data = (T*)tensor.DataPointer;
        long count = tensor.NumberOfElements;
        if (index < 0 || index >= count) throw new ArgumentOutOfRangeException(nameof(index), index, $"The tensor has {count} elements.");
        T value = data[tensor.is_contiguous() ? index : Offset(index, tensor.shape, tensor.stride())];
        GC.KeepAlive(tensor);
        return value;
    }

    private T* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_tensor is null, this);
            _ = _tensor.Handle;   // throws when the tensor was disposed, and its memory with it
            return _data;
        }
    }

    private T At(long offset) => Data[offset];

    private long Place(long[] indices)
    {
        if (indices.Length == 1)
        {
            long index = indices[0];
            if (index >= Count) throw new IndexOutOfRangeException($"Index {index} is not below the number of elements, {Count}.");
            ArgumentOutOfRangeException.ThrowIfNegative(index, nameof(indices));
            return _contiguous ? index : Offset(index, _shape, _strides);
        }
        if (indices.Length != _shape.Length) throw new IndexOutOfRangeException($"{indices.Length} indices for a tensor with {_shape.Length} axes.");
        long offset = 0;
        for (int i = 0; i < indices.Length; i++)
        {
            if ((ulong)indices[i] >= (ulong)_shape[i]) throw new IndexOutOfRangeException($"Index {indices[i]} is not within 0 .. {_shape[i] - 1} on axis {i}.");
            offset += indices[i] * _strides[i];
        }
        return offset;
    }

    private static long Offset(long index, long[] shape, long[] strides)
    {
        long offset = 0;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            index = Math.DivRem(index, shape[i], out long along);
            offset += along * strides[i];
        }
        return offset;
    }

    private void CheckStart(long tensorIndex)
    {
        _ = Data;
        if ((ulong)tensorIndex >= (ulong)_count) throw new ArgumentOutOfRangeException(nameof(tensorIndex), tensorIndex, $"The tensor has {_count} elements.");
    }

    private void Read(long start, Span<T> to)
    {
        int n = (int)Math.Min(to.Length, _count - start);
        if (_contiguous)
        {
            new ReadOnlySpan<T>(_data + start, n).CopyTo(to);
        }
        else
        {
            var places = new Walk(this, start);
            for (int i = 0; i < n; i++, places.Next()) to[i] = _data[places.Offset];
        }
        GC.KeepAlive(_tensor);
    }

    private void Write(long start, ReadOnlySpan<T> from)
    {
        int n = (int)Math.Min(from.Length, _count - start);
        if (_contiguous)
        {
            from[..n].CopyTo(new Span<T>(_data + start, n));
        }
        else
        {
            var places = new Walk(this, start);
            for (int i = 0; i < n; i++, places.Next()) _data[places.Offset] = from[i];
        }
        GC.KeepAlive(_tensor);
    }

    /// <summary>Goes through the elements in row-major order, one addition per step.</summary>
    private struct Walk
    {
        private readonly TensorAccessor<T> _of;
        private readonly long[] _at;

        internal Walk(TensorAccessor<T> of, long start)
        {
            _of = of;
            _at = new long[of._shape.Length];
            for (int i = _at.Length - 1; i >= 0 && of._count > 0; i--)
            {
                start = Math.DivRem(start, of._shape[i], out _at[i]);
                Offset += _at[i] * of._strides[i];
            }
        }

        internal long Offset { get; private set; }

        internal void Next()
        {
            for (int i = _at.Length - 1; i >= 0; i--)
            {
                Offset += _of._strides[i];
                if (++_at[i] < _of._shape[i]) return;
                Offset -= _at[i] * _of._strides[i];
                _at[i] = 0;
            }
        }
    }
}
