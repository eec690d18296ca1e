// O outputs, I inputs
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Export.Onnx;

/// <summary>Weights of 8 bits with a scale for each output: the largest of its weights is ±127.</summary>
internal static class EightBits
{
    private const int Highest = 127;

    /// <summary>The scales, and what makes the codes as (I, O).</summary>
    /// <param name="name">Its name, for faults.</param>
    /// <param name="weight">(O, I).</param>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    internal static (float[] Scales, Func<sbyte[]> Codes) Of(string name, Tensor weight)
    {
        ExportRules.RequireFinite(name, weight);
        using DisposeScope scope = NewDisposeScope();
        long outputs = weight.size(0);
        Tensor extremes = weight.detach().to(ScalarType.Float32).cpu().abs().amax([1]);
        float[] scales = [.. extremes.data<float>().ToArray().Select(extreme => extreme / Highest).Select(scale => scale == 0 ? 1 : scale)];
        return (scales, Codes);

        sbyte[] Codes()
        {
            using DisposeScope inner = NewDisposeScope();
            Tensor codes = (weight.detach().to(ScalarType.Float32).cpu() / tensor(scales, [outputs, 1])).round().clamp(-Highest, Highest).t().contiguous().to(ScalarType.Int8);
            return MemoryMarshal.Cast<byte, sbyte>(codes.bytes).ToArray();
        }
    }
}
