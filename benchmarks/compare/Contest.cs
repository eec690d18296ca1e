using System.Globalization;
using System.Text.Json.Nodes;

namespace PreTrain.Compare;

/// <summary>How the contest runs.</summary>
internal sealed record ContestOptions(string[] Models, string[] Precisions, string Device, int Steps, int Warmup, int Threads, int Rounds, string Python, bool Compile);

/// <summary>Each contender in a process of its own, in turn, several rounds; medians and ratios of medians.</summary>
internal static class Contest
{
    private sealed record Contender(string Who, string Mode, string Precision, bool Ours, string Arguments)
    {
        internal List<double> Milliseconds { get; } = [];
        internal long PeakBytes { get; set; }
        internal double Median => Milliseconds.Order().ElementAt(Milliseconds.Count / 2);
    }

    internal static int Run(ContestOptions options)
    {
        foreach (string name in options.Models)
        {
            if (!TrainingWorkload.All.ContainsKey(name))
            {
                Console.Error.WriteLine($"--model '{name}' is unknown; it must be one of {string.Join(", ", TrainingWorkload.All.Keys)}.");
                return 2;
            }
            List<Contender> contenders = Contenders(options);
            string version = "PyTorch";
            for (int round = 0; round < options.Rounds; round++)
            {
                foreach (Contender contender in contenders)
                {
                    JsonNode? result = Measure(contender, name, options);
                    if (result is null) continue;
                    contender.Milliseconds.AddRange(result["milliseconds"]!.AsArray().Select(m => m!.GetValue<double>()));
                    contender.PeakBytes = Math.Max(contender.PeakBytes, result["peakMemoryBytes"]!.GetValue<long>());
                    if (!contender.Ours) version = result["who"]!.GetValue<string>();
                    Console.Error.WriteLine($"round {round + 1}: {contender.Who} {contender.Mode}: {result["medianMilliseconds"]!.GetValue<double>():F1} ms, loss {result["loss"]!.GetValue<double>():F3}");
                }
            }
            Print(name, version, contenders.Where(c => c.Milliseconds.Count > 0).ToList(), options);
        }
        return 0;
    }

    private static List<Contender> Contenders(ContestOptions options)
    {
        var list = new List<Contender>();
        foreach (string precision in options.Precisions)
        {
            list.Add(new Contender("PreTrain", precision, precision, true, ""));
            list.Add(new Contender("PyTorch", $"{precision}, explicit attention", precision, false, "--attention explicit"));
            list.Add(new Contender("PyTorch", $"{precision}, SDPA", precision, false, "--attention sdpa"));
            list.Add(new Contender("PyTorch", $"{precision}, explicit attention, fused AdamW", precision, false, "--attention explicit --fused-adamw"));
            if (options.Compile) list.Add(new Contender("PyTorch", $"{precision}, SDPA, torch.compile", precision, false, "--attention sdpa --fused-adamw --compile"));
        }
        return list;
    }

    private static JsonNode? Measure(Contender contender, string model, ContestOptions options)
    {
        string common = string.Create(CultureInfo.InvariantCulture,
            $"--model {model} --precision {contender.Precision} --device {options.Device} --steps {options.Steps} --warmup {options.Warmup} --threads {options.Threads}");
        string who = $"{contender.Who} {contender.Mode}";
        (string, string) threads = ("OMP_NUM_THREADS", options.Threads.ToString(CultureInfo.InvariantCulture));
        return contender.Ours
            ? ContenderProcess.RunSelf(who, ["step", .. common.Split(' ')], threads)
            : ContenderProcess.RunPython(who, options.Python, ["train_step.py", .. common.Split(' '), .. contender.Arguments.Split(' ')], threads);
    }

    private static void Print(string name, string version, List<Contender> contenders, ContestOptions options)
    {
        TrainingWorkload workload = TrainingWorkload.All[name];
        Console.WriteLine($"\n### {name}: {workload.Title}; "
            + $"{options.Device}, {options.Threads} threads, {version}, {options.Rounds} rounds of {options.Steps} steps\n");
        Console.WriteLine("| who | mode | ms per step | tokens/s | TFLOP/s | peak MiB | ratio to the best of PyTorch, same precision | any precision |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        List<Contender> theirs = contenders.Where(c => !c.Ours).ToList();
        foreach (Contender c in contenders)
        {
            string Ratio(IEnumerable<Contender> others) => c.Ours && others.Any() ? $"{others.Min(o => o.Median) / c.Median:F2}×" : "";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {c.Who} | {c.Mode} | {c.Median:F1} | {1000 * workload.Tokens / c.Median:N0} | {workload.Flops / c.Median / 1e9:F2} | {c.PeakBytes / 1048576} | {Ratio(theirs.Where(t => t.Precision == c.Precision))} | {Ratio(theirs)} |"));
        }
    }
}
