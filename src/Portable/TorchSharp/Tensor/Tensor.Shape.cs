using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Other shapes of the same elements.

        private static readonly Operator s_view = new("view");
        public Tensor view(params long[] shape) => s_view.Call(this, shape);

        private static readonly Operator s_view_as = new("view_as");
        public Tensor view_as(Tensor other) => s_view_as.Call(this, other);

        private static readonly Operator s_view_as_complex = new("view_as_complex");
        public Tensor view_as_complex() => s_view_as_complex.Call(this);

        private static readonly Operator s_view_as_real = new("view_as_real");
        public Tensor view_as_real() => s_view_as_real.Call(this);

        private static readonly Operator s_reshape = new("reshape");
        public Tensor reshape(params long[] shape) => s_reshape.Call(this, shape);

        private static readonly Operator s_flatten = new("flatten", "using_ints");
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => s_flatten.Call(this, start_dim, end_dim);

        private static readonly Operator s_unflatten = new("unflatten", "int");
        public Tensor unflatten(long dim, Size sizes) => unflatten(dim, sizes.Shape);
        public Tensor unflatten(long dim, params long[] sizes) => s_unflatten.Call(this, dim, sizes);

        private static readonly Operator s_ravel = new("ravel");
        public Tensor ravel() => s_ravel.Call(this);

        private static readonly Operator s_squeeze = new("squeeze");
        private static readonly Operator s_squeeze_dim = new("squeeze", "dim");
        private static readonly Operator s_squeeze_ = new("squeeze_");
        private static readonly Operator s_squeeze_dim_ = new("squeeze_", "dim");
        public Tensor squeeze(long? dim = null) => dim is { } d ? s_squeeze_dim.Call(this, d) : s_squeeze.Call(this);
        public Tensor squeeze_(long? dim = null) => dim is { } d ? s_squeeze_dim_.CallInto(this, this, d) : s_squeeze_.CallInto(this, this);

        private static readonly Operator s_unsqueeze = new("unsqueeze");
        private static readonly Operator s_unsqueeze_ = new("unsqueeze_");
        public Tensor unsqueeze(long dim) => s_unsqueeze.Call(this, dim);
        public Tensor unsqueeze_(long dim) => s_unsqueeze_.CallInto(this, this, dim);

        private static readonly Operator s_as_strided = new("as_strided");
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0) => s_as_strided.Call(this, size, strides, storageOffset);

        private static readonly Operator s_unfold = new("unfold");
        public Tensor unfold(long dimension, long size, long step) => s_unfold.Call(this, dimension, size, step);

        // Order of the axes.

        private static readonly Operator s_permute = new("permute");
        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());
        public Tensor permute(params long[] permutation) => s_permute.Call(this, permutation);

        private static readonly Operator s_transpose = new("transpose", "int");
        private static readonly Operator s_transpose_ = new("transpose_");
        public Tensor transpose(long dim0, long dim1) => s_transpose.Call(this, dim0, dim1);
        public Tensor transpose_(long dim0, long dim1) => s_transpose_.CallInto(this, this, dim0, dim1);

        public Tensor swapaxes(long dim0, long dim1) => transpose(dim0, dim1);

        public Tensor swapdims(long dim0, long dim1) => transpose(dim0, dim1);

        private static readonly Operator s_movedim = new("movedim", "intlist");
        public Tensor movedim(long[] source, long[] destination) => s_movedim.Call(this, source, destination);

        public Tensor moveaxis(long[] source, long[] destination) => movedim(source, destination);

        // Repetition.

        private static readonly Operator s_expand = new("expand");
        public Tensor expand(ReadOnlySpan<long> sizes, bool isImplicit = false) => expand(sizes.ToArray(), isImplicit);
        public Tensor expand(Size sizes, bool isImplicit = false) => expand(sizes.Shape, isImplicit);
        public Tensor expand(long[] sizes, bool isImplicit = false) => s_expand.Call(this, sizes, isImplicit);
        public Tensor expand(params long[] sizes) => s_expand.Call(this, sizes);

        private static readonly Operator s_expand_as = new("expand_as");
        public Tensor expand_as(Tensor other) => s_expand_as.Call(this, other);

        private static readonly Operator s_broadcast_to = new("broadcast_to");
        public Tensor broadcast_to(params long[] shape) => s_broadcast_to.Call(this, shape);

        private static readonly Operator s_repeat = new("repeat");
        public Tensor repeat(params long[] sizes) => s_repeat.Call(this, sizes);

        private static readonly Operator s_repeat_interleave_tensor = new("repeat_interleave", "self_Tensor");
        private static readonly Operator s_repeat_interleave = new("repeat_interleave", "self_int");
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
            s_repeat_interleave_tensor.Call(this, repeats, dim, output_size);
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) => s_repeat_interleave.Call(this, repeats, dim, output_size);

        private static readonly Operator s_tile = new("tile");
        public Tensor tile(long[] reps) => s_tile.Call(this, reps);

        // Order along an axis.

        private static readonly Operator s_flip = new("flip");
        public Tensor flip(params long[] dims) => s_flip.Call(this, dims);

        private static readonly Operator s_fliplr = new("fliplr");
        public Tensor fliplr() => s_fliplr.Call(this);

        private static readonly Operator s_flipud = new("flipud");
        public Tensor flipud() => s_flipud.Call(this);

        private static readonly Operator s_roll = new("roll");
        public Tensor roll(ReadOnlySpan<long> shifts, ReadOnlySpan<long> dims = default) => roll(shifts.ToArray(), dims.ToArray());
        public Tensor roll((long, long, long) shifts, (long, long, long) dims) =>
            roll(new[] { shifts.Item1, shifts.Item2, shifts.Item3 }, new[] { dims.Item1, dims.Item2, dims.Item3 });
        public Tensor roll((long, long) shifts, (long, long) dims) => roll(new[] { shifts.Item1, shifts.Item2 }, new[] { dims.Item1, dims.Item2 });
        public Tensor roll(long shifts, long? dims = null) => dims is { } d ? roll(new[] { shifts }, new[] { d }) : s_roll.Call(this, new[] { shifts });
        public Tensor roll(long[] shifts) => roll(shifts, new[] { 0L });
        public Tensor roll(long[] shifts, long[] dims) => s_roll.Call(this, shifts, dims);

        private static readonly Operator s_rot90 = new("rot90");
        public Tensor rot90(long k = 1, (long, long)? dims = null) => s_rot90.Call(this, k, dims is { } d ? new[] { d.Item1, d.Item2 } : s_firstTwo);

        private static readonly Operator s_channel_shuffle = new("channel_shuffle");
        public Tensor channel_shuffle(long groups) => s_channel_shuffle.Call(this, groups);

        // At least so many axes.

        private static readonly Operator s_atleast_1d = new("atleast_1d");
        public Tensor atleast_1d() => s_atleast_1d.Call(this);

        private static readonly Operator s_atleast_2d = new("atleast_2d");
        public Tensor atleast_2d() => s_atleast_2d.Call(this);

        private static readonly Operator s_atleast_3d = new("atleast_3d");
        public Tensor atleast_3d() => s_atleast_3d.Call(this);

        private static readonly long[] s_firstTwo = [0, 1];
    }
}
