// Tunes a small GPT to another part of the .NET SDK's documentation with low-rank updates, or to a text file of your own. README.md says more.
using System.Globalization;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Output = "runs/fine-tune-lora", Trained = "runs/pretrain-gpt/model";   // where the sample PretrainGpt leaves its model
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (SampleArguments.Read(args, steps: 300) is not { } given) return 2;
if (given.Files.Length == 1)
{
    Console.Error.WriteLine("Give no file, or at least two: the model is tuned to the last one, and pre-trained on the others.");
    return 2;
}

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. A model that knows one part of the text: that of PretrainGpt, or one that is trained here.
    bool found = given.Files.Length == 0 && File.Exists($"{Trained}/model.safetensors");
    SdkMember[] members = given.Files.Length == 0 ? [.. new SdkDocumentation().Members] : [];
    TextCorpus known = given.Files.Length == 0 ? Types(members, "System.Collections", "System.IO", "System.Text") : TextCorpus.FromFiles(given.Files[..^1]);
    TextCorpus other = given.Files.Length == 0 ? Types(members, "Microsoft.AspNetCore.Http", "Microsoft.AspNetCore.Mvc") : TextCorpus.FromFiles(given.Files[^1]);
    TextTokenizer tokenizer = found ? TextTokenizer.Load(Trained) : ByteLevelBpeTokenizer.Train(known, new() { VocabSize = 2048 }, cancellation: stop.Token);
    using GptModel model = found
        ? GptModel.FromPretrained(Trained)
        : new GptModel(GptPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 128 }, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
    var options = new TrainingOptions { Output = $"{Output}/base", Overwrite = true, Tokenizer = tokenizer, Steps = given.Steps, LearningRate = 2e-3, EvaluateEvery = 0, EvaluationBatches = 8 };
    if (!found)
    {
        using var first = TokenStore.Build(known, tokenizer, $"{Output}/known", new() { Overwrite = true }, stop.Token);
        Train("Pre-training", options, trainer => trainer.Run(model, new CausalLanguageModeling(first), stop.Token));
    }

    // 2. The other part: what the model makes of it before and after its updates are trained.
    using var tokens = TokenStore.Build(other, tokenizer, $"{Output}/tokens", new() { Overwrite = true }, stop.Token);
    var objective = new CausalLanguageModeling(tokens);
    double before = objective.Evaluate(model, batches: 8)!.Perplexity;
    using var adapter = new LoraAdapter(model, new LoraOptions { Rank = 8 }, generator: new RandomStreams(seed: 1).CreateGenerator("init"));
    long all = model.parameters().Sum(parameter => parameter.numel());
    TrainingResult result = Train("Tuning", options with { Output = $"{Output}/adapter", Weights = adapter, LearningRate = 5e-3 }, trainer => trainer.Run(model, objective, stop.Token));
    double after = objective.Evaluate(model, batches: 8)!.Perplexity;

    // 3. The updates in the weights: an ordinary model that computes the same.
    using var ids = torch.tensor(tokenizer.Encode("Gets or sets the").Select(id => (long)id).ToArray()).unsqueeze(0);
    using torch.Tensor adapted = model.Logits(ids);
    adapter.Merge();
    model.SavePretrained($"{Output}/merged");
    tokenizer.Save($"{Output}/merged");
    using GptModel merged = GptModel.FromPretrained($"{Output}/merged");
    merged.eval();
    using torch.Tensor same = merged.Logits(ids);
    if (!same.allclose(adapted, rtol: 1e-3, atol: 1e-3)) throw new InvalidOperationException("The merged model does not compute what the adapted one does.");

    AnsiConsole.MarkupLine($"{result.Steps} steps trained {adapter.ParameterCount:N0} values beside {all - adapter.ParameterCount:N0} that stayed.");
    AnsiConsole.MarkupLine($"Perplexity on the other text: {before:F1} before, {after:F1} after.");
    Console.WriteLine("The merged model gives the logits of the adapted one.");
    Console.WriteLine($"The adapter is in {Output}/adapter/model, in the format of PEFT; the merged model is in {Output}/merged.");
    return result.Interrupted ? 130 : 0;
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return SampleArguments.Fail(e);
}

// The documentation of some namespaces, a document for each type.
static TextCorpus Types(SdkMember[] members, params string[] namespaces) => TextCorpus.FromDocuments(
[
    .. members.Where(member => !member.IsEmpty && namespaces.Any(name => member.Namespace.StartsWith(name, StringComparison.Ordinal)))
        .GroupBy(member => member.FullTypeName).OrderBy(type => type.Key, StringComparer.Ordinal).Select(type => string.Join('\n', type.Select(member => member.ToPlainText()))),
]);

static TrainingResult Train(string what, TrainingOptions options, Func<Trainer, TrainingResult> run)
{
    AnsiConsole.MarkupLine($"{what} …");
    return ProgressLine.Show(options.Steps, line => run(new Trainer(options with { Callbacks = [line] })));
}
