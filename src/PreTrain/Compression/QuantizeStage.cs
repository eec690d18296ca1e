using System.Text.Json.Nodes;
using PreTrain.Quantization;

namespace PreTrain.Compression;

/// <summary>Gives the model weights of few bits. It is the last stage: such a model cannot be trained or pruned.</summary>
public sealed record QuantizeStage : CompressionStage
{
    /// <summary>Bits, groups, and what is left out.</summary>
    /// <value>The default is that of <see cref="QuantizationOptions"/>.</value>
    public QuantizationOptions Quantization { get; init; } = new();

    /// <summary>How codes keep what maps compute from the training text (GPTQ); null for the nearest codes.</summary>
    /// <value>The default is null.</value>
    public GptqOptions? Gptq { get; init; }

    /// <inheritdoc/>
    public override string Name => "quantize";

    /// <inheritdoc/>
    public override JsonObject ToJson() => new()
    {
        ["stage"] = Name,
        ["method"] = Gptq is null ? RecipeWords.Nearest : RecipeWords.Gptq,
        ["scheme"] = RecipeWords.Of(Quantization.Scheme),
        ["group-size"] = Quantization.GroupSize,
        ["symmetric"] = Quantization.IsSymmetric,
        ["half-scales"] = Quantization.HasHalfScales,
        ["tied-head"] = Quantization.HasQuantizedTiedHead,
        ["skip"] = new JsonArray([.. Quantization.Skip.Select(pattern => JsonValue.Create(pattern))]),
        ["damping"] = Gptq?.Damping,
    };

    /// <inheritdoc/>
    public override void Validate()
    {
        Quantization.Validate();
        Gptq?.Validate();
    }
}
