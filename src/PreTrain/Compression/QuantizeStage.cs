using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;

namespace PreTrain.Compression;

/// <summary>Gives the model weights of few bits, to the nearest codes or by one of the methods that read text first. It is the last stage: such a model cannot be trained or pruned.</summary>
public sealed record QuantizeStage : CompressionStage
{
    /// <summary>Bits, groups, and what is left out.</summary>
    /// <value>The default is that of <see cref="QuantizationOptions"/>.</value>
    public QuantizationOptions Quantization { get; init; } = new();

    /// <summary>Codes keep what maps compute from the text (<see cref="Quantizer.QuantizeGptq"/>); null for the nearest codes.</summary>
    /// <value>The default is null.</value>
    public GptqOptions? Gptq { get; init; }

    /// <summary>Weights are scaled and clipped by the text before they take the nearest codes (<see cref="Quantizer.QuantizeAwq"/>); null where they are not.</summary>
    /// <value>The default is null.</value>
    public AwqOptions? Awq { get; init; }

    /// <summary>Large inputs are moved into the weights first (<see cref="Quantizer.Smooth"/>); null where they are not.</summary>
    /// <value>The default is null.</value>
    public SmoothingOptions? Smoothing { get; init; }

    /// <summary>The grids of activations with <see cref="QuantizationScheme.Int8Static"/>; null for the usual.</summary>
    /// <value>The default is null.</value>
    public ActivationOptions? Activations { get; init; }

    /// <inheritdoc/>
    public override string Name => "quantize";

    /// <summary>Whether the model has to read text.</summary>
    public bool NeedsCalibration => Gptq is not null || Awq is not null || Smoothing is not null || IsStatic;

    private bool IsStatic => Quantization.Scheme == QuantizationScheme.Int8Static;

    private string Method => Gptq is not null ? RecipeWords.Gptq : Awq is not null ? RecipeWords.Awq : Smoothing is not null ? RecipeWords.SmoothQuant : RecipeWords.Nearest;

    internal override bool ReadsRows => NeedsCalibration;

    /// <summary>Tells what <see cref="Apply"/> would refuse before it reads text, and that a folder could not hold what it makes.</summary>
    /// <param name="model">The model, which stays as it is.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the model does not allow it.</exception>
    public void Require(ITransformerModel model) => Require(model, null);

    /// <summary>The same where it is known how much a map sees of the text.</summary>
    /// <param name="model">The model, which stays as it is.</param>
    /// <param name="rows">The tokens that a map sees, by its name; null where the text is not known.</param>
    internal void Require(ITransformerModel model, Func<string, long>? rows)
    {
        Validate();
        QuantizedMaps? smoothed = Smoothing is null ? null : Quantizer.MapsToSmooth(model).Maps;
        var maps = new QuantizedMaps(model, Quantization);
        if (maps.All.Count == 0) throw new ArgumentException($"{nameof(Quantization.Skip)} ({string.Join(", ", Quantization.Skip)}) leaves the tied head alone, and a folder holds the codes of linear maps; skip fewer.");
        if (rows is null) return;
        smoothed?.RequireRows(i => rows(smoothed.All[i].Name), _ => QuantizedMaps.LeastRows);
        if (Gptq is not null) maps.RequireRows(i => rows(maps.All[i].Name), map => map.weight.size(1));
        if (Awq is not null || IsStatic) maps.RequireRows(i => rows(maps.All[i].Name), _ => QuantizedMaps.LeastRows);
    }

