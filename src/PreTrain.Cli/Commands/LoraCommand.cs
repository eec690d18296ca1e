using System.CommandLine;
using System.Globalization;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain lora merge</c>: a model with adapters in its weights.</summary>
internal static class LoraCommand
{
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var lora = new Command("lora", "Works with adapters: low-rank updates, factors (IA3) and biases (BitFit).");
        root.Subcommands.Add(lora);
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<string[]> adapters = Several("--adapter", "DIR", "Folders with adapter_config.json and adapter_model.safetensors, or outputs of runs that trained an adapter. Several low-rank updates are summed.");
        adapters.Required = true;
        Option<string[]> weights = Several("--weights", "NUMBER", "What each low-rank update counts, in the order of --adapter. The default is 1.");
        Option<string?> output = Options.Text("--output", "DIR", "The folder for the merged model.", required: true);
        Option<ModelHead?> head = HeadOption.Create();
        Option<bool> overwrite = ExportCommand.OverwriteOption();
        var command = new Command("merge", "Brings adapters into the weights of the model that they were trained on, and writes an ordinary model, with the tokenizer and the chat template of the last adapter that has some.") { model, adapters, weights, output, head, overwrite };
        add(lora, command, (parsed, session) =>
        {
            string[] folders = parsed.GetRequiredValue(adapters);
            double[] counts = WeightsOf(parsed.GetValue(weights) ?? [], folders.Length);
            Run(session, parsed.GetRequiredValue(model)!, [.. folders.Select((folder, i) => (Resolve(folder), counts[i]))], parsed.GetRequiredValue(output)!, parsed.GetValue(head), parsed.GetValue(overwrite));
        });
    }

    private static Option<string[]> Several(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value, AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore };

    private static double[] WeightsOf(string[] texts, int adapters)
    {
        if (texts.Length == 0) return [.. Enumerable.Repeat(1.0, adapters)];
        if (texts.Length != adapters) throw new UsageException($"--weights has {texts.Length} numbers, and there are {adapters} adapters; give one for each.");
        return [.. texts.Select(text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double weight) && double.IsFinite(weight)
            ? weight : throw new UsageException($"--weights ({text}) must be numbers, such as 0.5."))];
    }

    /// <summary>The folder with the adapter's files: itself, or the model of a run.</summary>
    private static string Resolve(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "the folder does not exist; --adapter takes a folder with adapter_config.json and adapter_model.safetensors, or the output of a run.");
        string inner = Path.Combine(folder, "model");
        return !File.Exists(Path.Combine(folder, "adapter_config.json")) && Directory.Exists(inner) ? inner : folder;
    }

    /// <summary>Requires that no adapter is added twice: named twice, or in the model's weights already.</summary>
    private static void RequireOnce(string folder, string source, string[] adapters)
    {
        string model = Whole(source);
        var seen = new HashSet<string>();
        foreach (string adapter in adapters)
        {
            if (!seen.Add(Whole(adapter))) throw new UsageException($"--adapter names {adapter} twice; name it once, with what it counts in --weights.");
            if (Path.GetFileName(Whole(adapter)) == "model" && Path.GetDirectoryName(Whole(adapter)) is { } run && model == Path.Combine(run, ModelFolder.Merged))
                throw new UsageException($"--model ({folder}) has the adapter {adapter} in its weights already; name the model that the adapter was trained on.");
        }
    }

    /// <summary>Copies what an adapter was trained with: its tokenizer, its chat template, its pooling.</summary>
    private static void CopyCompanions(Session session, ITransformerModel model, string adapter, string target)
    {
        if (File.Exists(Path.Combine(adapter, "tokenizer.json")) && ModelFolder.Sizes(model) is { } sizes && TextTokenizer.Load(adapter).VocabSize is var tokens && tokens > sizes.Vocabulary)
        {
            session.Log($"Warning: the tokenizer of {adapter} has {tokens} tokens and the model {sizes.Vocabulary}; the tokenizer and the chat template of --model are kept.");
            return;
        }
        string card = Path.Combine(target, "README.md");
        byte[]? own = File.Exists(card) ? File.ReadAllBytes(card) : null;
        CheckpointConverter.CopyCompanions(adapter, target);
        if (own is not null) File.WriteAllBytes(card, own);   // the adapter's is of the adapter
        else File.Delete(card);
        // The model's may be in a file that comes before that of the adapter's.
        if (ChatTemplate.ReadSource(adapter) is { } template) AtomicFile.WriteAllText(Path.Combine(target, "chat_template.jinja"), template);
    }

    private static string Whole(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private static void Run(Session session, string folder, (string Folder, double Weight)[] adapters, string output, ModelHead? head, bool overwrites)
    {
        ModelFolder.RequireWhole(folder);
        string source = ModelFolder.Resolve(folder);
        RequireOnce(folder, source, [.. adapters.Select(adapter => adapter.Folder)]);
        PruneCommand.RequireOutput(source, output, overwrites);
        Device device = session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device, head);
        foreach (var (adapter, _) in adapters.Where(adapter => AdapterFolder.WasTrainedBeside(model, adapter.Folder) == false))
            session.Log($"Warning: {adapter} was trained beside other weights than those of --model ({folder}), which may be of another model or in other bits.");
        IReadOnlyList<(AdapterKind Kind, long ParameterCount)> merged = AdapterFolder.Merge(model, adapters);
        session.Cancellation.ThrowIfCancellationRequested();
        AtomicFolder.Write(output, beside =>
        {
            model.SavePretrained(beside);
            CheckpointConverter.CopyCompanions(source, beside);
            foreach (var (adapter, _) in adapters) CopyCompanions(session, model, adapter, beside);
        });
        session.Result(json =>
        {
            json.WriteString("output", output);
            json.WriteStartArray("adapters");
            for (int i = 0; i < adapters.Length; i++)
            {
                json.WriteStartObject();
                json.WriteString("folder", adapters[i].Folder);
                json.WriteString("kind", merged[i].Kind.ToString().ToLowerInvariant());
                json.WriteNumber("weight", adapters[i].Weight);
                json.WriteNumber("parameters", merged[i].ParameterCount);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }, text =>
        {
            for (int i = 0; i < adapters.Length; i++)
                text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{adapters[i].Folder}  {merged[i].Kind.ToString().ToLowerInvariant()}  {merged[i].ParameterCount:N0} parameters, times {adapters[i].Weight}"));
            text.WriteLine(output);
        });
    }
}
