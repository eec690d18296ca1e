// Pre-trains a small GPT on the reference documentation of the .NET SDK, or on text files of your own. README.md says more.
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using PreTrain.Data;
using PreTrain.Generation;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Output = "runs/pretrain-gpt";
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (SampleArguments.Read(args, steps: 800) is not { } given) return 2;

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. Text to tokens.
    TextCorpus corpus = given.Corpus;
    AnsiConsole.MarkupLine("Training a tokenizer, and tokenizing the text …");
    var tokenizer = ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = 4096 }, cancellation: stop.Token);
    using var tokens = TokenStore.Build(corpus, tokenizer, $"{Output}/tokens", new() { Overwrite = true }, stop.Token);

    // 2. A model that knows nothing.
    var config = GptPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 128 };
    using var model = new GptModel(config, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
    long parameters = model.parameters().Sum(parameter => parameter.numel());
    AnsiConsole.MarkupLine($"{tokens.Count:N0} tokens of {tokenizer.VocabSize:N0} kinds; a model of {parameters:N0} parameters, {config.LayerCount} layers × {config.EmbeddingDim}.\n");
    string prompt = given.Files.Length == 0 ? "Returns the" : "The";
    Show("before", model.Generate(tokenizer, prompt, new() { MaxNewTokens = 40, Temperature = 0.8 }, stop.Token));

    // 3. Training, with a line that is drawn anew.
    TrainingResult result = ProgressLine.Show(given.Steps, line =>
    {
        bool amx = X86Base.IsSupported && (X86Base.CpuId(7, 0).Edx >> 22 & 1) != 0;   // multiplies bfloat16 matrices
        var options = new TrainingOptions
        {
            Output = Output,
            Overwrite = true,
            Tokenizer = tokenizer,
            Steps = given.Steps,
            LearningRate = 2e-3,
            Precision = amx ? Precision.BFloat16 : Precision.Float32,
            EvaluateEvery = 100,
            EvaluationBatches = 8,
            Callbacks = [line],
        };
        return new Trainer(options).Run(model, new CausalLanguageModeling(tokens), stop.Token);
    });

    // 4. The same prompt again.
    Show("after", model.Generate(tokenizer, prompt, new() { MaxNewTokens = 40, Temperature = 0.8 }));
    string validation = result.ValidationLoss is { } loss ? $", validation loss {loss:F3}" : "";
    AnsiConsole.MarkupLine($"{result.Steps} steps in {result.Seconds:F0} s: loss {result.TrainLoss:F3}{validation}, {result.TokensPerSecond:N0} tokens/s.");
    Console.WriteLine($"The model is in {Output}/model, a Hugging Face folder; the last checkpoint is in {Output}/checkpoints.");
    Console.WriteLine("Try next:");
    Console.WriteLine($"  dotnet run -c Release --project src/PreTrain.Cli -- generate --model {Output} --prompt \"Gets or sets\" --temperature 0.7");
    Console.WriteLine("  dotnet run -c Release --project samples/PretrainGpt -- your/text/*.txt --steps 2000");
    return result.Interrupted ? 130 : 0;
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return SampleArguments.Fail(e);
}

static void Show(string when, string text) => AnsiConsole.Write(new Panel(new Text(text)).Header($"What it writes {when} training").Expand());
