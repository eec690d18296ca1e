using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>What all transposed convolutions share. The same output comes from inputs of several sizes, so a wanted size can be given.</summary>
public abstract class ConvolutionTranspose : Convolution
{
    protected ConvolutionTranspose(string name, long in_channels, long out_channels, long[] kernel_size, long[] stride, long[]? padding, Padding? padding_type, long[] dilation,
        bool transposed, long[] output_padding, long groups, bool bias, PaddingModes padding_mode, Device? device = null, ScalarType? dtype = null)
        : base(name, in_channels, out_channels, kernel_size, stride, padding, padding_type, dilation, transposed, output_padding, groups, bias, padding_mode, device, dtype)
    {
    }

    public override Tensor forward(Tensor input) => forward(input, null);

    public abstract Tensor forward(Tensor input, long[]? output_size);

    /// <summary>What must be added at one end to reach the wanted size.</summary>
    protected long[] _output_padding(Tensor input, long[]? output_size, long[] kernel_size, long[] stride, long[] padding, long[] dilation, long num_spatial_dims)
    {
        if (output_size is null) return output_padding;
        int axes = (int)num_spatial_dims, first = (int)input.Dimensions - axes;
        long[] wanted = output_size.Length == first + axes ? output_size[first..] : output_size;
        if (wanted.Length != axes)
            throw new ArgumentException($"ConvTranspose{axes}D: for {input.Dimensions}D input, output_size must have {axes} or {first + axes} elements (got {output_size.Length})", nameof(output_size));

        var result = new long[axes];
        for (int d = 0; d < axes; d++)
        {
            long least = (input.size(first + d) - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel_size[d] - 1) + 1;
            result[d] = wanted[d] - least;
            if (result[d] < 0 || result[d] >= stride[d])
                throw new ArgumentException($"Requested an output size of {wanted[d]} along spatial axis {d}, but valid sizes range from {least} to {least + stride[d] - 1}", nameof(output_size));
        }
        return result;
    }
}
