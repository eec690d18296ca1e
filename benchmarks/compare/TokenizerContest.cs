using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Compare;

/// <summary>How the contest of tokenizers runs.</summary>
internal sealed record TokenizerContestOptions(string Folder, string[] Parts, int Rounds, int Passes, string Python);

/// <summary>
/// Encoding and training on the SDK's documentation, here and in Hugging Face's tokenizers: each contender in a process of its own, in turn; medians and
/// ratios of medians. Both sides encode with the same files, and must find the same ids.
/// </summary>
internal static class TokenizerContest
{
    private static readonly (string Name, string Algorithm, int VocabSize)[] s_tokenizers =
    [
        ("byte-bpe-8k", "byte-bpe", 8192), ("byte-bpe-50k", "byte-bpe", 50257), ("bpe-8k", "bpe", 8192), ("wordpiece-30k", "wordpiece", 30522), ("unigram-8k", "unigram", 8192),
    ];

    private static readonly (string Algorithm, int VocabSize)[] s_trainings = [("byte-bpe", 8192), ("wordpiece", 8192), ("unigram", 8192)];

    internal static int Run(TokenizerContestOptions options)
    {
        string documents = Prepare(options.Folder);
        double megabytes = TokenizerTimes.Read(documents).Sum(text => (long)Encoding.UTF8.GetByteCount(text)) / 1e6;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"corpus: {megabytes:F1} MB of SDK documentation; {options.Rounds} rounds of {options.Passes} passes"));
        if (options.Parts.Contains("encode")) EncodeAll(options, documents, megabytes);
        if (options.Parts.Contains("train")) TrainAll(options, documents);
        if (options.Parts.Contains("limits")) Limits(options);
        return 0;
    }

    private static string Prepare(string folder)
    {
        Directory.CreateDirectory(folder);
        string documents = Path.Combine(folder, "documents.json");
        if (!File.Exists(documents)) File.WriteAllBytes(documents, JsonSerializer.SerializeToUtf8Bytes(new SdkDocumentation().ToArray()));
        foreach ((string name, string algorithm, int vocabSize) in s_tokenizers)
        {
            string path = Path.Combine(folder, name);
            if (Directory.Exists(path)) continue;
            Console.Error.WriteLine($"training {name}");
            TokenizerTimes.Train(algorithm, vocabSize, TokenizerTimes.Read(documents), 0).Save(path);
        }

        string large = Path.Combine(folder, "byte-bpe-128k");
        if (!Directory.Exists(large))
        {
            Console.Error.WriteLine("training byte-bpe-128k");
            TokenizerTimes.Train("byte-bpe", 128_000, LargeCorpus.Read(40_000_000), 0).Save(large);
        }

        return documents;
    }

    private static void EncodeAll(TokenizerContestOptions options, string documents, double megabytes)
    {
        Console.WriteLine("\n| tokenizer | result | threads | PreTrain MB/s | tokenizers MB/s | ratio | allocated bytes per input byte | the same ids |\n|---|---|---|---|---|---|---|---|");
        foreach ((string name, _, _) in s_tokenizers)
        {
            foreach ((int threads, bool whole) in new[] { (1, false), (2, false), (1, true) })
            {
                string[] common = ["encode", "--tokenizer", Path.Combine(options.Folder, name), "--documents", documents, "--passes", Text(options.Passes), .. whole ? (string[])["--encodings"] : []];
                (Side ours, Side theirs) = Measure(options, $"{name}, {threads} threads", common, threads);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {name} | {(whole ? "ids, tokens, places" : "ids")} | {threads} | {megabytes / ours.Median:F1} | {megabytes / theirs.Median:F2} | {theirs.Median / ours.Median:F1}× | {ours.AllocatedBytes / megabytes / 1e6:F2} | {(ours.Digest == theirs.Digest ? "yes" : "NO")} |"));
            }
        }
    }

    private static void TrainAll(TokenizerContestOptions options, string documents)
    {
        Console.WriteLine("\n| training | threads | PreTrain s | tokenizers s | ratio | PreTrain peak MiB | tokenizers peak MiB | the same vocabulary |\n|---|---|---|---|---|---|---|---|");
        foreach ((string algorithm, int vocabSize) in s_trainings)
        {
            foreach (int threads in new[] { 1, 2 })
            {
                string[] common = ["train", "--algorithm", algorithm, "--vocab-size", Text(vocabSize), "--documents", documents, "--passes", "1"];
                (Side ours, Side theirs) = Measure(options, $"{algorithm}, {threads} threads", common, threads);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {algorithm} {vocabSize} | {threads} | {ours.Median:F2} | {theirs.Median:F2} | {theirs.Median / ours.Median:F1}× | {ours.PeakBytes >> 20} | {theirs.PeakBytes >> 20} | {(ours.Digest == theirs.Digest ? "yes" : "no")} |"));
            }
        }
    }

    private static void Limits(TokenizerContestOptions options)
    {
        Console.WriteLine("\n| one word of 1,000,000 letters | equal letters MB/s | random letters MB/s |\n|---|---|---|");
        foreach ((string name, _, _) in s_tokenizers)
        {
            Side side = new();
            side.Add(ContenderProcess.RunSelf(name, ["long-word", "--tokenizer", Path.Combine(options.Folder, name)]));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {1 / side.Seconds[0]:F1} | {1 / side.Seconds[1]:F1} |"));
        }

        Side load = new(), large = new();
        load.Add(ContenderProcess.RunSelf("load", ["load", "--tokenizer", Path.Combine(options.Folder, "byte-bpe-128k")]));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nloading a tokenizer.json of {load.Count:N0} tokens: {load.Seconds[0]:F3} s the first time in a process, median of 5 {load.Median:F3} s"));
        large.Add(ContenderProcess.RunSelf("train-large", ["train-large", "--vocab-size", "32768", "--threads", "2"]));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"training 32,768 byte-level BPE tokens on 100 MB, two threads: {large.Median:F1} s, peak memory {large.PeakBytes >> 20} MiB"));
    }

    private static (Side Ours, Side Theirs) Measure(TokenizerContestOptions options, string what, string[] arguments, int threads)
    {
        Side ours = new(), theirs = new();
        for (int round = 0; round < options.Rounds; round++)
        {
            ours.Add(ContenderProcess.RunSelf($"PreTrain, {what}", [.. arguments, "--threads", Text(threads)]));
            theirs.Add(ContenderProcess.RunPython(
                $"tokenizers, {what}", options.Python, ["tokenizer_times.py", .. arguments], ("TOKENIZERS_PARALLELISM", threads > 1 ? "true" : "false"), ("RAYON_NUM_THREADS", Text(threads))));
        }

        return (ours, theirs);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>What one side took.</summary>
    private sealed class Side
    {
        internal List<double> Seconds { get; } = [];
        internal long Count { get; private set; }
        internal string Digest { get; private set; } = "";
        internal double AllocatedBytes { get; private set; }
        internal long PeakBytes { get; private set; }
        internal double Median => Seconds.Count == 0 ? double.NaN : Seconds.Order().ElementAt(Seconds.Count / 2);

        internal void Add(JsonNode? result)
        {
            if (result is null) return;
            Seconds.AddRange(result["seconds"]!.AsArray().Select(s => s!.GetValue<double>()));
            Count = result["count"]!.GetValue<long>();
            Digest = result["digest"]!.GetValue<string>();
            AllocatedBytes = result["allocatedBytes"]?.GetValue<double>() ?? 0;
            PeakBytes = Math.Max(PeakBytes, result["peakMemoryBytes"]!.GetValue<long>());
        }
    }
}
