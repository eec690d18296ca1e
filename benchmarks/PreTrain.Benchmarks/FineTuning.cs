// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- finetuning classify|tokens|qa [FOLDER [SHARE [scratch,whole,lora,aligned,hira,hira-aligned [0.01,0.1,1]]]]   (a small share of the steps, such as 0.02, for a look; the ways to measure; the shares of the labels)
using System.Globalization;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.ModernBert;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Benchmarks;

/// <summary>
/// What pre-training is worth by the number of labels: a small ModernBERT that has read the SDK's documentation, and one that has not, are fine-tuned with 1, 10 and 100 % of the labels of a task, as a
/// whole and with an adapter, whose low-rank updates are added to the weights or multiply them (HiRA), and start at random or aligned to the gradient, three times with different seeds. What is held out is the same for all. The folder keeps the pre-trained model.
/// </summary>
internal static class FineTuning
{
    private const double HeldOut = 0.1, FullRate = 5e-4, AdapterRate = 3e-3;
    private const int Rank = 4, Batch = 32, MeasuredExamples = 1000, PretrainSteps = 1500;
    private static readonly double[] s_shares = [0.01, 0.1, 1];
    private static readonly long[] s_seeds = [1, 2, 3];
    private static readonly string[] s_ways = ["scratch", "whole", "lora", "aligned", "hira", "hira-aligned"];

    /// <summary>A task: the steps of its fine-tuning, the measure, its head, and how an objective is made of a share of the labels.</summary>
    private sealed record HeadTask(string Name, int Steps, string Measure, ModelHead Head, HeadOptions Options, Func<TextTokenizer, double, int, ILabelledObjective> Objective, Func<ITransformerModel, TextTokenizer, IReadOnlyDictionary<string, double>> Evaluate);

    internal static int Run(string[] arguments)
    {
        string folder = arguments.Length > 1 ? arguments[1] : "runs/finetuning";
        double part = arguments.Length > 2 ? double.Parse(arguments[2], CultureInfo.InvariantCulture) : 1;
        var documentation = new SdkDocumentation();
        string[] ways = arguments.Length > 3 ? arguments[3].Split(',') : s_ways;
        if (ways.Except(s_ways).FirstOrDefault() is { } unknown)
        {
            Console.Error.WriteLine($"'{unknown}' is none of the ways: {string.Join(", ", s_ways)}.");
            return 2;
        }
        if (Tasks(documentation).FirstOrDefault(task => task.Name == arguments.FirstOrDefault()) is not { } task)
        {
            Console.Error.WriteLine("finetuning takes a task first: classify, tokens or qa.");
            return 2;
        }
        (int pretrainSteps, int steps) = (QualityModels.StepsOf(PretrainSteps, part), QualityModels.StepsOf(task.Steps, part));
        TextTokenizer tokenizer = Pretrain(documentation, pretrainSteps, folder);
        ModernBertConfig config = Config(tokenizer);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ModernBERT of {config.LayerCount} x {config.EmbeddingDim}, {pretrainSteps} steps of pre-training, {steps} of fine-tuning, means of {s_seeds.Length} seeds (least and most)"));
        Console.WriteLine($"task      labels   share  measure       {string.Join(" ", ways.Select(way => $"{way,-20}"))} trained  bytes");
        double[] shares = arguments.Length > 4 ? [.. arguments[4].Split(',').Select(share => double.Parse(share, CultureInfo.InvariantCulture))] : s_shares;
        foreach (double share in shares)
        {
            var last = new Result();
            string Cell(string way)
            {
                Result[] results = [.. s_seeds.Select(seed => Score(task, share, seed, way, tokenizer, config, steps, folder))];
                last = results[^1];
                return string.Create(CultureInfo.InvariantCulture, $"{results.Average(r => r.Value):F3} ({results.Min(r => r.Value):F3}-{results.Max(r => r.Value):F3})");
            }
            string cells = string.Join(" ", ways.Select(way => $"{Cell(way),-20}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{task.Name,-9} {last.Labels,6} {100 * share,5:F0} %  {task.Measure,-12}  {cells} {last.Trained,6:P2} {last.Bytes,6:P2}"));
        }
        return 0;
    }

    /// <summary>What a run came to: the measure, the labels it saw, and what it trained and saved as parts of the whole model.</summary>
    private readonly record struct Result(double Value, int Labels, double Trained, double Bytes);

