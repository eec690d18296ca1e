// Pre-trains a small T5 on the reference documentation of the .NET SDK, or on text files of your own. README.md says more.
using System.Globalization;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Generation;
using PreTrain.Models.T5;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Output = "runs/pretrain-t5";
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (SampleArguments.Read(args, steps: 1200) is not { } given) return 2;

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. Text to tokens.
    string[] special = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, 32).Select(i => $"<extra_id_{i}>")];
    var tokenizer = PipelineTokenizer.TrainUnigram(given.Corpus, new() { VocabSize = 4096, SpecialTokens = special }, cancellation: stop.Token);
    using var tokens = TokenStore.Build(given.Corpus, tokenizer, $"{Output}/tokens", new() { Overwrite = true }, stop.Token);

    // 2. A model that knows nothing, and what it is to learn: the spans that a text lost.
    var config = T5Presets.Nano with { VocabSize = tokenizer.VocabSize, PaddingId = 0, DecoderStartId = 0, EndId = 1 };
    using var model = new T5Model(config, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
    var objective = new SequenceDenoising(tokens, tokenizer, new SpanCorruption(tokenizer), new() { ContextLength = 64 });
    AnsiConsole.MarkupLine($"{tokens.Count:N0} tokens of {tokenizer.VocabSize:N0} kinds; {model.parameters().Sum(parameter => parameter.numel()):N0} parameters.\n");
    string[] texts = given.Files.Length == 0 ? ["Gets or <extra_id_0> the value <extra_id_1> the control.", "Returns the number of <extra_id_0> in the collection."] : ["The <extra_id_0> is"];
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
            LearningRate = 0.05,   // a share of the size of each matrix: T5's embeddings and head begin large
            Optimizer = new AdafactorOptions(),
            EvaluateEvery = 100,
            EvaluationBatches = 8,
            Callbacks = [line],
        };
        return new Trainer(options).Run(model, objective, stop.Token);
    });

    // 4. The same texts again.
    Show("after");
    AnsiConsole.MarkupLine($"{result.Steps} steps in {result.Seconds:F0} s: loss {result.TrainLoss:F3}.");
    Console.WriteLine($"The model is in {Output}/model, a Hugging Face folder; the last checkpoint is in {Output}/checkpoints.");
    Console.WriteLine("Try next:");
    Console.WriteLine($"  dotnet run -c Release --project src/PreTrain.Cli -- generate --model {Output} --prompt \"An <extra_id_0> of bytes.\" --max-new-tokens 8");
    return result.Interrupted ? 130 : 0;

    void Show(string when)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable mode = torch.no_grad();
        model.eval();
        string measures = objective.Evaluate(model, 32, 8) is { } held ? $"\nheld out: loss {held.Loss:F3}, {Right():P1} of the lost tokens right" : "";
        AnsiConsole.Write(new Panel(new Text(string.Join('\n', texts.Select(text => $"{text}  {Fill(text)}")) + measures)).Header($"What it writes {when} training").Expand());
    }

    // The share of held-out tokens that it expects most, given those before: of the text alone, since sentinels are easy.
    double Right()
    {
        long right = 0, all = 0;
        foreach (Batch batch in objective.Evaluation(model, 32).Take(8))
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor targets = torch.tensor(batch.Targets, [batch.Rows, batch.TargetLength]), first = torch.full([batch.Rows, 1], (long)model.DecoderStartId, dtype: torch.ScalarType.Int64);
            torch.Tensor written = torch.cat([first, targets.narrow(1, 0, batch.TargetLength - 1)], 1).clamp_min(0);   // (B, T)
            torch.Tensor? mask = batch.AttentionMask is { } there ? torch.tensor(there, [batch.Rows, batch.Length]) : null;
            long[] best = model.Forward(new() { Ids = torch.tensor(batch.Inputs, [batch.Rows, batch.Length]), AttentionMask = mask, DecoderIds = written }).Logits.argmax(-1).view(-1).data<long>().ToArray();
            for (int i = 0; i < best.Length; i++)
            {
                bool isText = batch.Targets[i] >= 0 && !tokenizer.IsSpecial((int)batch.Targets[i]);
                (all, right) = (all + (isText ? 1 : 0), right + (isText && best[i] == batch.Targets[i] ? 1 : 0));
            }
        }
        return (double)right / Math.Max(1, all);
    }

    // Each span behind its sentinel.
    string Fill(string text) => tokenizer.Decode([.. model.GeneratePieces(tokenizer, text, new() { MaxNewTokens = 12, Temperature = 0 }).Where(piece => piece.Token is not null).Select(piece => piece.Token!.Value)]);
}
catch (Exception e) when (e is CorpusException or ArgumentException or OperationCanceledException)
{
    return SampleArguments.Fail(e);
}
