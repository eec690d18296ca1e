using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compare;

/// <summary>How the contest runs.</summary>
internal sealed record QualityOptions(string? Data, int Steps, int OwnSteps, string Recipe, int Rounds, int Threads, string Python);

/// <summary>
/// Who reaches the held-out loss of nanoGPT's CPU preset sooner: PyTorch in its fastest mode after all its steps, against this library, which may choose its own recipe for the same
/// model, context, batch and text. Times are those of the steps, without evaluations.
/// </summary>
internal static class QualityContest
{
    private const int Context = 64, Batch = 12, Trial = 60;

    private static readonly string[][] s_modes = [.. from precision in new[] { "fp32", "bf16" } from attention in new[] { "explicit", "sdpa" } select new[] { "--precision", precision, "--attention", attention, "--fused-adamw" }];

    internal static int Run(QualityOptions options)
    {
        string folder = Directory.CreateTempSubdirectory("quality-").FullName, text = Path.Combine("bin", "quality.txt");
        try
        {
            Directory.CreateDirectory("bin");
            File.WriteAllText(text, Ascii(options.Data is null ? string.Join('\n', new SdkDocumentation())[..1_115_394] : File.ReadAllText(options.Data)));
            string[] common = ["--data", text, "--threads", options.Threads.ToString(CultureInfo.InvariantCulture)];
            string[] fastest = s_modes.MinBy(mode => Theirs([.. common, .. mode, "--steps", $"{Trial}"])["seconds"]![0]!.GetValue<double>())!;
            Console.WriteLine($"{new FileInfo(text).Length} characters, 4 layers × 128, context {Context}, batch {Batch}, {options.Threads} threads; PyTorch: {string.Join(' ', fastest)}, the fastest of four modes; PreTrain: bf16, {options.Recipe}, {options.OwnSteps} steps\n");
            Console.WriteLine($"| round | PyTorch s, {options.Steps} steps | its loss | PreTrain s to that loss | at step | ratio | PreTrain s, all steps | its loss |\n|---|---|---|---|---|---|---|---|");
            for (int round = 1; round <= options.Rounds; round++)
            {
                JsonNode theirs = Theirs([.. common, .. fastest, "--steps", $"{options.Steps}", "--seed", $"{round}"]);
                double seconds = theirs["seconds"]![0]!.GetValue<double>(), loss = theirs["curve"]!.AsArray()[^1]![2]!.GetValue<double>();
                JsonNode ours = ContenderProcess.RunSelf("PreTrain", ["quality-run", "--data", text, "--steps", $"{options.OwnSteps}", "--recipe", options.Recipe, "--seed", $"{round}", "--threads", $"{options.Threads}", "--output", Path.Combine(folder, $"{round}")])
                    ?? throw new InvalidOperationException("The run failed.");
                (int Step, double Seconds, double Loss)[] curve = [.. ours["curve"]!.AsArray().Select(point => (point![0]!.GetValue<int>(), point[1]!.GetValue<double>(), point[2]!.GetValue<double>()))];
                var reached = curve.FirstOrDefault(point => point.Loss <= loss);
                string when = reached.Step == 0 ? "not reached | |" : string.Create(CultureInfo.InvariantCulture, $"{reached.Seconds:F1} | {reached.Step} | {seconds / reached.Seconds:F2}×");
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {round} | {seconds:F1} | {loss:F4} | {when} | {curve[^1].Seconds:F1} | {curve[^1].Loss:F4} |"));
            }
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        JsonNode Theirs(string[] arguments) => ContenderProcess.RunPython("PyTorch", options.Python, ["quality.py", .. arguments]) ?? throw new InvalidOperationException("PyTorch's run failed.");
    }

    /// <summary>Trains here.</summary>
    internal static void Train(string data, string recipe, int steps, int seed, int threads, string output)
    {
        set_num_threads(threads);
        ByteLevelBpeTokenizer letters = ByteLevelBpeTokenizer.Train([" "], new() { VocabSize = 257 });
        using TokenStore tokens = TokenStore.Build([File.ReadAllText(data)], letters, Path.Combine(output, "tokens"));
        using Generator random = new RandomStreams(seed).CreateGenerator("init");
        using var model = new GptModel(new GptConfig { LayerCount = 4, HeadCount = 4, EmbeddingDim = 128, ContextLength = Context, VocabSize = letters.VocabSize, Dropout = 0 }, generator: random);
        var curve = new Curve();
        var options = new TrainingOptions { Output = Path.Combine(output, "run"), Steps = steps, BatchSize = Batch, EvaluateEvery = 100, EvaluationBatches = 0, CheckpointEvery = 0, LogEvery = steps, Seed = seed, Precision = Precision.BFloat16, Callbacks = [curve] };
        options = recipe switch
        {
            "adamw" => options with { LearningRate = 1e-3, WarmupSteps = 100, Beta2 = 0.99 },
            "muon" => options with { Optimizer = new MuonOptions(), LearningRate = 0.02, WarmupSteps = 50, MinimumLearningRate = 0.0005 },
            _ => throw new ArgumentException($"--recipe '{recipe}' must be adamw or muon."),
        };
        new Trainer(options).Run(model, new CausalLanguageModeling(tokens, 0.1));
        Console.WriteLine(JsonSerializer.Serialize(new { who = "PreTrain", seconds = new[] { curve.Seconds }, curve = curve.Points.Select(p => new object[] { p.Step, p.Seconds, p.Loss }) }));
    }

    private static string Ascii(string text) => new([.. text.Select(c => c is '\n' or (>= ' ' and <= '~') ? c : '?')]);

    private sealed class Curve : ITrainingCallback
    {
        internal List<(int Step, double Seconds, double Loss)> Points { get; } = [];

        internal double Seconds { get; private set; }

        public void OnStep(TrainingRun run, TrainingStep step) => Seconds += Batch * Context / step.TokensPerSecond;

        public void OnEvaluation(TrainingRun run, EvaluationResult evaluation) => Points.Add((run.Step, Seconds, evaluation.Loss));
    }
}
