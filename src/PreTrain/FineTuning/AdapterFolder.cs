using PreTrain.Checkpoints;
using PreTrain.Models;

namespace PreTrain.FineTuning;

/// <summary>Opens the folder of an adapter, of whatever kind it is.</summary>
public static class AdapterFolder
{
    // A new kind is a line here.
    private static readonly (string Name, AdapterKind Kind, Func<ITransformerModel, string, string, IAdapter> Open)[] s_kinds =
    [
        (LoraFolder.Type, AdapterKind.Lora, LoraAdapter.FromPretrained),
        (LoraFolder.HadamardType, AdapterKind.Lora, LoraAdapter.FromPretrained),
        ("IA3", AdapterKind.Ia3, (model, folder, _) => Ia3Adapter.FromPretrained(model, folder)),
        ("BOTTLENECK", AdapterKind.Bottleneck, (model, folder, _) => BottleneckAdapter.FromPretrained(model, folder)),
        ("PREFIX_TUNING", AdapterKind.Prefix, (model, folder, _) => PrefixTuning.FromPretrained(model, folder)),
        ("PROMPT_TUNING", AdapterKind.Prompt, (model, folder, _) => PromptTuning.FromPretrained(model, folder)),
        ("BITFIT", AdapterKind.Bias, (model, folder, _) => BitFit.FromPretrained(model, folder)),
    ];

    /// <summary>Which kind of adapter a folder holds.</summary>
    /// <param name="folder">Holds <c>adapter_config.json</c>, whose <c>peft_type</c> says it.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged, or its kind is not known.</exception>
    public static AdapterKind KindOf(string folder) => Find(folder).Kind;

    /// <summary>Adapts a model by what a folder holds.</summary>
    /// <param name="model">The model that the adapter was trained on.</param>
    /// <param name="folder">Holds <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, as <see cref="IPretrainedModel.SavePretrained"/> or the library PEFT wrote them.</param>
    /// <param name="name">Tells several <see cref="AdapterKind.Lora"/> of one model apart; of the other kinds a model has one.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, its kind is not known, or the adapter is for another model; all misfits are named together.</exception>
    /// <exception cref="ArgumentException">The model has an adapter that this one cannot be beside, or is quantized in a way that it cannot be beside.</exception>
    public static IAdapter Open(ITransformerModel model, string folder, string name = "default")
    {
        ArgumentNullException.ThrowIfNull(model);
        return Find(folder).Open(model, folder, name);
    }

    /// <summary>Whether an adapter was trained beside just these weights, and not others of the same shapes or in other bits.</summary>
    /// <param name="model">The model, without adapters.</param>
    /// <param name="folder">The adapter's folder. Heads that it holds as a whole are the model's afterwards.</param>
    /// <returns>Null where the folder does not say it, as PEFT's.</returns>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the adapter is for another model.</exception>
    public static bool? WasTrainedBeside(ITransformerModel model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        _ = Find(folder);   // says what is wrong with it
        if (AdapterFiles.BaseOf(folder) is not { } trained) return null;
        using IAdapter adapter = Open(model, folder);
        return adapter.ToConfigJson()[AdapterFiles.BaseName]!.GetValue<string>() == trained;
    }

    /// <summary>
    /// Brings adapters into a model's weights, one after the other: the updates of several <see cref="AdapterKind.Lora"/> are summed, each with its weight. The model is an ordinary one afterwards; where this
    /// fails, it may be changed in part.
    /// </summary>
    /// <param name="model">The model that they were trained on.</param>
    /// <param name="adapters">Folders, and what each counts: 1, or of <see cref="AdapterKind.Lora"/> any number.</param>
    /// <returns>The kinds and numbers of trained values, in order.</returns>
    /// <exception cref="CheckpointException">A folder is damaged, or for another model.</exception>
    /// <exception cref="ArgumentException">There is none; one is of a kind that is no change of weights; two hold the same parameter as a whole, or one holds one that another before it changes; one has lengths of its own (DoRA) or factors of the weights (HiRA) beside others; a weight is not one of the kind; the model is quantized.</exception>
    public static IReadOnlyList<(AdapterKind Kind, long ParameterCount)> Merge(ITransformerModel model, params IReadOnlyList<(string Folder, double Weight)> adapters)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapters);
        if (adapters.Count == 0) throw new ArgumentException("There must be at least one adapter.", nameof(adapters));
        Dictionary<string, string> holders = [], changers = [];
        foreach (var (folder, weight) in adapters)
        {
            AdapterKind kind = KindOf(folder);
            if (kind is AdapterKind.Bottleneck or AdapterKind.Prefix or AdapterKind.Prompt) throw new ArgumentException($"The adapter '{folder}' is a {kind}, which is no change of weights and cannot be merged; keep it beside the model.", nameof(adapters));
            if (weight != 1 && kind != AdapterKind.Lora) throw new ArgumentException($"The weight of the adapter '{folder}' ({weight}) must be 1: only low-rank updates can be weighed.", nameof(adapters));
            if (adapters.Count > 1 && AdapterFiles.Names(folder).Any(name => name.EndsWith(LoraFolder.NameOfA(isHadamard: true), StringComparison.Ordinal)))
                throw new ArgumentException($"The adapter '{folder}' has factors of its model's weights (HiRA), which other adapters change; merge it alone.", nameof(adapters));
            foreach (string name in AdapterFiles.WholeNames(folder))
            {
                if (changers.TryGetValue(name, out string? changer)) throw new ArgumentException($"The adapter '{folder}' holds {name} as a whole, and would undo what '{changer}' makes of it; name '{folder}' first.", nameof(adapters));
                if (name.EndsWith("lora_magnitude_vector", StringComparison.Ordinal) ? adapters.Count > 1 : !holders.TryAdd(name, folder))
                {
                    throw new ArgumentException(holders.TryGetValue(name, out string? other)
                        ? $"The adapters '{other}' and '{folder}' both hold {name} as a whole, and a model can have one; merge them into two models."
                        : $"The adapter '{folder}' has lengths of its own (DoRA), which are those of its model; merge it alone.", nameof(adapters));
                }
            }
            foreach (string name in AdapterFiles.ChangedNames(folder)) changers.TryAdd(name, folder);
        }
        var merged = new List<(AdapterKind, long)>();
        foreach (var (folder, weight) in adapters)
        {
            using IAdapter adapter = Open(model, folder);
            if (adapter is LoraAdapter lora) lora.Weight = weight;
            adapter.Merge();
            merged.Add((adapter.Kind, adapter.ParameterCount));
        }
        return merged;
    }

    /// <summary>Fills a new adapter, which is disposed where that fails. A new head of the model that the folder says nothing of stays new: it was trained for another task, or for none.</summary>
    internal static T Load<T>(T adapter, string folder, Func<T, IEnumerable<AdapterTensor>> tensors) where T : IAdapter
    {
        try
        {
            AdapterFiles.Read(folder, tensors(adapter), LoadedWeights.Of(adapter.Model)?.New);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    private static (AdapterKind Kind, Func<ITransformerModel, string, string, IAdapter> Open) Find(string folder)
    {
        var (_, reader, path) = AdapterFiles.ReadConfig(folder);
        string type = reader.Text("peft_type", "");
        reader.Finish(() => { });
        foreach (var (name, kind, open) in s_kinds)
        {
            if (name == type) return (kind, open);
        }
        throw new CheckpointException(path, $"{(type.Length == 0 ? "peft_type is missing" : $"peft_type is '{type}', which is not known")}; it must be one of {string.Join(", ", s_kinds.Select(k => k.Name))}.");
    }
}
