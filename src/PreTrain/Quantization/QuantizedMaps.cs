using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>The linear maps of a model that options choose, to be replaced all together or not at all.</summary>
internal sealed class QuantizedMaps
{
    /// <summary>Rows that a map must see of data that decide on its scales alone.</summary>
    internal const int LeastRows = 32;

    private readonly QuantizationOptions _options;
    private readonly TiedHead? _head;

    /// <exception cref="ArgumentException">An option is out of range; a pattern fits nothing; groups do not divide the inputs of a map; a map computes with something else already.</exception>
    internal QuantizedMaps(ITransformerModel model, QuantizationOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (Model, _options, Module) = (model, options, model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model)));
        All = Select(Module, options);
        _head = options.HasQuantizedTiedHead ? SelectHead(Module, options) : null;
        if (All.Count == 0 && _head is null) throw new ArgumentException($"{nameof(options.Skip)} ({string.Join(", ", options.Skip)}) leaves no linear map to quantize.");
    }

    internal ITransformerModel Model { get; }

    internal nn.Module Module { get; }

    /// <summary>The chosen maps.</summary>
    internal List<(string Name, Projection Map)> All { get; }

    /// <summary>Shows observers what the maps are applied to.</summary>
    /// <exception cref="ArgumentException">A map saw too few rows.</exception>
    internal void Observe(IEnumerable<ModelInput> calibration, Func<Projection, Action<Tensor>> observer, Func<Projection, long> leastRows, CancellationToken cancellationToken)
    {
        long[] rows = new long[All.Count];
        Calibration.Run(Model, [.. All.Select((m, i) =>
        {
            Action<Tensor> see = observer(m.Map);
            return (m.Map, (Action<Tensor>)(x =>
            {
                rows[i] += x.size(0);
                see(x);
            }));
        })], calibration, cancellationToken: cancellationToken);
        RequireRows(i => rows[i], leastRows, nameof(calibration));
    }

    /// <summary>Requires that the maps see enough of the calibration.</summary>
    /// <param name="rows">What a map sees, by its place in <see cref="All"/>.</param>
    /// <param name="leastRows">What a map must see.</param>
    /// <param name="argument">The argument that is at fault; null for none.</param>
    /// <exception cref="ArgumentException">A map sees too few rows.</exception>
    internal void RequireRows(Func<int, long> rows, Func<Projection, long> leastRows, string? argument = null)
    {
        string[] faults = [.. All.Select((m, i) => (m.Name, Rows: rows(i), Least: leastRows(m.Map))).Where(m => m.Rows < m.Least)
            .Select(m => $"The linear map '{m.Name}' saw {m.Rows} rows, fewer than {m.Least}.")];
        if (faults.Length > 0) throw new ArgumentException($"The calibration data are too small. {MapFaults.Join(faults)} Give more or longer texts, or name such maps in {nameof(QuantizationOptions.Skip)}.", argument);
    }

    /// <summary>Quantizes all, and then replaces all.</summary>
    /// <param name="quantize">Gives a map by its name in few bits; null if it stays as it is.</param>
    /// <param name="cancellationToken">Ends it before a map, and before the first is replaced.</param>
    internal QuantizationResult Replace(Func<string, Projection, QuantizedProjection?> quantize, CancellationToken cancellationToken)
    {
        using IDisposable mode = no_grad();
        var quantized = new List<(string Name, Projection Map, QuantizedProjection Codes)>();
        try
        {
            foreach (var (name, map) in All)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (quantize(name, map) is { } codes) quantized.Add((name, map, codes));
            }
            cancellationToken.ThrowIfCancellationRequested();
            if (_head is not null) _head.Quantized = new QuantizedProjection(QuantizedMatrix.Quantize(_head.Embedding, _options.Format), _options.Scheme);
        }
        catch
        {
            foreach (var one in quantized) one.Codes.Dispose();
            throw;
        }
        long before = quantized.Sum(m => m.Map.weight.numel() * m.Map.weight.element_size());
        foreach (var (_, map, codes) in quantized) codes.Replace(map);
        return new QuantizationResult
        {
            Maps = [.. quantized.Select(m => m.Name)],
            BytesBefore = before,
            BytesAfter = quantized.Sum(m => m.Codes.Weight.ByteCount),
            TiedHeadBytes = _head?.Quantized!.Weight.ByteCount ?? 0,
        };
    }

    private static TiedHead SelectHead(nn.Module module, QuantizationOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        TiedHead head = module.modules().OfType<TiedHead>().SingleOrDefault()
            ?? throw new ArgumentException($"{nameof(QuantizationOptions.HasQuantizedTiedHead)} is set, and the model has no head that is its token embedding and scores each next token; do not set it.");
        if (head.Quantized is not null) throw new ArgumentException("The tied head is quantized already.");
        if (head.Embedding.isfinite().all().item<bool>() is false) throw new ArgumentException("The token embedding has values that are not finite.");
        if (options.Format.GroupSize is > 0 and var group && head.Embedding.size(1) % group != 0)
            throw new ArgumentException($"The width of the token embedding ({head.Embedding.size(1)}) must be divisible by {GroupOf(options)}; {(options.Format.IsNormalFloat ? "take another scheme" : "take a smaller group")}.");
        return head;
    }

    /// <summary>What the inputs of a map are cut into; that of 4-bit normal floats is no option.</summary>
    private static string GroupOf(QuantizationOptions options) => options.Format.IsNormalFloat ? $"{options.Format.GroupSize}, the group of 4-bit normal floats" : $"{nameof(QuantizationOptions.GroupSize)} ({options.Format.GroupSize})";

    private static List<(string Name, Projection Map)> Select(nn.Module module, QuantizationOptions options)
    {
        var skipped = new NamePatterns(options.Skip);
        List<(string Name, Projection Map)> all = [.. module.named_modules().Where(m => m.module is Projection).Select(m => (m.name, (Projection)m.module))];
        skipped.RequireAll(nameof(QuantizationOptions.Skip), "linear map", all.Select(m => m.Name));
        all.RemoveAll(m => skipped.Fits(m.Name));
        MapFaults.RequireWhole(all);
        var faults = new List<string>();
        foreach (var (name, map) in all)
        {
            using DisposeScope scope = NewDisposeScope();
            if (map.Transform is not null) faults.Add($"The linear map '{name}' computes with a {map.Transform.GetType().Name} already; merge or remove it, or name the map in {nameof(QuantizationOptions.Skip)}.");
            else if (map.weight.isfinite().all().item<bool>() is false) faults.Add($"The weight of the linear map '{name}' has values that are not finite.");
            else if (options.Format.GroupSize is > 0 and var group && map.weight.size(1) % group != 0)
                faults.Add($"The inputs of the linear map '{name}' ({map.weight.size(1)}) must be divisible by {GroupOf(options)}; {(options.Format.IsNormalFloat ? "" : "take a smaller group, or ")}name the map in {nameof(QuantizationOptions.Skip)}.");
        }
        if (faults.Count > 0) throw new ArgumentException(MapFaults.Join(faults));
        return all;
    }
}
