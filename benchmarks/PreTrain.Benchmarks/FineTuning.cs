// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- finetuning 20 20    (for a look: 20 steps of pre-training, 20 of fine-tuning)
using System.Globalization;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Benchmarks;

/// <summary>
/// What pre-training is worth by the number of labels: a small BERT that has read the SDK's documentation, and one that has not, are fine-tuned with 1, 10 and 100 % of the labels of each task, as a
/// whole and with an adapter, three times with different seeds. What is held out is the same for all.
/// </summary>
internal static class FineTuning
{
    private const double HeldOut = 0.1, FullRate = 5e-4, AdapterRate = 2e-3;
    private const int Rank = 8, Batch = 32, MeasuredExamples = 1000;
    private static readonly double[] s_shares = [0.01, 0.1, 1];
    private static readonly long[] s_seeds = [1, 2, 3];

    /// <summary>A task: its head, the measure, and how an objective is made of a share of the labels.</summary>
    private sealed record HeadTask(string Name, string Measure, ModelHead Head, HeadOptions Options, Func<TextTokenizer, double, int, ILabelledObjective> Objective, Func<ITransformerModel, TextTokenizer, IReadOnlyDictionary<string, double>> Evaluate);

    internal static int Run(string[] arguments)
    {
        int pretrainSteps = arguments is [var first, ..] ? int.Parse(first, CultureInfo.InvariantCulture) : 1400;
        int steps = arguments is [_, var second, ..] ? int.Parse(second, CultureInfo.InvariantCulture) : 300;
        string folder = Directory.CreateTempSubdirectory("pretrain-finetuning-").FullName;
        try
        {
            var documentation = new SdkDocumentation();
            var tokenizer = PipelineTokenizer.TrainWordPiece(documentation, new() { VocabSize = 4096, AlphabetLimit = 256 });
            BertConfig config = BertPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 128 };
            Pretrain(documentation, tokenizer, config, pretrainSteps, folder);
            Console.WriteLine($"{torch.get_num_threads()} threads; BERT of {config.LayerCount} layers x {config.EmbeddingDim}, {pretrainSteps} steps of pre-training, {steps} of fine-tuning, means of {s_seeds.Length} seeds (least and most)");
            Console.WriteLine("task      labels   share  measure       scratch              pre-trained          pre-trained, LoRA");
            foreach (HeadTask task in Tasks(documentation))
            {
                foreach (double share in s_shares)
                {
                    int labels = 0;
                    string Cell(bool pretrained, bool adapts)
                    {
                        double[] values = [.. s_seeds.Select(seed => Score(task, share, seed, pretrained, adapts, tokenizer, config, steps, folder, out labels))];
                        return string.Create(CultureInfo.InvariantCulture, $"{values.Average():F3} ({values.Min():F3}-{values.Max():F3})");
                    }
                    string scratch = Cell(false, false), whole = Cell(true, false), adapter = Cell(true, true);
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{task.Name,-9} {labels,6} {100 * share,5:F0} %  {task.Measure,-12}  {scratch,-20} {whole,-20} {adapter}"));
                }
            }
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Pretrain(SdkDocumentation documentation, PipelineTokenizer tokenizer, BertConfig config, int steps, string folder)
    {
        using TokenStore tokens = TokenStore.Build(documentation, tokenizer, Path.Combine(folder, "tokens"));
        using torch.Generator generator = new RandomStreams(0).CreateGenerator("init");
        using var model = new BertModel(config, generator: generator);
        new Trainer(Options(Path.Combine(folder, "read"), steps, 0, 1e-3) with { Tokenizer = tokenizer }).Run(model, new MaskedLanguageModeling(tokens, tokenizer));
    }

    private static double Score(HeadTask task, double share, long seed, bool pretrained, bool adapts, PipelineTokenizer tokenizer, BertConfig config, int steps, string folder, out int labels)
    {
        using torch.Generator generator = new RandomStreams(seed).CreateGenerator("init");
        using BertModel model = pretrained
            ? BertModel.FromPretrained(Path.Combine(folder, "read", "model"), task.Head, generator, task.Options)
            : new(config with { LabelCount = task.Options.Labels?.Count ?? config.LabelCount, Labels = task.Options.Labels, Task = task.Options.Task }, task.Head, generator);
        using LoraAdapter? adapter = adapts ? new LoraAdapter(model, new LoraOptions { Rank = Rank, Alpha = 2 * Rank }, generator: generator) : null;
        ILabelledObjective objective = task.Objective(tokenizer, share, (int)seed);
        labels = objective.TrainingRows(model);
        string output = Path.Combine(folder, "run");
        new Trainer(Options(output, steps, seed, adapts ? AdapterRate : FullRate) with { Weights = adapter }).Run(model, objective);
        Directory.Delete(output, recursive: true);
        return task.Evaluate(model, tokenizer)[task.Measure];
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
        yield return new("classify", "accuracy", ModelHead.SequenceClassification, new() { Labels = texts.Train.Labels, Task = ClassificationTask.SingleLabel },
            (tokenizer, share, seed) => new SequenceClassification(new(Part(texts.Train.Examples, share, seed), texts.Train.Labels), tokenizer, new() { ValidationFraction = 0 }),
            (model, tokenizer) => new TextClassifier(model, tokenizer).Evaluate(measuredTexts));

        var tagged = TaggedTexts.FromSdkDocumentation(documentation).Split(HeldOut);
        var measuredTags = new TaggedTexts([.. tagged.Validation!.Examples.Take(MeasuredExamples)], tagged.Train.Tags);
        yield return new("tokens", "f1", ModelHead.TokenClassification, new() { Labels = tagged.Train.Tags },
            (tokenizer, share, seed) => new TokenClassification(new(Part(tagged.Train.Examples, share, seed), tagged.Train.Tags), tokenizer, new() { ValidationFraction = 0 }),
            (model, tokenizer) => new NameFinder(model, tokenizer).Evaluate(measuredTags));

        var questions = AnsweredQuestions.FromSdkDocumentation(documentation).Split(HeldOut);
        var measuredQuestions = new AnsweredQuestions([.. questions.Validation!.Examples.Take(MeasuredExamples)]);
        yield return new("qa", "f1", ModelHead.QuestionAnswering, new(),
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
