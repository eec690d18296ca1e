using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models.Vit;

/// <summary>Checks what a <see cref="VitModel"/> is given.</summary>
internal static class VitInput
{
    /// <summary>The images of an input, after all checks.</summary>
    internal static Tensor Pixels(ModelInput input, VitConfig config, string modelType, ModelHead head)
    {
        if (input.PixelValues is not { } pixels) throw new ArgumentException($"A {modelType} model needs {nameof(ModelInput.PixelValues)}, (B, channels, height, width).", nameof(input));
        foreach (var (name, given) in new (string, object?)[]
        {
            (nameof(ModelInput.Ids), input.Ids), (nameof(ModelInput.AttentionMask), input.AttentionMask), (nameof(ModelInput.TokenTypeIds), input.TokenTypeIds),
            (nameof(ModelInput.DecoderIds), input.DecoderIds), (nameof(ModelInput.DecoderAttentionMask), input.DecoderAttentionMask),
            (nameof(ModelInput.PrefixLengths), input.PrefixLengths),
        })
            InputRules.Unknown(given, name, modelType);
        string shape = string.Join(", ", pixels.shape);
        if (pixels.ndim != 4) throw new ArgumentException($"The images must be (B, channels, height, width), not ({shape}).", nameof(input));
        if (!pixels.is_floating_point()) throw new ArgumentException($"The images must hold floating-point numbers, not {pixels.dtype}. Scale them as the model was trained on them.", nameof(input));
        if (pixels.size(1) != config.ChannelCount) throw new ArgumentException($"The images ({shape}) have {pixels.size(1)} channels; the model takes {config.ChannelCount}.", nameof(input));
        if (pixels.size(2) != config.ImageSize || pixels.size(3) != config.ImageSize)
            throw new ArgumentException($"The images ({shape}) are {pixels.size(2)} × {pixels.size(3)} pixels; the model takes {config.ImageSize} × {config.ImageSize}. Resize them, or crop them.", nameof(input));
        if (head != ModelHead.MaskedAutoencoder) InputRules.Unknown(input.MaskNoise, nameof(ModelInput.MaskNoise), $"{modelType} ({head})");
        else if (input.MaskNoise is { } noise && (noise.ndim != 2 || noise.size(0) != pixels.size(0) || noise.size(1) != config.PatchCount))
            throw new ArgumentException($"{nameof(ModelInput.MaskNoise)} ({string.Join(", ", noise.shape)}) must be ({pixels.size(0)}, {config.PatchCount}), a number for each patch.", nameof(input));
        return pixels;
    }
}
