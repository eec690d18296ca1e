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
    /// <param name="model">A model of any family, on the CPU.</param>
    /// <param name="options">Bits, groups, and what is left out.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of range; a pattern fits nothing; groups do not divide the inputs of a map; a map computes with something else already. The model is as it was then.
    /// </exception>
    public static QuantizationResult Quantize(ITransformerModel model, QuantizationOptions options)
    {
        var (_, maps, head) = Choose(model, options);
        return Replace(maps, head, options, map => QuantizedMatrix.Quantize(map.weight, options.Format));
    }

    /// <summary>The same with codes that keep what each map computes from data (Frantar et al. 2022, "GPTQ"), instead of the nearest. All maps are seen with the inputs of the model as it was.</summary>
    /// <param name="model">A model of any family, on the CPU.</param>
    /// <param name="options">Bits, groups, and what is left out. The tied head takes the nearest codes.</param>
    /// <param name="calibration">Data as the model will see them: for each map at least as many rows (tokens that it is applied to) as it has inputs.</param>
    /// <param name="gptq">Damping and order.</param>
    /// <exception cref="ArgumentException">As for <see cref="Quantize"/>; or the data are too few. The model is as it was then.</exception>
    public static QuantizationResult QuantizeGptq(ITransformerModel model, QuantizationOptions options, IEnumerable<ModelInput> calibration, GptqOptions? gptq = null)
    {
        ArgumentNullException.ThrowIfNull(calibration);
        gptq ??= new GptqOptions();
        gptq.Validate();
        var (module, maps, head) = Choose(model, options);
        using IDisposable mode = no_grad();
        var moments = maps.ToDictionary(m => m.Map, m => new InputMoments(m.Map.weight.size(1)));
        try
        {
            Observe(model, module, moments, calibration);
            string[] faults = [.. maps.Where(m => moments[m.Map].Rows < m.Map.weight.size(1)).Select(m => $"The linear map '{m.Name}' saw {moments[m.Map].Rows} rows, fewer than its {m.Map.weight.size(1)} inputs.")];
            if (faults.Length > 0) throw new ArgumentException($"The calibration data are too small. {string.Join(" ", faults)} Give more or longer texts, or name such maps in {nameof(QuantizationOptions.Skip)}.", nameof(calibration));
            return Replace(maps, head, options, map => Gptq.Quantize(map.weight, moments[map].Sum, options.Format, gptq));
        }
        finally
        {
            foreach (InputMoments sums in moments.Values) sums.Dispose();
        }
    }

    /// <summary>Throws what <see cref="Quantize"/> would throw, and changes nothing.</summary>
    internal static void Require(ITransformerModel model, QuantizationOptions options) => Choose(model, options);

    private static void Observe(ITransformerModel model, nn.Module module, Dictionary<Projection, InputMoments> moments, IEnumerable<ModelInput> calibration)
    {
        bool training = module.training;
        module.eval();
        try
        {
            foreach (var (map, sums) in moments) map.Transform = sums;
            foreach (ModelInput input in calibration)
            {
                using DisposeScope scope = NewDisposeScope();
                model.Forward(input);
            }
        }
        finally
        {
            foreach (Projection map in moments.Keys) map.Transform = null;
            module.train(training);
        }
    }

    private static (nn.Module Module, List<(string Name, Projection Map)> Maps, TiedHead? Head) Choose(ITransformerModel model, QuantizationOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        nn.Module module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        List<(string Name, Projection Map)> maps = Select(module, options);
        return (module, maps, options.HasQuantizedTiedHead ? SelectHead(module, options) : null);
    }

    private static QuantizationResult Replace(List<(string Name, Projection Map)> maps, TiedHead? head, QuantizationOptions options, Func<Projection, QuantizedMatrix> quantize)
    {
        long before = maps.Sum(m => m.Map.weight.numel() * m.Map.weight.element_size()), after = 0;
        using IDisposable mode = no_grad();
        if (head is not null) head.Quantized = new QuantizedProjection(QuantizedMatrix.Quantize(head.Embedding, options.Format), options.Scheme);
        foreach (var (_, map) in maps)
        {
            QuantizedMatrix weight = quantize(map);
            after += weight.ByteCount;
            new QuantizedProjection(weight, options.Scheme).Replace(map);
        }
        return new QuantizationResult { Maps = [.. maps.Select(m => m.Name)], BytesBefore = before, BytesAfter = after, TiedHeadBytes = head?.Quantized!.Weight.ByteCount ?? 0 };
    }

    private static TiedHead SelectHead(nn.Module module, QuantizationOptions options)
    {
        TiedHead head = module.modules().OfType<TiedHead>().SingleOrDefault()
            ?? throw new ArgumentException($"{nameof(QuantizationOptions.HasQuantizedTiedHead)} is set, and the model has no head that is its token embedding and scores each next token; leave it false.");
        if (head.Quantized is not null) throw new ArgumentException("The tied head is quantized already.");
        if (head.Embedding.device_type != DeviceType.CPU) throw new ArgumentException($"The token embedding is on {head.Embedding.device}; move the model to the CPU.");
        if (head.Embedding.isfinite().all().item<bool>() is false) throw new ArgumentException("The token embedding has values that are not finite.");
        if (options.Format.GroupSize is > 0 and var group && head.Embedding.size(1) % group != 0)
            throw new ArgumentException($"The width of the token embedding ({head.Embedding.size(1)}) must be divisible by {nameof(QuantizationOptions.GroupSize)} ({group}); take a smaller group.");
        return head;
    }

    private static List<(string Name, Projection Map)> Select(nn.Module module, QuantizationOptions options)
    {
        var skipped = new NamePatterns(options.Skip);
        List<(string Name, Projection Map)> all = [.. module.named_modules().Where(m => m.module is Projection).Select(m => (m.name, (Projection)m.module))];
        skipped.RequireAll(nameof(QuantizationOptions.Skip), "linear map", all.Select(m => m.Name));
        all.RemoveAll(m => skipped.Fits(m.Name));
        var faults = new List<string>();
        foreach (var (name, map) in all)
        {
            if (map.Transform is not null) faults.Add($"The linear map '{name}' computes with a {map.Transform.GetType().Name} already; merge or remove it, or name the map in {nameof(QuantizationOptions.Skip)}.");
            else if (map.weight.device_type != DeviceType.CPU) faults.Add($"The linear map '{name}' is on {map.weight.device}; move the model to the CPU.");
            else if (map.weight.isfinite().all().item<bool>() is false) faults.Add($"The weight of the linear map '{name}' has values that are not finite.");
            else if (options.Format.GroupSize is > 0 and var group && map.weight.size(1) % group != 0)
                faults.Add($"The inputs of the linear map '{name}' ({map.weight.size(1)}) must be divisible by {nameof(QuantizationOptions.GroupSize)} ({group}); take a smaller group, or name the map in {nameof(QuantizationOptions.Skip)}.");
        }
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
        return all;
    }
}