    /// <summary>Quantizes a model as the stage does.</summary>
    /// <param name="model">The model, which is changed.</param>
    /// <param name="calibration">What it reads where <see cref="NeedsCalibration"/> says so.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <exception cref="ArgumentException">An option is out of range, the text is too short, or the model does not allow it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public QuantizationResult Apply(ITransformerModel model, IReadOnlyList<ModelInput> calibration, CancellationToken cancellationToken = default)
    {
        Validate();
        if (Gptq is not null) return Quantizer.QuantizeGptq(model, Quantization, calibration, Gptq, cancellationToken);
        if (Awq is not null) return Quantizer.QuantizeAwq(model, Quantization, calibration, Awq, cancellationToken);
        IReadOnlyList<string> smoothed = Smoothing is null ? [] : Quantizer.Smooth(model, calibration, Smoothing, cancellationToken);
        return (IsStatic ? Quantizer.QuantizeStatic(model, Quantization, calibration, Activations, cancellationToken) : Quantizer.Quantize(model, Quantization, cancellationToken)) with { Smoothed = smoothed };
    }

    /// <inheritdoc/>
    public override JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["stage"] = Name,
            ["method"] = Method,
            ["scheme"] = RecipeWords.Of(Quantization.Scheme),
            ["granularity"] = Quantization.Granularity is { } shared ? RecipeWords.Of(shared) : null,
            ["group-size"] = Quantization.GroupSize,
            ["symmetric"] = Quantization.IsSymmetric,
            ["half-scales"] = Quantization.HasHalfScales,
            ["wide-scales"] = !Quantization.HasDoubleScales,
            ["tied-head"] = Quantization.HasQuantizedTiedHead,
            ["skip"] = new JsonArray([.. Quantization.Skip.Select(pattern => JsonValue.Create(pattern))]),
            ["damping"] = Gptq?.Damping,
            ["by-size"] = Gptq?.OrdersBySize,
            ["scale-steps"] = Awq?.ScaleSteps,
            ["clip-steps"] = Awq?.ClipSteps,
            ["alpha"] = Smoothing?.Strength,
            ["calibration-method"] = Activations is { } grids ? RecipeWords.Of(grids.Range) : null,
            ["percentile"] = Activations?.Percentile,
            ["symmetric-activations"] = Activations?.IsSymmetric,
        };
        // What is as usual and of no effect a recipe would refuse.
        QuantizationOptions usual = new();
        var rules = new QuantizeRules(Method, Quantization.Scheme, Quantization.Granularity, Activations?.Range);
        foreach (var (key, isUsual) in new[] { ("group-size", Quantization.GroupSize == usual.GroupSize), ("symmetric", Quantization.IsSymmetric == usual.IsSymmetric), ("half-scales", Quantization.HasHalfScales == usual.HasHalfScales), ("wide-scales", Quantization.HasDoubleScales == usual.HasDoubleScales), ("percentile", Activations?.Percentile == new ActivationOptions().Percentile) })
        {
            if (isUsual && rules.Missing(key) is not null) json[key] = null;
        }
        return json;
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        Quantization.Validate();
        Gptq?.Validate();
        Awq?.Validate();
        Smoothing?.Validate();
        Activations?.Validate();
        string[] methods = [.. new (string Name, object? Options)[] { (nameof(Gptq), Gptq), (nameof(Awq), Awq), (nameof(Smoothing), Smoothing) }.Where(method => method.Options is not null).Select(method => method.Name)];
        if (methods.Length > 1) throw new ArgumentException($"{string.Join(" and ", methods)} exclude each other; give one.");
        if ((Gptq is not null || Awq is not null) && IsStatic) throw new ArgumentException($"{methods[0]} does not go with {nameof(QuantizationScheme.Int8Static)}; take {nameof(Smoothing)}, or leave it out.");
        if (Smoothing is not null && Quantization.Scheme is not (QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static))
            throw new ArgumentException($"{nameof(Smoothing)} goes with {nameof(QuantizationScheme.Int8Dynamic)} or {nameof(QuantizationScheme.Int8Static)}, whose activations are rounded.");
        if (IsStatic && Quantization.HasQuantizedTiedHead) throw new ArgumentException($"{nameof(Quantization.HasQuantizedTiedHead)} must be false with {nameof(QuantizationScheme.Int8Static)}: the inputs of the tied head are not seen.");
        if (Activations is not null && !IsStatic) throw new ArgumentException($"{nameof(Activations)} goes with {nameof(QuantizationScheme.Int8Static)}.");
    }
}
