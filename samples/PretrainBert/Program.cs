// Pre-trains a small BERT on the reference documentation of the .NET SDK, or on text files of your own. README.md says more.
using System.Globalization;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Output = "runs/pretrain-bert";
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (SampleArguments.Read(args, steps: 1400) is not { } given) return 2;

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. Text to tokens.
    TextCorpus corpus = given.Corpus;
    var tokenizer = PipelineTokenizer.TrainWordPiece(corpus, new() { VocabSize = 4096, AlphabetLimit = 256 }, cancellation: stop.Token);
    using var tokens = TokenStore.Build(corpus, tokenizer, $"{Output}/tokens", new() { Overwrite = true }, stop.Token);

    // 2. A model that knows nothing, and what it is to learn: whole words from both sides.
    var config = BertPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 64 };
    using var model = new BertModel(config, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
    var objective = new MaskedLanguageModeling(tokens, tokenizer, new() { Masking = new() { Rate = 0.3, Unit = MaskingUnit.WholeWord } });
    AnsiConsole.MarkupLine($"{tokens.Count:N0} tokens of {tokenizer.VocabSize:N0} kinds; {model.parameters().Sum(parameter => parameter.numel()):N0} parameters.\n");
    string[] texts = given.Files.Length == 0 ? ["gets or [MASK] the value.", "returns the [MASK] of elements."] : ["the [MASK] is"];
    Show("before");

    // 3. Training, with a line that is drawn anew.
    TrainingResult result = ProgressLine.Show(given.Steps, line =>
    {
        var options = new TrainingOptions
        {
            Output = Output,
            Overwrite = true,
            Tokenizer = tokenizer,
            Steps = given.Steps,
            BatchSize = 32,
            LearningRate = 1e-3,
            EvaluateEvery = 100,
            EvaluationBatches = 8,
            Callbacks = [line],
        };
        return new Trainer(options).Run(model, objective, stop.Token);
    });

    // 4. The same texts again.
    Show("after");
    string measures = objective.Evaluate(model, batches: 20) is { } held ? $", held out: loss {held.Loss:F3}, perplexity {held.Perplexity:F1}, {held.Accuracy:P1} right" : "";
    AnsiConsole.MarkupLine($"{result.Steps} steps in {result.Seconds:F0} s: loss {result.TrainLoss:F3}{measures}.");
    Console.WriteLine($"The model is in {Output}/model, a Hugging Face folder; the last checkpoint is in {Output}/checkpoints.");
    Console.WriteLine("Try next:");
    Console.WriteLine($"  dotnet run -c Release --project src/PreTrain.Cli -- fill-mask --model {Output} --text \"A [MASK] of bytes.\"");
    return result.Interrupted ? 130 : 0;

    void Show(string when)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        model.eval();
        AnsiConsole.Write(new Panel(new Text(string.Join('\n', texts.Select(text => $"{text}  {string.Join(", ", Fill(text))}")))).Header($"What it expects {when} training").Expand());
    }

    IEnumerable<string?> Fill(string text)
    {
        long[] ids = [.. tokenizer.Tokenize(text).Ids.ToArray().Select(id => (long)id)];
        torch.Tensor scores = model.Forward(new ModelInput { Ids = torch.tensor(ids, [1, ids.Length]) }).Logits[0, Array.IndexOf(ids, tokenizer.SpecialTokens.Mask!.Value)];
        return scores.topk(5).indexes.data<long>().ToArray().Select(id => tokenizer.IdToToken((int)id));
    }
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return SampleArguments.Fail(e);
}
