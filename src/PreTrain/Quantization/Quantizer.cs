using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>Quantizes the linear maps of a trained model in place.</summary>
public static class Quantizer
{
    /// <summary>
    /// Gives every linear map a weight of few bits, each code the nearest, and lets go of the weights' memory. The model evaluates from then on and can be saved, and it cannot be trained. What is no
    /// linear map stays as it is: embeddings, norms and biases.
    /// </summary>
    /// <param name="model">A model of any family, on any device.</param>
    /// <param name="options">Bits, groups, and what is left out.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of range; a pattern fits nothing; groups do not divide the inputs of a map; a map computes with something else already. The model is as it was then.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static QuantizationResult Quantize(ITransformerModel model, QuantizationOptions options, CancellationToken cancellationToken = default)
    {
        var maps = new QuantizedMaps(model, options);
        RequireNoActivations(options);
        return maps.Replace((_, map) => Codes(QuantizedMatrix.Quantize(map.weight, options.Format), options), cancellationToken);
    }

    /// <summary>The same with each map in as many bits as a plan says (see <see cref="MixedPrecision"/>).</summary>
    /// <param name="model">The model that was scanned.</param>
    /// <param name="options">The options of the scan; <see cref="QuantizationOptions.Scheme"/> does not matter.</param>
    /// <param name="plan">A choice for each map.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <exception cref="ArgumentException">As for <see cref="Quantize(ITransformerModel, QuantizationOptions, CancellationToken)"/>; or the plan is of another model, or wants the tied head in few bits too. The model is as it was then.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static QuantizationResult Quantize(ITransformerModel model, QuantizationOptions options, MixedPrecisionPlan plan, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(plan);
        if (options.HasQuantizedTiedHead) throw new ArgumentException($"{nameof(QuantizationOptions.HasQuantizedTiedHead)} must be false with a plan.", nameof(options));
        foreach (QuantizationScheme scheme in plan.Choices.Select(choice => choice.Scheme).OfType<QuantizationScheme>().Distinct()) MixedPrecision.Require(scheme);
        var maps = new QuantizedMaps(model, options with { Scheme = QuantizationScheme.Int8Weights });
        if (plan.Choices.Select(choice => choice.Map).Except(maps.All.Select(m => m.Name)).FirstOrDefault() is { } other) throw new ArgumentException($"The plan has a linear map '{other}', which is not among those of the model.", nameof(plan));
        return maps.Replace((name, map) =>
        {
            if (plan.SchemeOf(name) is not { } scheme) return null;
            QuantizationOptions own = options with { Scheme = scheme };
            own.Validate();
            return Codes(QuantizedMatrix.Quantize(map.weight, own.Format), own);
        }, cancellationToken);
    }

    /// <summary>The same with codes that keep what each map computes from data (Frantar et al. 2022, "GPTQ"), instead of the nearest. All maps are seen with the inputs of the model as it was. The model's device holds I² sums of 32 bits for each map meanwhile.</summary>
    /// <param name="model">A model of any family, on any device.</param>
    /// <param name="options">Bits, groups, and what is left out. The tied head takes the nearest codes.</param>
    /// <param name="calibration">Data as the model will see them: for each map at least as many rows (tokens that it is applied to) as it has inputs.</param>
    /// <param name="gptq">Damping and order.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <exception cref="ArgumentException">As for <see cref="Quantize(ITransformerModel, QuantizationOptions, CancellationToken)"/>; or the data are too few, or give inputs that are not finite; or <see cref="GptqOptions.Damping"/> is too small for them. The model is as it was then.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static QuantizationResult QuantizeGptq(ITransformerModel model, QuantizationOptions options, IEnumerable<ModelInput> calibration, GptqOptions? gptq = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(calibration);
        gptq ??= new GptqOptions();
        gptq.Validate();
        var maps = new QuantizedMaps(model, options);
        RequireNoActivations(options);
        using IDisposable mode = no_grad();
        var moments = maps.All.ToDictionary(m => m.Map, m => new InputStatistics(m.Map, wantsProducts: true, ScalarType.Float32));
        try
        {
            maps.Observe(calibration, map => moments[map].Add, map => map.weight.size(1), cancellationToken);
            RequireFinite(maps, map => moments[map].Sum);
            return maps.Replace((name, map) => Codes(Gptq.Quantize(name, map.weight, moments[map].Sum, options.Format, gptq), options), cancellationToken);
        }
        finally
        {
            foreach (InputStatistics sums in moments.Values) sums.Dispose();
        }
    }

    /// <summary>
    /// The same with weights that are prepared for rounding (Lin et al. 2023, "AWQ"): inputs that are large in the data get larger weights, whose error is smaller then, and the norm or the linear map that makes
    /// them gives that much less, so that the model computes the same; and groups lose their extremes where that makes the rest more exact. Maps whose inputs nothing can take a factor off (behind an activation
    /// function, or in the residual stream) have the second alone. The codes are the nearest; folders are those of <see cref="Quantize(ITransformerModel, QuantizationOptions, CancellationToken)"/>.
    /// </summary>
    /// <param name="model">A model of any family, on any device.</param>
    /// <param name="options">Bits, groups, and what is left out. The tied head takes the nearest codes.</param>
    /// <param name="calibration">Data as the model will see them: for each map at least 32 rows (tokens that it is applied to).</param>
    /// <param name="awq">How finely scales and clips are searched.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <exception cref="ArgumentException">As for <see cref="Quantize(ITransformerModel, QuantizationOptions, CancellationToken)"/>; or the data are too few, or give inputs that are not finite. The model is as it was then.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static QuantizationResult QuantizeAwq(ITransformerModel model, QuantizationOptions options, IEnumerable<ModelInput> calibration, AwqOptions? awq = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(calibration);
        awq ??= new AwqOptions();
        awq.Validate();
        var maps = new QuantizedMaps(model, options);
        RequireNoActivations(options);
        using IDisposable mode = no_grad();
        var moments = maps.All.ToDictionary(m => m.Map, m => new InputStatistics(m.Map, wantsProducts: true, ScalarType.Float32));
        var sizes = maps.All.ToDictionary(m => m.Map, m => new InputMagnitudes(m.Map));
        try
        {
            maps.Observe(calibration, map => (Action<Tensor>)moments[map].Add + sizes[map].Add, _ => QuantizedMaps.LeastRows, cancellationToken);
            RequireFinite(maps, map => moments[map].Sum);
            using var folding = new ScaleFolding();
            foreach (ScalingSite site in ScalingSite.Of(maps.Module))
            {
                cancellationToken.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                Projection[] quantized = [.. site.Readers.Where(moments.ContainsKey)];
                if (quantized.Length == 0) continue;
                Projection seen = quantized[0];   // all see the same
                if (Awq.Search([.. quantized.Select(map => map.weight.detach())], sizes[seen].Mean, moments[seen].Sum, options.Format, awq) is not { } scales) continue;
                folding.Apply(site, scales);
                foreach (Projection map in quantized) moments[map].Sum.div_(scales.unsqueeze(0) * scales.unsqueeze(1));
            }
            QuantizationResult result = maps.Replace((_, map) =>
            {
                using Tensor weight = map.weight.detach();
                using Tensor clipped = Awq.Clip(weight, moments[map].Sum, options.Format, awq);
                return Codes(QuantizedMatrix.Quantize(clipped, options.Format), options);
            }, cancellationToken);
            folding.Keep();
            return result;
        }
        finally
        {
            foreach (InputStatistics sums in moments.Values) sums.Dispose();
            foreach (InputMagnitudes size in sizes.Values) size.Dispose();
        }
    }

    /// <summary>
    /// Moves part of the size of activations into the weights that read them (Xiao et al. 2022, "SmoothQuant", equation 4), so that a model with a few large inputs can have activations of 8 bits. The model computes
    /// the same as before, and stays an ordinary one; quantize it then. Maps that read a norm are smoothed, whose gain takes the factor.
    /// </summary>
    /// <param name="model">A model with norms before its linear maps (GPT-2, Llama, T5, ModernBERT, ViT), on any device.</param>
    /// <param name="calibration">Data as the model will see them: for each map at least 32 rows (tokens that it is applied to).</param>
    /// <param name="options">How much is moved.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <returns>The names of the linear maps whose inputs are smoother now.</returns>
    /// <exception cref="ArgumentException">An option is out of range; no map reads a norm alone; the data are too few, or give inputs that are not finite; a factor is too large or too small. The model is as it was then.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static IReadOnlyList<string> Smooth(ITransformerModel model, IEnumerable<ModelInput> calibration, SmoothingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(calibration);
        options ??= new SmoothingOptions();
        options.Validate();
        var (maps, sites) = MapsToSmooth(model);
        using IDisposable mode = no_grad();
        var sizes = maps.All.ToDictionary(m => m.Map, m => new InputMagnitudes(m.Map));
        try
        {
            maps.Observe(calibration, map => sizes[map].Add, _ => QuantizedMaps.LeastRows, cancellationToken);
            RequireFinite(maps, map => sizes[map].Largest);
            using var folding = new ScaleFolding();
            foreach (ScalingSite site in sites)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                Tensor scales = Smoothing.Scales([.. site.Readers.Select(map => map.weight.detach())], sizes[site.Readers[0]].Largest, options);
                if (!IsUsable(scales))
                    throw new ArgumentException($"The factors of the inputs of the linear map '{maps.All.First(m => m.Map == site.Readers[0]).Name}' are too large or too small for numbers of 32 bits; take another {nameof(SmoothingOptions.Strength)} ({options.Strength}).", nameof(options));
                folding.Apply(site, scales);
            }
            folding.Keep();
            return [.. maps.All.Select(m => m.Name)];
        }
        finally
        {
            foreach (InputMagnitudes size in sizes.Values) size.Dispose();
        }
    }

    /// <summary>The maps that read a norm, and where a factor is taken off their inputs.</summary>
    /// <exception cref="ArgumentException">No map reads a norm alone; or a map cannot be quantized.</exception>
    internal static (QuantizedMaps Maps, IReadOnlyList<ScalingSite> Sites) MapsToSmooth(ITransformerModel model)
    {
        var module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        ScalingSite[] sites = [.. ScalingSite.Of(module).Where(site => site.IsNorm)];
        if (sites.Length == 0) throw new ArgumentException($"No linear map of a {model.ModelType} model reads a norm alone, so that there is nothing that could take a factor off its inputs. Quantize it without smoothing.", nameof(model));
        HashSet<Projection> readers = [.. sites.SelectMany(site => site.Readers)];
        string[] others = [.. module.named_modules().Where(m => m.module is Projection map && !readers.Contains(map)).Select(m => m.name)];
        // The choice of maps is that of quantization; formats do not matter here.
        return (new QuantizedMaps(model, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights, Skip = others }), sites);
    }

    /// <summary>
    /// The same with activations of 8 bits on a grid for each map that data decide on once, so that nothing has to be looked for when the model computes. What is beyond the grid is clipped.
    /// </summary>
    /// <param name="model">A model of any family, on any device.</param>
    /// <param name="options">With <see cref="QuantizationScheme.Int8Static"/>: which weights share a scale, and what is left out.</param>
    /// <param name="calibration">Data as the model will see them: for each map at least 32 rows (tokens that it is applied to).</param>
    /// <param name="activations">How a grid is chosen from what a map saw.</param>
    /// <param name="cancellationToken">Ends it between two batches or two maps.</param>
    /// <exception cref="ArgumentException">As for <see cref="Quantize(ITransformerModel, QuantizationOptions, CancellationToken)"/>; or the scheme is another; or the data are too few, or give inputs that are not finite. The model is as it was then.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. The model is as it was then.</exception>
    public static QuantizationResult QuantizeStatic(ITransformerModel model, QuantizationOptions options, IEnumerable<ModelInput> calibration, ActivationOptions? activations = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(calibration);
        activations ??= new ActivationOptions();
        activations.Validate();
        if (options.Scheme != QuantizationScheme.Int8Static) throw new ArgumentException($"{nameof(QuantizationOptions.Scheme)} ({options.Scheme}) must be {nameof(QuantizationScheme.Int8Static)} here.", nameof(options));
        if (options.HasQuantizedTiedHead) throw new ArgumentException($"{nameof(QuantizationOptions.HasQuantizedTiedHead)} must be false with {nameof(QuantizationScheme.Int8Static)}: the inputs of the tied head are not seen.", nameof(options));
        var maps = new QuantizedMaps(model, options);
        var histograms = maps.All.ToDictionary(m => m.Map, m => new ActivationHistogram(m.Name));
        maps.Observe(calibration, map => histograms[map].Add, _ => QuantizedMaps.LeastRows, cancellationToken);
        return maps.Replace((_, map) => new QuantizedProjection(QuantizedMatrix.Quantize(map.weight, options.Format), options.Scheme, histograms[map].Grid(activations)), cancellationToken);
    }

    /// <summary>What is not finite in the data would be in every number that is made of them, and could not be seen in codes.</summary>
    private static void RequireFinite(QuantizedMaps maps, Func<Projection, Tensor> seen)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (var (name, map) in maps.All)
        {
            if (!seen(map).isfinite().all().item<bool>()) throw new ArgumentException($"The calibration gives inputs of the linear map '{name}' that are not finite, or too large.");
        }
    }

    /// <summary>Whether both the factors and what divides by them are ordinary numbers.</summary>
    private static bool IsUsable(Tensor scales)
    {
        const double least = 1.2e-38, largest = 1 / least;   // beyond, a number or its inverse has fewer digits, or none
        return scales.ge(least).logical_and(scales.le(largest)).all().item<bool>();
    }

    private static void RequireNoActivations(QuantizationOptions options)
    {
        if (options.Scheme == QuantizationScheme.Int8Static)
            throw new ArgumentException($"{nameof(QuantizationOptions.Scheme)} ({options.Scheme}) needs data to decide on the grids of activations; call {nameof(QuantizeStatic)}.", nameof(options));
    }

    private static QuantizedProjection Codes(QuantizedMatrix weight, QuantizationOptions options) => new(weight, options.Scheme);
}
