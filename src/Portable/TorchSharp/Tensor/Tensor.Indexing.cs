using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private static readonly Operator s_selectAt = new("select", "int");
        private static readonly Operator s_sliceAt = new("slice", "Tensor");
        private static readonly Operator s_unsqueezeAt = new("unsqueeze");
        private static readonly Operator s_indexAt = new("index", "Tensor");
        private static readonly Operator s_indexPut_ = new("index_put_");
        private static readonly Operator s_viewAs = new("view");
        private static readonly Operator s_scalarTensor = new("scalar_tensor");

        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1]
        {
            get => Item([i1]);
            set => SetItem(value, [i1]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get => Item([i1, i2]);
            set => SetItem(value, [i1, i2]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3]
        {
            get => Item([i1, i2, i3]);
            set => SetItem(value, [i1, i2, i3]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => Item([i1, i2, i3, i4]);
            set => SetItem(value, [i1, i2, i3, i4]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5]
        {
            get => Item([i1, i2, i3, i4, i5]);
            set => SetItem(value, [i1, i2, i3, i4, i5]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5, long i6]
        {
            get => Item([i1, i2, i3, i4, i5, i6]);
            set => SetItem(value, [i1, i2, i3, i4, i5, i6]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params long[] indices]
        {
            get => Item(indices);
            set => SetItem(value, indices);
        }

        /// <summary>The part that the indices select: a view, or a copy where one of them is a tensor.</summary>
        public Tensor index(params TensorIndex[] indices)
        {
            using var part = new Part(this, indices);
            return part.HasTensors ? s_indexAt.Call(part.View, Value.OptionalTensors(part.Tensors)) : new Tensor(part.Take());
        }

        public Tensor index(params Tensor[] indices) => index(Array.ConvertAll(indices, TensorIndex.Tensor));

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => Put(value, indices, false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false) => Put(value, indices, accumulate);

        public Tensor index_put_(Tensor value, params Tensor[] indices) => Put(value, Array.ConvertAll(indices, TensorIndex.Tensor), false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            Put(value, Array.ConvertAll(indices, TensorIndex.Tensor), accumulate);

        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using Tensor number = s_scalarTensor.Call(value, dtype, Value.None, device);
            return Put(number, indices, false);
        }

        public Tensor index_put_(Scalar value, params Tensor[] indices) => index_put_(value, Array.ConvertAll(indices, TensorIndex.Tensor));

        private Tensor Item(ReadOnlySpan<long> indices)
        {
            using Part part = Part.At(this, indices);
            return new Tensor(part.Take());
        }

        private void SetItem(Tensor value, ReadOnlySpan<long> indices)
        {
            using Part part = Part.At(this, indices);
            s_copy_.CallVoid(part.View, value);
        }

        private Tensor Put(Tensor value, TensorIndex[] indices, bool accumulate)
        {
            using var part = new Part(this, indices);
            if (accumulate && !part.HasTensors)
                throw new ArgumentException("Adding up needs an index that is a tensor; these indices hold none.", nameof(indices));

            // Leading axes of length 1 do not count, as in an assignment in Python.
            long[] sizes = value.shape;
            int ones = 0;
            while (ones < sizes.Length && sizes[ones] == 1) ones++;
            nint squeezed = ones == 0 ? 0 : s_viewAs.CallRaw(value, sizes[ones..]);
            try
            {
                Value source = ones == 0 ? value : Value.Raw(squeezed);
                if (part.HasTensors) s_indexPut_.CallVoid(part.View, Value.OptionalTensors(part.Tensors), source, accumulate);
                else s_copy_.CallVoid(part.View, source);
            }
            finally
            {
                if (squeezed != 0) Native.pt_release(squeezed);
            }
            GC.KeepAlive(value);
            return this;
        }

        /// <summary>
        /// A view that numbers, slices and new axes make of a tensor, and the tensors that remain to be applied to it, one per axis
        /// with nulls between. The views on the way get no object, so a dispose scope sees the result only.
        /// </summary>
        private ref struct Part
        {
            private readonly Tensor _whole;
            private nint _view;   // 0 while it is the whole tensor

            internal List<Tensor?> Tensors { get; } = [];
            private readonly List<Tensor> _own = [];   // index tensors made here

            internal bool HasTensors { get; private set; }

            internal readonly Value View => _view == 0 ? _whole : Value.Raw(_view);

            private Part(Tensor whole) => _whole = whole;

            internal static Part At(Tensor whole, ReadOnlySpan<long> indices)
            {
                var part = new Part(whole);
                try
                {
                    foreach (long i in indices) part.Step(s_selectAt.CallRaw(part.View, 0, i));
                }
                catch
                {
                    part.Dispose();
                    throw;
                }
                return part;
            }

            internal Part(Tensor whole, TensorIndex[] indices) : this(whole)
            {
                long rank = whole.Dimensions, named = 0;
                foreach (ref readonly TensorIndex i in indices.AsSpan())
                {
                    if (i.kind is TensorIndex.Kind.Single or TensorIndex.Kind.Slice) named++;
                    else if (i.kind == TensorIndex.Kind.Tensor) named += IsMask(i.tensor!) ? i.tensor!.Dimensions : 1;
                }
                if (named > rank) throw new ExternalException($"too many indices for tensor of dimension {rank}");
                try
                {
                    int axis = 0, open = (int)(rank - named);
                    foreach (ref readonly TensorIndex i in indices.AsSpan()) Apply(i, ref axis, ref open);
                }
                catch
                {
                    Dispose();
                    throw;
                }
            }

            /// <summary>The view, for the caller to release.</summary>
            internal nint Take()
            {
                nint view = _view;
                _view = 0;
                if (view == 0)
                {
                    view = _whole.Handle;
                    Native.pt_retain(view);
                }
                return view;
            }

            public readonly void Dispose()
            {
                if (_view != 0) Native.pt_release(_view);
                foreach (Tensor t in _own) t.Dispose();
            }

            private static bool IsMask(Tensor t) => t.dtype is ScalarType.Bool or ScalarType.Byte;

            private void Step(nint next)
            {
                if (_view != 0) Native.pt_release(_view);
                _view = next;
            }

            private void Apply(in TensorIndex i, ref int axis, ref int open)
            {
                switch (i.kind)
                {
                    case TensorIndex.Kind.Single:
                        Step(s_selectAt.CallRaw(View, axis, i.start ?? throw new ArgumentException("TensorIndex.Single has no number.")));
                        break;
                    case TensorIndex.Kind.Slice:
                        if (i.step <= 0) throw new ExternalException("step must be greater than zero");
                        if (i.start is not null || i.stop is not null || i.step is not (null or 1))
                            Step(s_sliceAt.CallRaw(View, axis, i.start, i.stop, i.step ?? 1));
                        Keep(1, ref axis);
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        Keep(open, ref axis);
                        open = 0;   // a second ellipsis stands for nothing
                        break;
                    case TensorIndex.Kind.None or TensorIndex.Kind.Null:
                        Step(s_unsqueezeAt.CallRaw(View, axis));
                        Keep(1, ref axis);
                        break;
                    case TensorIndex.Kind.Bool:
                        ApplyTruth(i.start != 0, ref axis);
                        break;
                    case TensorIndex.Kind.Tensor:
                        ApplyTensor(i.tensor!, ref axis);
                        break;
                }
            }

            private void ApplyTensor(Tensor t, ref int axis)
            {
                bool single = t.Dimensions == 0;
                if (single && IsMask(t))
                {
                    ApplyTruth(t.ToScalar().AsDouble != 0, ref axis);
                }
                else if (single && t.is_integral())
                {
                    Step(s_selectAt.CallRaw(View, axis, t.ToScalar().AsInt64));
                }
                else
                {
                    Tensors.Add(t);
                    HasTensors = true;
                    axis += IsMask(t) ? (int)t.Dimensions : 1;
                }
            }

            // A new axis, of length 1 for true and 0 for false.
            private void ApplyTruth(bool value, ref int axis)
            {
                Step(s_unsqueezeAt.CallRaw(View, axis));
                Tensor number = value ? zeros(1, ScalarType.Int64, _whole.device) : empty(0, ScalarType.Int64, _whole.device);
                _own.Add(number);
                Tensors.Add(number);
                HasTensors = true;
                axis++;
            }

            private readonly void Keep(int axes, ref int axis)
            {
                for (int k = 0; k < axes; k++) Tensors.Add(null);
                axis += axes;
            }
        }
    }
}
