using System.Diagnostics;
using System.Globalization;

namespace PreTrain.Benchmarks;

/// <summary>
/// <c>-- kill --tool FOLDER/PreTrain.Cli.dll</c>: each pre-training of the tool once without a disturbance, and once more with SIGKILL at random moments, resumed each time. In
/// the end both must have the same <c>metrics.jsonl</c> and the same weights to the last bit, and no file that the other has not; and no resumption may have met a broken
/// checkpoint. Kills are spread evenly over what a process does: start, tokens, steps, and the writing of checkpoints, one every fourth step.
/// </summary>
internal static class KillTest
{
    private const int CheckpointSteps = 4;
    private const string Sizes = "--layers 2 --heads 2 --embedding 32 --batch 5 --checkpoint-every 4 --evaluate-every 20 --log-every 1 --validation-fraction 0.1 --device cpu --threads 1";
    private const string TextSizes = "--context 48 --vocab-size 700", ImageSizes = "--image-size 24 --patch-size 6", Images = "vit ";

    private static readonly (string Name, string Arguments)[] s_runs =
    [
        ("masked", "bert --objective masked-lm"),
        ("replaced tokens", "electra"),
        ("span corruption", "t5 --objective span-corruption"),
        ("next sentence", "bert --objective next-sentence"),
        ("causal, packed, by length", "gpt --pack best-fit --curriculum 3"),
        ("one stack for three tasks", "unilm"),
        ("denoising", "bart"),
        ("prefix of a decoder", "llama --objective prefix-lm"),
        ("causal, Muon in two micro-batches, average of weights", "llama --optimizer muon --accumulate 2 --ema 0.99"),
        ("sentence order", "bert --objective sentence-order"),
        ("masked spans", "ernie --mask-unit span"),
        ("masked words, bf16", "roberta --whole-word --precision bf16"),
        ("masked, unpadded, packed", "modernbert --optimizer adamw8bit --pack best-fit"),
        ("prefix", "t5 --objective prefix-lm --optimizer adafactor"),
        ("causal", "gpt"),
        ("vit mae", "vit --objective mae --decoder-layers 1 --decoder-heads 2 --decoder-embedding 16"),
        ("vit moco", "vit --objective moco --projection 16 --projection-hidden 32"),
    ];

