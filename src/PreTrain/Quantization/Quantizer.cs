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
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        nn.Module module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        List<(string Name, Projection Map)> maps = Select(module, options);
        TiedHead? head = options.HasQuantizedTiedHead ? SelectHead(module, options) : null;
        long before = maps.Sum(m => m.Map.weight.numel() * m.Map.weight.element_size()), after = 0;
        using IDisposable mode = no_grad();
        if (head is not null) head.Quantized = new QuantizedProjection(QuantizedMatrix.Quantize(head.Embedding, options.Format), options.Scheme);
        foreach (var (_, map) in maps)
        {
            var weight = QuantizedMatrix.Quantize(map.weight, options.Format);
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