    private static ModernBertConfig Config(TextTokenizer tokenizer) => ModernBertPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 128, PaddingId = tokenizer.SpecialTokens.Padding ?? 0 };

    private static TextTokenizer Pretrain(SdkDocumentation documentation, int steps, string folder)
    {
        string saved = Path.Combine(folder, "tokenizer"), read = Path.Combine(folder, "read");
        if (Directory.Exists(Path.Combine(read, "model"))) return TextTokenizer.Load(saved);
        var tokenizer = PipelineTokenizer.TrainWordPiece(documentation, new() { VocabSize = 8192, AlphabetLimit = 256 });
        tokenizer.Save(saved);
        using TokenStore tokens = TokenStore.Build(documentation, tokenizer, Path.Combine(folder, "tokens"), new() { Overwrite = true });
        using torch.Generator generator = new RandomStreams(0).CreateGenerator("init");
        using var model = new ModernBertModel(Config(tokenizer), generator: generator);
        var objective = new MaskedLanguageModeling(tokens, tokenizer, new() { Masking = new() { Rate = 0.3, Unit = MaskingUnit.WholeWord } });
        new Trainer(Options(read, steps, 0, 1e-3) with { Tokenizer = tokenizer, Precision = Precision.BFloat16, Overwrite = true }).Run(model, objective);
        return tokenizer;
    }

    private static Result Score(HeadTask task, double share, long seed, string way, TextTokenizer tokenizer, ModernBertConfig config, int steps, string folder)
    {
        bool adapts = way is not ("scratch" or "whole");
        using torch.Generator generator = new RandomStreams(seed).CreateGenerator("init");
        using ModernBertModel model = way != "scratch"
            ? ModernBertModel.FromPretrained(Path.Combine(folder, "read", "model"), task.Head, generator, task.Options)
            : new(config with { LabelCount = task.Options.Labels?.Count ?? config.LabelCount, Labels = task.Options.Labels, Task = task.Options.Task }, task.Head, generator);
        double whole = model.parameters().Sum(p => p.numel());
        using LoraAdapter? adapter = adapts ? new LoraAdapter(model, new LoraOptions { Rank = Rank, Alpha = 4 * Rank, Trained = ["*classifier*", "*norm*"], IsHadamard = way.StartsWith("hira", StringComparison.Ordinal) }, generator: generator) : null;
        double trained = (adapter?.ParameterCount ?? whole) / whole;
        ILabelledObjective objective = task.Objective(tokenizer, share, (int)seed);
        if (way.EndsWith("aligned", StringComparison.Ordinal)) adapter!.AlignToGradient(objective, Batch, seed: seed);
        string output = Path.Combine(folder, $"run-{task.Name}");
        string saved = new Trainer(Options(output, steps, seed, adapts ? AdapterRate : FullRate) with { Weights = adapter, Overwrite = true }).Run(model, objective).ModelFolder;
        double bytes = Directory.GetFiles(saved, "*.safetensors").Sum(file => new FileInfo(file).Length) / (whole * sizeof(float));
        return new(task.Evaluate(model, tokenizer)[task.Measure], objective.TrainingRows(model), trained, bytes);
    }

    private static TrainingOptions Options(string output, int steps, long seed, double rate) => new()
    {
        Output = output,
        Steps = steps,
        BatchSize = Batch,
        LearningRate = rate,
        Seed = seed,
        EvaluateEvery = 0,
        EvaluationBatches = 1,
        CheckpointEvery = 0,
    };

    private static IEnumerable<HeadTask> Tasks(SdkDocumentation documentation)
    {
        var texts = LabelledTexts.FromSdkDocumentation(documentation).Split(HeldOut);
        var measuredTexts = new LabelledTexts([.. texts.Validation!.Examples.Take(MeasuredExamples)], texts.Train.Labels);
        yield return new("classify", 250, "accuracy", ModelHead.SequenceClassification, new() { Labels = texts.Train.Labels, Task = ClassificationTask.SingleLabel },
            (tokenizer, share, seed) => new SequenceClassification(new(Part(texts.Train.Examples, share, seed), texts.Train.Labels), tokenizer, new() { ValidationFraction = 0 }),
            (model, tokenizer) => new TextClassifier(model, tokenizer).Evaluate(measuredTexts));

        var tagged = TaggedTexts.FromSdkDocumentation(documentation).Split(HeldOut);
        var measuredTags = new TaggedTexts([.. tagged.Validation!.Examples.Take(MeasuredExamples)], tagged.Train.Tags);
        yield return new("tokens", 750, "f1", ModelHead.TokenClassification, new() { Labels = tagged.Train.Tags },
            (tokenizer, share, seed) => new TokenClassification(new(Part(tagged.Train.Examples, share, seed), tagged.Train.Tags), tokenizer, new() { ValidationFraction = 0 }),
            (model, tokenizer) => new NameFinder(model, tokenizer).Evaluate(measuredTags));

        var questions = AnsweredQuestions.FromSdkDocumentation(documentation).Split(HeldOut);
        var measuredQuestions = new AnsweredQuestions([.. questions.Validation!.Examples.Take(MeasuredExamples)]);
        yield return new("qa", 250, "f1", ModelHead.QuestionAnswering, new(),
            (tokenizer, share, seed) => new QuestionAnswering(new(Part(questions.Train.Examples, share, seed)), tokenizer, new() { ValidationFraction = 0 }),
            (model, tokenizer) => new AnswerFinder(model, tokenizer).Evaluate(measuredQuestions));
    }

    /// <summary>A share of examples, another for each seed.</summary>
    private static T[] Part<T>(IReadOnlyList<T> all, double share, int seed)
    {
        int[] order = [.. Enumerable.Range(0, all.Count)];
        new Random(seed).Shuffle(order);
        return [.. order.Take(Math.Max(1, (int)(all.Count * share))).Order().Select(i => all[i])];
    }
}
