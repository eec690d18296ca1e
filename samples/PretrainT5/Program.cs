// Pre-trains a small T5 on the reference documentation of the .NET SDK, or on text files of your own. README.md says more.
using System.Globalization;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Generation;
using PreTrain.Models.T5;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Output = "runs/pretrain-t5";
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int steps = 1200;
var files = new List<string>();
for (int i = 0; i < args.Length; i++)
{
    if (args[i] != "--steps")
        files.Add(args[i]);
    else if (++i == args.Length || !int.TryParse(args[i], out steps) || steps < 1)
        return Fail("--steps takes a positive whole number, as in --steps 100.", 2);
}

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. Text to tokens.
    TextCorpus corpus = files.Count == 0 ? new SdkDocumentation() : TextCorpus.FromFiles([.. files]);
    string[] special = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, 32).Select(i => $"<extra_id_{i}>")];
    var tokenizer = PipelineTokenizer.TrainUnigram(corpus, new() { VocabSize = 4096, SpecialTokens = special }, cancellation: stop.Token);
    using var tokens = TokenStore.Build(corpus, tokenizer, $"{Output}/tokens", new() { Overwrite = true }, stop.Token);

    // 2. A model that knows nothing, and what it is to learn: the spans that a text lost.
    var config = T5Presets.Nano with { VocabSize = tokenizer.VocabSize, PaddingId = 0, DecoderStartId = 0, EndId = 1 };
    using var model = new T5Model(config, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
    var objective = new SequenceDenoising(tokens, tokenizer, new SpanCorruption(tokenizer), new() { ContextLength = 64 });
    AnsiConsole.MarkupLine($"{tokens.Count:N0} tokens of {tokenizer.VocabSize:N0} kinds; {model.parameters().Sum(parameter => parameter.numel()):N0} parameters.\n");
    string[] texts = files.Count == 0 ? ["Gets or <extra_id_0> the value <extra_id_1> the control.", "Returns the number of <extra_id_0> in the collection."] : ["The <extra_id_0> is"];
    Show("before");

    // 3. Training, with a line that is drawn anew.
    TrainingResult result = AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new RemainingTimeColumn()).Start(progress =>
    {
        var options = new TrainingOptions
        {
            Output = Output,
            Overwrite = true,
            Tokenizer = tokenizer,
            Steps = steps,
            BatchSize = 32,
            LearningRate = 1e-3,
            EvaluateEvery = 100,
            EvaluationBatches = 8,
            Callbacks = [new Display(progress.AddTask("starting", maxValue: steps))],
        };
        return new Trainer(options).Run(model, objective, stop.Token);
    });

    // 4. The same texts again.
    Show("after");
    AnsiConsole.MarkupLine($"{result.Steps} steps in {result.Seconds:F0} s: loss {result.TrainLoss:F3}{(result.ValidationLoss is { } held ? $", held out {held:F3}" : "")}.");
    Console.WriteLine($"The model is in {Output}/model, a Hugging Face folder; the last checkpoint is in {Output}/checkpoints.");
    Console.WriteLine("Try next:");
    Console.WriteLine($"  dotnet run -c Release --project src/PreTrain.Cli -- generate --model {Output} --prompt \"An <extra_id_0> of bytes.\" --max-new-tokens 8");
    return result.Interrupted ? 130 : 0;

    void Show(string when)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        model.eval();
        AnsiConsole.Write(new Panel(new Text(string.Join('\n', texts.Select(text => $"{text}  {Fill(text)}")))).Header($"What it writes {when} training").Expand());
    }

    // Each span behind its sentinel.
    string Fill(string text) => tokenizer.Decode([.. model.GeneratePieces(tokenizer, text, new() { MaxNewTokens = 12, Temperature = 0 }).Where(piece => piece.Token is not null).Select(piece => piece.Token!.Value)]);
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return e is OperationCanceledException ? Fail("Interrupted before the first step.", 130) : Fail(e.Message, 3);
}

static int Fail(string message, int exitCode)
{
    Console.Error.WriteLine(message);
    return exitCode;
}

internal sealed class Display(ProgressTask task) : ITrainingCallback
{
    public void OnStep(TrainingRun run, TrainingStep step) => (task.Description, task.Value) = ($"step {step.Step}/{run.Options.Steps}  loss {step.Loss:F3}", step.Step);
}
