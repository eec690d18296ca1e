using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            private static readonly Operator s_pad = new("pad"), s_pixelShuffle = new("pixel_shuffle"), s_pixelUnshuffle = new("pixel_unshuffle");
            private static readonly Operator s_gridSampler = new("grid_sampler"), s_affineGrid = new("affine_grid_generator");
            private static readonly Operator s_nearest1d = new("upsample_nearest1d", "vec"), s_nearest2d = new("upsample_nearest2d", "vec"), s_nearest3d = new("upsample_nearest3d", "vec");
            private static readonly Operator s_nearestExact1d = new("_upsample_nearest_exact1d", "vec"), s_nearestExact2d = new("_upsample_nearest_exact2d", "vec"), s_nearestExact3d = new("_upsample_nearest_exact3d", "vec");
            private static readonly Operator s_linear1d = new("upsample_linear1d", "vec"), s_bilinear2d = new("upsample_bilinear2d", "vec"), s_bicubic2d = new("upsample_bicubic2d", "vec"), s_trilinear3d = new("upsample_trilinear3d", "vec");
            private static readonly Operator s_bilinear2dAntialias = new("_upsample_bilinear2d_aa", "vec"), s_bicubic2dAntialias = new("_upsample_bicubic2d_aa", "vec");

            /// <summary>Adds values at the ends of the axes; the numbers begin with the last axis: left, right, top, bottom, ….</summary>
            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => mode switch
            {
                PaddingModes.Reflect => s_pad.Call(input, pad, "reflect"),
                PaddingModes.Replicate => s_pad.Call(input, pad, "replicate"),
                PaddingModes.Circular => s_pad.Call(input, pad, "circular"),
                _ => s_pad.Call(input, pad, "constant", value),
            };

            public static Tensor pad(Tensor input, ReadOnlySpan<long> pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, pad.ToArray(), mode, value);

            public static Tensor pad(Tensor input, (long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, List(pad), mode, value);

            public static Tensor pad(Tensor input, (long, long, long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, new[] { pad.Item1, pad.Item2, pad.Item3, pad.Item4 }, mode, value);

            /// <summary>Pads both ends of every axis.</summary>
            public static Tensor pad(Tensor input, long pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, [.. Enumerable.Repeat(pad, 2 * (int)input.Dimensions)], mode, value);

            public static Tensor pixel_shuffle(Tensor input, long upscale_factor) => s_pixelShuffle.Call(input, upscale_factor);

            public static Tensor pixel_unshuffle(Tensor input, long downscale_factor) => s_pixelUnshuffle.Call(input, downscale_factor);

            /// <summary>Takes the input at the places of a grid in [−1, 1].</summary>
            public static Tensor grid_sample(Tensor input, Tensor grid, GridSampleMode mode = GridSampleMode.Bilinear, GridSamplePaddingMode padding_mode = GridSamplePaddingMode.Zeros,
                bool? align_corners = null)
            {
                // libtorch numbers bilinear 0 and nearest 1; zeros 0, border 1, reflection 2.
                long kind = mode == GridSampleMode.Nearest ? 1 : 0;
                long outside = padding_mode switch { GridSamplePaddingMode.Border => 1, GridSamplePaddingMode.Reflection => 2, _ => 0 };
                return s_gridSampler.Call(input, grid, kind, outside, align_corners ?? false);
            }

            public static Tensor affine_grid(Tensor theta, long[]? size = null, bool align_corners = false) => s_affineGrid.Call(theta, size ?? [], align_corners);

            /// <summary>Resamples the axes behind (N, C) to a size, or by a factor.</summary>
            public static Tensor interpolate(Tensor x, long[]? size = null, double[]? scale_factor = null, InterpolationMode mode = InterpolationMode.Nearest,
                bool? align_corners = null, bool recompute_scale_factor = false, bool antialias = false)
            {
                long[] shape = x.shape;
                int axes = shape.Length - 2;
                if ((size is null) == (scale_factor is null)) throw new ArgumentException("Give either size or scale_factor, and only one of them.");
                if (axes is < 1 or > 3) throw new ArgumentException($"interpolate takes an input with 3, 4 or 5 dimensions, not {shape.Length}.", nameof(x));
                bool plain = mode is InterpolationMode.Nearest or InterpolationMode.NearestExact or InterpolationMode.Area;
                if (plain && align_corners is not null) throw new ArgumentException("align_corners can only be set with the modes Linear, Bilinear, Bicubic and Trilinear.");
                if (antialias && mode is not (InterpolationMode.Bilinear or InterpolationMode.Bicubic))
                    throw new ArgumentException("antialias can only be used with the modes Bilinear and Bicubic.");

                // One number stands for all axes.
                if (size is { Length: 1 }) size = [.. Enumerable.Repeat(size[0], axes)];
                if (scale_factor is { Length: 1 }) scale_factor = [.. Enumerable.Repeat(scale_factor[0], axes)];
                if ((size?.Length ?? scale_factor!.Length) != axes) throw new ArgumentException($"size or scale_factor must have {axes} elements, one for each spatial axis.");
                if (scale_factor is not null && (recompute_scale_factor || mode == InterpolationMode.Area))
                {
                    size = [.. scale_factor.Select((f, i) => (long)Math.Floor(shape[i + 2] * f))];
                    scale_factor = null;
                }

                bool corners = align_corners ?? false;
                return (mode, axes) switch
                {
                    (InterpolationMode.Nearest, 1) => s_nearest1d.Call(x, Value.Optional(size), scale_factor),
                    (InterpolationMode.Nearest, 2) => s_nearest2d.Call(x, Value.Optional(size), scale_factor),
                    (InterpolationMode.Nearest, 3) => s_nearest3d.Call(x, Value.Optional(size), scale_factor),
                    (InterpolationMode.NearestExact, 1) => s_nearestExact1d.Call(x, Value.Optional(size), scale_factor),
                    (InterpolationMode.NearestExact, 2) => s_nearestExact2d.Call(x, Value.Optional(size), scale_factor),
                    (InterpolationMode.NearestExact, 3) => s_nearestExact3d.Call(x, Value.Optional(size), scale_factor),
                    (InterpolationMode.Area, 1) => adaptive_avg_pool1d(x, size![0]),
                    (InterpolationMode.Area, 2) => adaptive_avg_pool2d(x, size!),
                    (InterpolationMode.Area, 3) => adaptive_avg_pool3d(x, size!),
                    (InterpolationMode.Linear, 1) => s_linear1d.Call(x, Value.Optional(size), corners, scale_factor),
                    (InterpolationMode.Bilinear, 2) => (antialias ? s_bilinear2dAntialias : s_bilinear2d).Call(x, Value.Optional(size), corners, scale_factor),
                    (InterpolationMode.Bicubic, 2) => (antialias ? s_bicubic2dAntialias : s_bicubic2d).Call(x, Value.Optional(size), corners, scale_factor),
                    (InterpolationMode.Trilinear, 3) => s_trilinear3d.Call(x, Value.Optional(size), corners, scale_factor),
                    _ => throw new ArgumentException($"The mode {mode} does not fit an input with {shape.Length} dimensions.", nameof(mode)),
                };
            }

            public static Tensor upsample(Tensor input, long[]? size = null, double[]? scale_factor = null, UpsampleMode mode = UpsampleMode.Nearest, bool align_corners = false) =>
                interpolate(input, size, scale_factor, (InterpolationMode)mode, mode == UpsampleMode.Nearest ? null : align_corners);

            public static Tensor upsample_bilinear(Tensor x, long[]? size = null, double[]? scale_factor = null, bool align_corners = false) =>
                interpolate(x, size, scale_factor, InterpolationMode.Bilinear, align_corners);

            public static Tensor upsample_nearest(Tensor x, long[]? size = null, double[]? scale_factor = null, bool align_corners = false) =>
                interpolate(x, size, scale_factor, InterpolationMode.Nearest);
        }
    }
}
