// Makes a small GPT smaller: takes half of its heads and neurons out, lets it learn from what it was, and gives it weights of 8 bits. README.md says more.
using System.Globalization;
using PreTrain.Compression;
using PreTrain.Data;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Output = "runs/compress";
const int Documents = 6000;   // enough for a model of this size, and soon read
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (SampleArguments.Read(args, steps: 600) is not { } given) return 2;

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. Text to tokens.
    string[] documents = [.. given.Corpus.Take(Documents)];
    AnsiConsole.MarkupLine("Training a tokenizer, and tokenizing the text …");
    var tokenizer = ByteLevelBpeTokenizer.Train(documents, new() { VocabSize = 2048 }, cancellation: stop.Token);
    using var tokens = TokenStore.Build(documents, tokenizer, $"{Output}/tokens", new() { Overwrite = true }, stop.Token);

    // 2. The model that is to become smaller.
    var config = GptPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 64 };
    using var model = new GptModel(config, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
    TrainingResult trained = ProgressLine.Show(given.Steps, line =>
    {
        var options = new TrainingOptions
        {
            Output = $"{Output}/original",
            Overwrite = true,
            Tokenizer = tokenizer,
            Steps = given.Steps,
            LearningRate = 2e-3,
            EvaluateEvery = 0,
            EvaluationBatches = 8,
            Callbacks = [line],
        };
        return new Trainer(options).Run(model, new CausalLanguageModeling(tokens), stop.Token);
    });
    if (trained.Interrupted) return 130;

    // 3. What is done to it.
    int recovery = Math.Max(1, given.Steps / 2);
    var recipe = new CompressionRecipe
    {
        EvaluationBatches = 16,
        Stages =
        [
            new PruneStage { Units = new() { HeadSparsity = 0.5, NeuronSparsity = 0.5, Importance = UnitImportance.Taylor } },
            new DistillStage { Steps = recovery, LearningRate = 1e-3 },
            new QuantizeStage(),
        ],
    };
    CompressionResult? result = null;
    ProgressLine.Show(recovery, line =>
    {
        var options = new CompressionOptions { Output = $"{Output}/stages", Overwrite = true, Callbacks = [line] };
        result = Compressor.Run(trained.ModelFolder, recipe, tokens, tokenizer, options, stop.Token);
        return trained;
    });
    if (result!.Interrupted) return 130;

    // 4. What is left of it.
    int[] shown = [0, 1, 4, 6, 7, 8];   // what a narrow terminal has room for
    var table = new Table().Border(TableBorder.Rounded);
    foreach (int column in shown) table.AddColumn(CompressionTable.Columns[column]);
    foreach (CompressionStep step in result.Steps) table.AddRow([.. shown.Select(column => CompressionTable.Row(step)[column])]);
    AnsiConsole.Write(table);
    (CompressionStep first, CompressionStep last) = (result.Steps[0], result.Steps[^1]);
    Console.WriteLine($"{(double)first.Bytes / last.Bytes:F1} times smaller: loss {first.Loss:F3} before and {last.Loss:F3} now.");
    Console.WriteLine($"The last model is in {Output}/stages/3-quantize, the table in {Output}/stages/report.html.");
    Console.WriteLine("Try next:");
    Console.WriteLine($"  dotnet run -c Release --project src/PreTrain.Cli -- generate --model {Output}/stages/3-quantize --prompt \"Gets or sets\"");
    return 0;
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return SampleArguments.Fail(e);
}
