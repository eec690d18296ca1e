// Fine-tunes a small BERT to tell what a member of .NET is from a sentence about it, or to tell the classes of texts of your own. README.md says more.
using System.Globalization;
using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using Spectre.Console;
using TorchSharp;

const string Sample = "runs/pretrain-bert", Own = "runs/fine-tune-classifier/pretrained", Output = "runs/fine-tune-classifier";
const double HeldOut = 0.1;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (SampleArguments.Read(args, steps: 600) is not { } given) return 2;

try
{
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, signal) => { signal.Cancel = true; stop.Cancel(); };
    torch.set_num_threads(Environment.ProcessorCount);

    // 1. Texts that have labels.
    LabelledTexts texts = given.Files.Length == 0 ? LabelledTexts.FromSdkDocumentation(new SdkDocumentation()) : LabelledTexts.FromFiles(new(), given.Files);
    LabelledTexts heldOut = texts.Split(HeldOut).Validation ?? throw new CorpusException($"Of {texts.Count} texts none can be held out; give ten or more.");
    AnsiConsole.MarkupLineInterpolated($"{texts.Count:N0} texts of {texts.Labels!.Count} classes: {string.Join(", ", texts.Labels.Names)}.");

    // 2. A model that has read: that of samples/PretrainBert, or one that reads the texts now.
    bool isThere = File.Exists($"{Sample}/model/model.safetensors");
    string pretrained = isThere ? $"{Sample}/model" : Pretrain($"{Own}", stop.Token);
    AnsiConsole.MarkupLineInterpolated($"The pre-trained model is {pretrained}.");

    // 3. The same model with a head for the labels, which is new.
    TextTokenizer tokenizer = TextTokenizer.Load(pretrained);
    ITransformerModel model = AutoModel.FromPretrained(pretrained, ModelHead.SequenceClassification, new RandomStreams(seed: 0).CreateGenerator("init"), new() { Labels = texts.Labels, Task = texts.Task });
    AnsiConsole.MarkupLineInterpolated($"New in it: {string.Join(", ", LoadedWeights.Of(model)!.New)}.\n");
    using var classifier = new TextClassifier(model, tokenizer);
    LabelledText[] shown = [.. heldOut.Examples.DistinctBy(example => example.Labels[0]).Take(8)];   // one of each class
    Show("before");

    // 4. Training.
    var objective = new SequenceClassification(texts, tokenizer, new() { ValidationFraction = HeldOut });
    TrainingResult result = Train(given.Steps, Output, 5e-4, options => new Trainer(options with { Tokenizer = tokenizer }).Run(model, objective, stop.Token));

    // 5. The same texts again, and all that were held out.
    Show("after");
    IReadOnlyDictionary<string, double> scores = classifier.Evaluate(heldOut);
    AnsiConsole.MarkupLineInterpolated($"{result.Steps} steps in {result.Seconds:F0} s: held out: accuracy {scores["accuracy"]:P1}, macro F1 {scores["macroF1"]:F3}.");
    Console.WriteLine($"The model is in {Output}/model, a Hugging Face folder with its labels.");
    Console.WriteLine("Try next:");
    Console.WriteLine($"  dotnet run -c Release --project src/PreTrain.Cli -- predict --model {Output} --text \"Occurs when the window is closed.\"");
    return result.Interrupted ? 130 : 0;

    string Pretrain(string folder, CancellationToken cancellation)
    {
        string[] read = [.. texts.Examples.Select(example => example.Text)];
        var words = PipelineTokenizer.TrainWordPiece(read, new() { VocabSize = 4096, AlphabetLimit = 256 }, cancellation: cancellation);
        using var tokens = TokenStore.Build(read, words, $"{folder}/tokens", new() { Overwrite = true }, cancellation);
        using var reader = new BertModel(BertPresets.Nano with { VocabSize = words.VocabSize, ContextLength = 64 }, generator: new RandomStreams(seed: 0).CreateGenerator("init"));
        Train(given.Steps, folder, 1e-3, options => new Trainer(options with { Tokenizer = words }).Run(reader, new MaskedLanguageModeling(tokens, words), cancellation));
        return $"{folder}/model";
    }

    static TrainingResult Train(int steps, string output, double rate, Func<TrainingOptions, TrainingResult> train) => ProgressLine.Show(steps, line => train(new()
    {
        Output = output,
        Overwrite = true,
        Steps = steps,
        BatchSize = 32,
        LearningRate = rate,
        EvaluateEvery = 100,
        EvaluationBatches = 8,
        Callbacks = [line],
    }));

    void Show(string when)
    {
        var table = new Table().AddColumns("text", "is", "it says").Title($"What it says {when} training").Expand();
        foreach (var (example, said) in shown.Zip(classifier.Predict([.. shown.Select(example => example.Text)])))
            table.AddRow(new Text(example.Text), new Text(texts.Labels[example.Labels[0]]), new Text($"{said.Labels[0]} {said.Probabilities.Max():P0}"));
        AnsiConsole.Write(table);
    }
}
catch (Exception e) when (e is CorpusException or CheckpointException or TokenizerException or ArgumentException or OperationCanceledException)
{
    return SampleArguments.Fail(e);
}
