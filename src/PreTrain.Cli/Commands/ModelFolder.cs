using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary>What <c>--model</c> names: a Hugging Face folder, or the folder of a run that holds one.</summary>
internal static class ModelFolder
{
    public const string Description = "A model: a folder with config.json, model.safetensors and tokenizer.json, or the output of a run.";

    /// <summary>The model of a run whose <c>model</c> is an adapter, with it in its weights.</summary>
    public const string Merged = "merged";

    /// <summary>The model of a run whose <c>model</c> is an adapter that is no change of weights, without it.</summary>
    public const string Base = "base";

    private const string Trained = "model";

    /// <summary>The folder with the model's files.</summary>
    public static string Resolve(string folder)
    {
        if (!Directory.Exists(folder))
            throw new CheckpointException(folder, "the folder does not exist; --model takes a folder with config.json and model.safetensors, or the output of a run.");
        if (File.Exists(Path.Combine(folder, "config.json"))) return folder;
        string[] inner = HoldsAdapter(folder) ? [Merged, Base, Trained] : [Merged, Trained];
        string? found = inner.Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);
        if (Directory.Exists(Path.Combine(folder, "checkpoints")) && (found is null || (HoldsAdapter(folder) && Path.GetFileName(found) == Trained)))
            throw new CheckpointException(folder, "the run in it is not finished, and has no whole model yet; go on with it by the command that began it, with --resume.");
        return found ?? folder;
    }

    /// <summary>Whether a folder is the output of a run that trained an adapter.</summary>
    public static bool HoldsAdapter(string folder) => File.Exists(Path.Combine(folder, Trained, "adapter_config.json"));

    /// <summary>Requires a model whose weights are all that it is: not the output of a run that leaves an adapter beside it.</summary>
    /// <param name="folder">What the option says.</param>
    /// <param name="option">The option.</param>
    /// <exception cref="UsageException">There is one.</exception>
    public static void RequireWhole(string folder, string option = "--model")
    {
        if (AdapterOf(folder) is { } adapter)
            throw new UsageException($"{option} ({folder}) is a model with an adapter beside it ({adapter}), which is no change of its weights. It can be used and measured, but a model cannot be made of it; name its {Path.Combine(folder, Base)} to go on without the adapter.");
    }

    /// <summary>The classes that the head of a folder tells already; null where it has another head, or does not name them.</summary>
    public static LabelSet? LabelsOf(string folder, ModelHead head)
    {
        string path = Path.Combine(Resolve(folder), "config.json");
        if (!File.Exists(path)) return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) is JsonObject config && config["architectures"] is JsonArray names && names.Any(name => name is JsonValue value && value.TryGetValue(out string? text) && text.EndsWith($"For{head}", StringComparison.Ordinal))
                ? LabelSet.FromConfig(config) : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;   // what is wrong with it is said when it is loaded
        }
    }

    /// <summary>The folder with the model's files, or the one file with its weights.</summary>
    public static string ResolveWeights(string path)
    {
        if (File.Exists(path)) return path;
        if (!Directory.Exists(path)) throw new CheckpointException(path, "there is no such file or folder.");
        return CheckpointTensors.Exists(path) ? path : Resolve(path);
    }

    /// <summary>Loads the model of a folder for evaluation.</summary>
    /// <param name="session">The call of the tool, whose seed decides the values of a head that the folder lacks.</param>
    /// <param name="folder">What <c>--model</c> says.</param>
    /// <param name="device">Where to.</param>
    /// <param name="head">The head; null for the one that the folder was saved with.</param>
    /// <param name="options">What is to be otherwise than the folder says.</param>
    public static ITransformerModel LoadModel(Session session, string folder, torch.Device device, ModelHead? head = null, HeadOptions? options = null)
    {
        using torch.Generator generator = new RandomStreams(session.Seed).CreateGenerator("init");
        ITransformerModel model = Load(folder, head, generator, options);
        var module = (torch.nn.Module)model;
        module.to(device);
        if (AdapterOf(folder) is { } adapter) Beside(model, folder, adapter, head);
        module.eval();
        return model;
    }

    private static ITransformerModel Load(string folder, ModelHead? head, torch.Generator generator, HeadOptions? options)
    {
        try
        {
            return AutoModel.FromPretrained(Resolve(folder), head, generator, options);
        }
        catch (ArgumentException fault) when (fault.ParamName == "head")
        {
            throw new UsageException($"The model in '{folder}' is not for this: {Faults.WithoutParameter(fault)}");
        }
    }

    /// <summary>Opens an adapter, which is the model's from here on, and goes with it.</summary>
    private static void Beside(ITransformerModel model, string folder, string adapter, ModelHead? head)
    {
        try
        {
            AdapterFolder.Open(model, adapter);
        }
        catch (CheckpointException fault) when (head is not null)
        {
            model.Dispose();
            throw new UsageException($"--model ({folder}) has an adapter beside it, which cannot be read together with the head {head} that is asked for: {fault.Message}");
        }
    }

    /// <summary>The adapter that the model of a run has beside it; null where there is none.</summary>
    private static string? AdapterOf(string folder) => Directory.Exists(folder) && Resolve(folder) == Path.Combine(folder, Base) ? Path.Combine(folder, Trained) : null;

    /// <summary>Loads a model that writes: one that goes on from a prompt, or one that answers a source.</summary>
    public static ITransformerModel LoadWriter(Session session, string folder, torch.Device device, HeadOptions? options = null)
    {
        ITransformerModel model = LoadModel(session, folder, device, options: options);
        ModelHead? wanted = model switch
        {
            ISequenceToSequenceModel => ModelHead.SequenceToSequence,
            ICausalLanguageModel => ModelHead.CausalLanguageModel,
            _ => null,
        };
        if (model.Head == wanted) return model;
        model.Dispose();
        if (wanted is { } head) return LoadModel(session, folder, device, head, options);
        throw new UsageException($"--model ({folder}) holds a {model.ModelType} model, which predicts no next token; take a model that does, such as gpt2 or llama.");
    }

    /// <summary>Loads a causal language model.</summary>
    public static ITransformerModel LoadCausal(Session session, string folder, torch.Device device, HeadOptions? options = null)
    {
        ITransformerModel model = LoadWriter(session, folder, device, options);
        if (model is ICausalLanguageModel) return model;
        model.Dispose();
        throw new UsageException($"--model ({folder}) holds a {model.ModelType} model, which answers texts; take one that goes on from a text, such as gpt2 or llama.");
    }

    /// <summary>Loads the tokenizer of a folder, and checks that it fits the model.</summary>
    public static TextTokenizer LoadTokenizer(string folder, ITransformerModel model)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(Resolve(folder));
        return Sizes(model) is not { } sizes || tokenizer.VocabSize <= sizes.Vocabulary ? tokenizer : throw new CheckpointException(Resolve(folder),
            $"the tokenizer has {tokenizer.VocabSize} tokens and the model {sizes.Vocabulary}; they do not belong together.");
    }

    /// <summary>The vocabulary and the longest sequence of a model that reads tokens; null for others.</summary>
    public static (int Vocabulary, int Context)? Sizes(ITransformerModel model) => model switch
    {
        ITokenPredictor writer => (writer.VocabSize, writer.ContextLength),
        IMaskedLanguageModel reader => (reader.VocabSize, reader.ContextLength),
        _ => null,
    };
}
