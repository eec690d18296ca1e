namespace TorchSharp;

public static partial class torch
{
    /// <summary>What an index selects along one or more axes.</summary>
    public struct TensorIndex
    {
        internal enum Kind { None, Single, Null, Ellipsis, Bool, Tensor, Slice }

        internal Kind kind;
        internal long? start;   // also the number of a Single, and the truth of a Bool
        internal long? stop;
        internal long? step;
        internal Tensor? tensor;

        /// <summary>All remaining axes, as they are.</summary>
        public static TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };

        /// <summary>A new axis of length 1.</summary>
        public static TensorIndex None = new() { kind = Kind.None };

        /// <summary>A new axis of length 1.</summary>
        public static TensorIndex Null = new() { kind = Kind.Null };

        /// <summary>The whole axis.</summary>
        public static TensorIndex Colon = Slice();

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { kind = Kind.Slice, start = start, stop = stop, step = step };

        public static TensorIndex Slice((int?, int?) range) => Slice(range.Item1, range.Item2);

        public static TensorIndex Slice(Range range) =>
            Slice(range.Start.IsFromEnd ? -range.Start.Value : range.Start.Value,
                range.End.IsFromEnd ? (range.End.Value == 0 ? null : -range.End.Value) : range.End.Value);

        public static TensorIndex Bool(bool value) => new() { kind = Kind.Bool, start = value ? 1 : 0 };

        public static TensorIndex Single(long? index) => new() { kind = Kind.Single, start = index };

        public static TensorIndex Tensor(Tensor tensor) => new() { kind = Kind.Tensor, tensor = tensor };

        public static implicit operator TensorIndex(long value) => Single(value);

        public static implicit operator TensorIndex((int?, int?) range) => Slice(range);

        public static implicit operator TensorIndex(Range range) => Slice(range);

        public static implicit operator TensorIndex(Index index) => Single(index.IsFromEnd ? -index.Value : index.Value);

        /// <summary>Exists for overload resolution alone.</summary>
        public static implicit operator Tensor(TensorIndex value) => throw new InvalidOperationException("A TensorIndex is not a Tensor.");
    }
}
