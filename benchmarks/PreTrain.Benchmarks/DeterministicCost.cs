// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- deterministic
using System.Diagnostics;
using System.Globalization;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Benchmarks;

/// <summary>
/// What <see cref="TrainingOptions.Deterministic"/> costs: a GPT and a BERT of 4 layers × 256 on the SDK's documentation, runs with it and without it in turn, and the medians of all
/// their steps. Two runs of the mode must end with the same bytes.
/// </summary>
internal static class DeterministicCost
{
    private const int Steps = 14, WarmUps = 4;

    internal static int Run(string[] arguments)
    {
        int rounds = arguments is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 5;
        string folder = Directory.CreateTempSubdirectory("pretrain-deterministic-").FullName;
        try
        {
            string[] texts = [.. new SdkDocumentation().Take(4000)];
            var bytes = ByteLevelBpeTokenizer.Train(texts, new() { VocabSize = 4096 });
            var words = PipelineTokenizer.TrainWordPiece(texts, new() { VocabSize = 4096 });
            Console.WriteLine($"{torch.get_num_threads()} threads; {rounds} runs each in turn, medians of {Steps} steps a run\n\n| model | precision | ms a step | deterministic | cost | two runs |\n|---|---|---|---|---|---|");
            bool same = true;
            foreach (Precision precision in new[] { Precision.Float32, Precision.BFloat16 })
            {
                same &= Compare("GPT, causal", precision, bytes, texts, rounds, Path.Combine(folder, "gpt"),
                    () => new GptModel(GptPresets.Nano with { VocabSize = bytes.VocabSize, ContextLength = 128, EmbeddingDim = 256 }), tokens => new CausalLanguageModeling(tokens));
                same &= Compare("BERT, masked", precision, words, texts, rounds, Path.Combine(folder, "bert"),
                    () => new BertModel(BertPresets.Nano with { VocabSize = words.VocabSize, ContextLength = 128, EmbeddingDim = 256 }), tokens => new MaskedLanguageModeling(tokens, words));
            }
            return same ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool Compare<TModel, TObjective>(
        string name, Precision precision, TextTokenizer tokenizer, string[] texts, int rounds, string folder, Func<TModel> model, Func<TokenStore, TObjective> objective)
        where TModel : torch.nn.Module, IPretrainedModel
        where TObjective : IObjective<TModel>
    {
        using TokenStore tokens = TokenStore.Build(texts, tokenizer, Path.Combine(folder, "tokens"), new() { Overwrite = true });
        var plain = new List<double>();
        var deterministic = new List<double>();
        byte[]? first = null;
        bool same = true;
        for (int round = 0; round < rounds; round++)
        {
            plain.AddRange(Train(deterministic: false));
            deterministic.AddRange(Train(deterministic: true));
            byte[] weights = File.ReadAllBytes(Path.Combine(folder, "run", "model", "model.safetensors"));
            same &= (first ??= weights).AsSpan().SequenceEqual(weights);
        }
        double before = Median(plain), after = Median(deterministic);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {precision} | {before:F1} | {after:F1} | {after / before - 1:P1} | {(same ? "byte for byte the same" : "**different**")} |"));
        return same;

        IEnumerable<double> Train(bool deterministic)
        {
            torch.random.manual_seed(0);
            using TModel trained = model();
            var clock = new StepClock();
            new Trainer(new()
            {
                Output = Path.Combine(folder, "run"),
                Overwrite = true,
                Steps = Steps + WarmUps,
                Precision = precision,
                Deterministic = deterministic,
                Callbacks = [clock],
            }).Run(trained, objective(tokens));
            return clock.Milliseconds.Skip(WarmUps);
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private sealed class StepClock : ITrainingCallback
    {
        private long _last;

        internal List<double> Milliseconds { get; } = [];

        public void OnStart(TrainingRun run) => _last = Stopwatch.GetTimestamp();

        public void OnStep(TrainingRun run, TrainingStep step)
        {
            long now = Stopwatch.GetTimestamp();
            Milliseconds.Add(Stopwatch.GetElapsedTime(_last, now).TotalMilliseconds);
            _last = now;
        }
    }
}
