using System.Globalization;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>Takes attention heads, feed-forward neurons and whole layers out of a trained model, which is smaller and faster then.</summary>
public static class StructuredPruner
{
    /// <summary>
    /// Makes a smaller model, which computes what the given one would if the outputs of the heads and neurons that are taken out were zero. It saves as an ordinary folder. A BERT or GPT-2 with fewer heads
    /// has <c>head_dim</c> in its <c>config.json</c>, since the width of a head is no longer that of the model by the number of heads; transformers knows that key of Llama and T5 (<c>d_kv</c>) only.
    /// </summary>
    /// <param name="model">A BERT, GPT-2, Llama (or relative) or T5. It stays as it is.</param>
    /// <param name="options">What is taken out, and how it is told which.</param>
    /// <param name="calibration">What the model reads to see what its units give; null for <see cref="UnitImportance.Magnitude"/>. Former gradients are dropped.</param>
    /// <param name="loss">Of <see cref="UnitImportance.Taylor"/>: the model's loss on a batch, a scalar.</param>
    /// <param name="cancellationToken">Ends it between two batches or two weights.</param>
    /// <returns>The smaller model, on the same device and in evaluation mode, and what it has kept.</returns>
    /// <exception cref="ArgumentException">An option is out of range; nothing would be left; the family has no such units; maps compute with something else, or an adapter stands beside them; data or the loss is missing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static StructuredPruningResult Prune(ITransformerModel model, StructuredPruningOptions options, IReadOnlyList<ModelInput>? calibration = null, Func<ModelInput, Tensor>? loss = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        Require(model, options);
        IReadOnlyList<PruningSite> sites = PruningSite.Of(model);
        IReadOnlyList<LayerNames> stacks = LayerNames.Of(model);
        int[] removed = [options.RemovedLayers, options.RemovedDecoderLayers];
        UnitScores scores = UnitScores.Of(model, sites, stacks, options.Importance, calibration, loss, cancellationToken);
        var layers = stacks.Select((stack, i) => (stack.Prefix, Kept: Highest(scores.Layers[stack.Prefix], stack.Count - removed[i]))).ToDictionary(s => s.Prefix, s => s.Kept);
        var units = new Dictionary<string, int[]>();
        foreach (var group in sites.Where(site => IsKept(site.Output, layers)).GroupBy(site => site.Shared ?? site.Output))
        {
            PruningSite[] alike = [.. group];
            double[] sums = [.. Enumerable.Range(0, alike[0].Units).Select(unit => alike.Sum(site => scores.Units[site.Output][unit]))];
            int[] kept = Highest(sums, Kept(alike[0].Units, alike[0].IsAttention ? options.HeadSparsity : options.NeuronSparsity));
            foreach (PruningSite site in alike) units[site.Output] = kept;
        }
        int heads = sites.Where(s => s.IsAttention && units.ContainsKey(s.Output)).Select(s => units[s.Output].Length).First();
        int neurons = sites.Where(s => !s.IsAttention && units.ContainsKey(s.Output)).Select(s => units[s.Output].Length).First();
        ITransformerModel small = Smaller(model, [.. stacks.Select(s => layers[s.Prefix].Length)], heads, neurons);
        try
        {
            Fill(LinearMaps.ModuleOf(small), LinearMaps.ModuleOf(model), sites, layers, units, cancellationToken);
            LinearMaps.ModuleOf(small).eval();
            return new StructuredPruningResult
            {
                Model = small,
                Layers = layers.ToDictionary(p => p.Key, p => (IReadOnlyList<int>)p.Value),
                Heads = Of(isAttention: true),
                Neurons = Of(isAttention: false),
                ParametersBefore = Count(model),
                ParametersAfter = Count(small),
            };
        }
        catch
        {
            small.Dispose();
            throw;
        }