    internal static int Run(string[] arguments)
    {
        string Option(string name, string value) => Array.IndexOf(arguments, name) is >= 0 and var at && at + 1 < arguments.Length ? arguments[at + 1] : value;
        string tool = Option("--tool", ""), only = Option("--run", "");
        int kills = int.Parse(Option("--kills", "50"), CultureInfo.InvariantCulture), steps = int.Parse(Option("--steps", "400"), CultureInfo.InvariantCulture);
        if (!File.Exists(tool))
        {
            Console.Error.WriteLine($"--tool '{tool}' must be the built PreTrain.Cli.dll.");
            return 2;
        }
        string folder = Directory.CreateTempSubdirectory("pretrain-kill-").FullName;
        try
        {
            string data = Option("--data", Path.Combine(folder, "text.jsonl"));
            if (!File.Exists(data)) File.WriteAllLines(data, Documents());
            string images = Path.Combine(folder, "images");
            WriteImages(images);
            Console.WriteLine($"{steps} steps, a checkpoint every fourth\n\n| objective | kills | before the first step | at steps | metrics | weights | files | broken checkpoints |\n|---|---|---|---|---|---|---|---|");
            bool same = true;
            foreach (var (name, run) in s_runs.Any(r => r.Name == only) ? s_runs.Where(r => r.Name == only) : s_runs.Where(r => r.Name.Contains(only, StringComparison.Ordinal)))
                same &= new Duel(folder, name, run, run.StartsWith(Images, StringComparison.Ordinal) ? images : data, tool, steps).Fight(kills);
            return same ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Documents of sentences whose words follow from each other, so that there is something to learn.</summary>
    private static IEnumerable<string> Documents()
    {
        string[] nouns = ["ship", "river", "letter", "house", "garden", "window", "tree", "mountain", "road", "song"], verbs = ["finds", "leaves", "crosses", "remembers", "opens", "follows"];
        var random = new Random(7);
        for (int i = 0; i < 500; i++)
        {
            var text = new System.Text.StringBuilder();
            for (int j = 0; j < 6; j++)
            {
                int first = random.Next(nouns.Length);
                text.Append(CultureInfo.InvariantCulture, $"The {nouns[first]} {verbs[random.Next(verbs.Length)]} the {nouns[(first + 1 + random.Next(3)) % nouns.Length]}. ");
                text.Append(CultureInfo.InvariantCulture, $"It {verbs[(first + random.Next(2)) % verbs.Length]} a {nouns[random.Next(nouns.Length)]} near the {nouns[first]}. ");
            }
            yield return $"{{\"text\": \"{text}\"}}";
        }
    }

    /// <summary>Waves of many directions, lengths and colours.</summary>
    private static void WriteImages(string folder)
    {
        const int side = 29;
        Directory.CreateDirectory(folder);
        var random = new Random(13);
        for (int i = 0; i < 60; i++)
        {
            double across = random.NextDouble() - 0.5, down = random.NextDouble() - 0.5;
            double[] phases = [.. Enumerable.Range(0, 3).Select(_ => 7 * random.NextDouble())];
            using FileStream file = File.Create(Path.Combine(folder, $"{i:D2}.ppm"));
            file.Write(System.Text.Encoding.ASCII.GetBytes($"P6 {side} {side} 255\n"));
            for (int p = 0; p < 3 * side * side; p++) file.WriteByte((byte)(127 + 127 * Math.Sin(across * (p / 3 % side) + down * (p / 3 / side) + phases[p % 3])));
        }
    }

    /// <summary>When a process is killed: so many seconds after it has said that it made so many steps, or after its start.</summary>
    private sealed record Moment(int Steps, double Seconds);

    private sealed class Duel(string folder, string name, string run, string data, string tool, int steps)
    {
        private readonly string _whole = Path.Combine(folder, $"{name} whole"), _killed = Path.Combine(folder, $"{name} killed");
        private int _early, _broken;

        internal bool Fight(int kills)
        {
            var clock = Stopwatch.StartNew();
            if (Start(_whole, resume: false, kill: null) is var code and not 0) return Say($"the whole run ended with {code}");
            double start = clock.Elapsed.TotalSeconds - Seconds(_whole);
            var random = new Random(11);
            int done = 0;
            var at = new List<int>();
            while (done < kills)
            {
                // A quarter of them before the first step, the rest up to twice the share of the steps that each process may take, and a little later: in the next step, or while a checkpoint is written.
                Moment moment = random.NextDouble() < 0.25 ? new(int.MaxValue, 0.05 + random.NextDouble() * start) : new(1 + random.Next(CheckpointSteps + 2 * steps / kills), 0.03 * random.NextDouble());
                int? result = Start(_killed, resume: done > 0, moment);
                if (result == 0) break;
                if (result is not null) return Say($"a resumed run ended with {result}");
                done++;
                at.Add(LastStep());
            }
            _early = at.Count(step => step == 0);
            if (Start(_killed, resume: done > 0, kill: null) is var last and not 0) return Say($"the last resumption ended with {last}");
            bool metrics = Equal("metrics.jsonl"), weights = Directory.GetFiles(Path.Combine(_whole, "model"), "*.safetensors", SearchOption.AllDirectories).All(file => Equal(Path.GetRelativePath(_whole, file)));
            string[] strays = [.. Files(_whole).Except(Files(_killed)), .. Files(_killed).Except(Files(_whole))];
            Console.WriteLine($"| {name} | {done} | {_early} | {(at.Count == 0 ? 0 : at.Where(s => s > 0).DefaultIfEmpty().Min())} to {at.DefaultIfEmpty().Max()} | {Word(metrics)} | {Word(weights)} | {(strays.Length == 0 ? "the same" : string.Join(", ", strays))} | {_broken} |");
            Directory.Delete(_whole, recursive: true);
            Directory.Delete(_killed, recursive: true);
            return metrics && weights && strays.Length == 0 && _broken == 0 && done == kills;

            static string Word(bool same) => same ? "equal" : "**different**";
        }

        private bool Say(string fault)
        {
            Console.WriteLine($"| {name} | {fault} | | | | | | |");
            return false;
        }

        /// <returns>The exit code; null when it was killed.</returns>
        private int? Start(string output, bool resume, Moment? kill)
        {
            var start = new ProcessStartInfo("dotnet", [tool, .. run.Split(' '), "--data", data, "--output", output, "--steps", $"{steps}", .. Sizes.Split(' '),
                .. (run.StartsWith(Images, StringComparison.Ordinal) ? ImageSizes : TextSizes).Split(' '), .. resume ? ["--resume"] : Array.Empty<string>()])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            var log = new System.Text.StringBuilder();
            using var reached = new ManualResetEventSlim();
            int seen = 0;
            process.ErrorDataReceived += (_, line) =>
            {
                lock (log) log.AppendLine(line.Data);
                if (line.Data?.StartsWith("Step ", StringComparison.Ordinal) == true && ++seen == kill?.Steps) reached.Set();
            };
            process.BeginErrorReadLine();
            Task<string> text = process.StandardOutput.ReadToEndAsync();
            Task ended = process.WaitForExitAsync();
            bool killed = false;
            if (kill is { } moment)
            {
                if (moment.Steps < int.MaxValue) Task.WaitAny(ended, Task.Run(() => WaitHandle.WaitAny([reached.WaitHandle], TimeSpan.FromMinutes(5))));
                killed = !ended.Wait(TimeSpan.FromSeconds(moment.Seconds));
                if (killed) process.Kill();
            }
            ended.Wait();
            reached.Set();
            string said;
            lock (log) said = log.ToString();
            if (said.Contains("broken checkpoint", StringComparison.Ordinal)) _broken++;
            if (!killed && process.ExitCode != 0) Console.Error.WriteLine(said + text.Result);
            return killed ? null : process.ExitCode;
        }

        /// <summary>How long the trainer took.</summary>
        private static double Seconds(string run) => System.Text.Json.JsonDocument.Parse(File.ReadLines(Path.Combine(run, "timings.jsonl")).Last()).RootElement.GetProperty("seconds").GetDouble();

        private int LastStep()
        {
            string checkpoints = Path.Combine(_killed, "checkpoints");
            return Directory.Exists(checkpoints)
                ? Directory.GetDirectories(checkpoints, "step-*").Select(path => int.TryParse(Path.GetFileName(path).AsSpan(5), CultureInfo.InvariantCulture, out int step) ? step : 0).DefaultIfEmpty().Max()
                : 0;
        }

        private bool Equal(string file)
        {
            string other = Path.Combine(_killed, file);
            return File.Exists(other) && File.ReadAllBytes(Path.Combine(_whole, file)).AsSpan().SequenceEqual(File.ReadAllBytes(other));
        }

        /// <summary>All but TensorBoard's, of which every resumption begins one.</summary>
        private static IEnumerable<string> Files(string root) => Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(root, path))
            .Where(path => !path.StartsWith("events.out.tfevents.", StringComparison.Ordinal)).Order();
    }
}