        Dictionary<string, IReadOnlyList<int>> Of(bool isAttention) =>
            sites.Where(site => site.IsAttention == isAttention && units.ContainsKey(site.Output)).ToDictionary(site => site.Output, site => (IReadOnlyList<int>)units[site.Output]);
    }

    /// <summary>A model of the sizes that pruning leaves, all of whose weights are zero.</summary>
    /// <exception cref="ArgumentException">What <see cref="Prune"/> throws before it reads the calibration.</exception>
    internal static ITransformerModel OfSizes(ITransformerModel model, StructuredPruningOptions options)
    {
        Require(model, options);
        IReadOnlyList<PruningSite> sites = PruningSite.Of(model);
        int[] removed = [options.RemovedLayers, options.RemovedDecoderLayers];
        ITransformerModel small = Smaller(model, [.. LayerNames.Of(model).Select((stack, i) => stack.Count - removed[i])],
            Kept(sites.First(site => site.IsAttention).Units, options.HeadSparsity), Kept(sites.First(site => !site.IsAttention).Units, options.NeuronSparsity));
        using IDisposable mode = no_grad();
        foreach (Tensor parameter in LinearMaps.ModuleOf(small).parameters()) parameter.zero_();
        return small;
    }

    private static void Require(ITransformerModel model, StructuredPruningOptions options)
    {
        options.Validate();
        IReadOnlyList<PruningSite> sites = PruningSite.Of(model);
        IReadOnlyList<LayerNames> stacks = LayerNames.Of(model);
        LinearMaps.SelectPlain(model, LinearMaps.OfBlocks);
        WholeWeights.RequireNoAdapter(model, "a smaller model");
        int[] removed = [options.RemovedLayers, options.RemovedDecoderLayers];
        for (int i = 0; i < stacks.Count; i++)
        {
            if (removed[i] >= stacks[i].Count) throw new ArgumentException($"{(i == 0 ? nameof(options.RemovedLayers) : nameof(options.RemovedDecoderLayers))} ({removed[i]}) must be below the number of layers ({stacks[i].Count}), so that one is left.");
        }
        if (stacks.Count == 1 && options.RemovedDecoderLayers > 0) throw new ArgumentException($"{nameof(options.RemovedDecoderLayers)} ({options.RemovedDecoderLayers}) must be 0: the {model.ModelType} model has no decoder beside its layers.");
        RequirePart(nameof(options.HeadSparsity), options.HeadSparsity, sites.First(site => site.IsAttention).Units, model is LlamaModel ? "heads with keys and values of their own" : "heads");
        RequirePart(nameof(options.NeuronSparsity), options.NeuronSparsity, sites.First(site => !site.IsAttention).Units, "neurons");
    }

    private static int Kept(int units, double sparsity) => units - (int)PruningMasks.Count(units, sparsity);

    private static void RequirePart(string property, double sparsity, int units, string what)
    {
        int kept = Kept(units, sparsity);
        if (sparsity > 0 && (kept == 0 || kept == units))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{property} ({sparsity}) would take out {(kept == 0 ? "all" : "none")} of {units} {what}; take a {(kept == 0 ? "lower" : "higher")} one, or 0."));
    }

    /// <summary>The places of the highest values, in rising order; of equal ones the first.</summary>
    private static int[] Highest(double[] values, int count) => [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).Take(count).Order()];

    private static bool IsKept(string name, Dictionary<string, int[]> layers) =>
        layers.All(stack => !name.StartsWith(stack.Key, StringComparison.Ordinal) || stack.Value.Any(layer => name.StartsWith($"{stack.Key}{layer}.", StringComparison.Ordinal)));

    private static ITransformerModel Smaller(ITransformerModel model, int[] layers, int heads, int neurons) => model switch
    {
        BertModel bert => new BertModel(bert.Config with { LayerCount = layers[0], HeadCount = heads, HeadWidth = bert.Config.HeadDim, FeedForwardDim = neurons }, bert.Head, initialize: false),
        GptModel gpt => new GptModel(gpt.Config with { LayerCount = layers[0], HeadCount = heads, HeadWidth = gpt.Config.HeadDim, FeedForwardDim = neurons }, gpt.Head, initialize: false),
        LlamaModel llama => new LlamaModel(llama.Config with
        {
            LayerCount = layers[0],
            HeadCount = llama.Config.HeadCount / llama.Config.SharedHeadCount * heads,
            KeyValueHeadCount = heads,
            HeadWidth = llama.Config.HeadDim,
            FeedForwardDim = neurons,
        }, llama.Head, initialize: false),
        T5Model t5 => new T5Model(t5.Config with { LayerCount = layers[0], DecoderLayerCount = layers.Length == 1 ? t5.Config.WrittenLayerCount : layers[1], HeadCount = heads, FeedForwardDim = neurons }, t5.Head, initialize: false),
        _ => throw new ArgumentException($"There is no smaller {model.ModelType} model.", nameof(model)),
    };

    private static void Fill(nn.Module small, nn.Module model, IReadOnlyList<PruningSite> sites, Dictionary<string, int[]> layers, Dictionary<string, int[]> units, CancellationToken cancellationToken)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Device device = model.parameters().First().device;
        small.to(device);
        Dictionary<string, Tensor> values = model.state_dict();
        var places = new Dictionary<string, (long Axis, long[] Places)>();
        foreach (PruningSite site in sites)
        {
            if (!units.TryGetValue(site.Output, out int[]? kept)) continue;
            places[site.Output + ".weight"] = (1, site.Columns(kept));
            foreach (UnitInput input in site.Inputs) places[input.Name + ".weight"] = places[input.Name + ".bias"] = (0, site.Rows(input, kept));
            if (site.Shared is { } shared) places[shared] = (1, [.. kept.Select(unit => (long)unit)]);
        }
        foreach (var (name, target) in small.state_dict())
        {
            cancellationToken.ThrowIfCancellationRequested();
            string former = Former(name);
            Tensor value = values[former];
            target.copy_(places.TryGetValue(former, out var chosen) ? value.index_select(chosen.Axis, tensor(chosen.Places).to(device)) : value);
        }

        string Former(string name)
        {
            foreach (var (prefix, kept) in layers)
            {
                if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
                int end = name.IndexOf('.', prefix.Length);
                return $"{prefix}{kept[int.Parse(name.AsSpan(prefix.Length, end - prefix.Length), CultureInfo.InvariantCulture)]}{name[end..]}";
            }
            return name;
        }
    }

    private static long Count(ITransformerModel model) => LinearMaps.ModuleOf(model).parameters().Sum(p => p.numel());
}
