using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Compare;

/// <summary>The tokenizers of this library: the same work as in tokenizer_times.py.</summary>
internal static class TokenizerTimes
{
    internal static void Encode(string folder, string documents, int passes, int threads, bool encodings)
    {
        string[] texts = Read(documents);
        TextTokenizer tokenizer = TextTokenizer.Load(folder);
        Func<long> pass = encodings ? () => EncodeWhole(tokenizer, texts, threads) : Ids(tokenizer, texts, threads);
        for (int i = 0; i < 3; i++)
        {
            pass();
            Thread.Sleep(200);   // meanwhile what ran often is compiled anew, and better
        }

        var seconds = new List<double>();
        long count = 0, allocated = 0;
        for (int i = 0; i < passes; i++)
        {
            GC.Collect();   // freeing what came before is no part of the work
            long before = GC.GetTotalAllocatedBytes(precise: true), start = Stopwatch.GetTimestamp();
            count = pass();
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string text in texts) digest.AppendData(MemoryMarshal.AsBytes<int>(tokenizer.Encode(text)));
        Print(seconds, count, Convert.ToHexStringLower(digest.GetHashAndReset()), allocated);
    }

    internal static void Train(string algorithm, int vocabSize, string documents, int passes, int threads)
    {
        string[] texts = Read(documents);
        var seconds = new List<double>();
        TextTokenizer tokenizer = null!;
        for (int i = 0; i < passes; i++)
        {
            GC.Collect();
            long start = Stopwatch.GetTimestamp();
            tokenizer = Train(algorithm, vocabSize, texts, threads);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        string tokens = string.Join('\n', Enumerable.Range(0, tokenizer.VocabSize).Select(tokenizer.IdToToken));
        Print(seconds, tokenizer.VocabSize, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tokens))), 0);
    }

    internal static TextTokenizer Train(string algorithm, int vocabSize, IEnumerable<string> texts, int threads) => algorithm switch
    {
        "byte-bpe" => ByteLevelBpeTokenizer.Train(texts, new ByteLevelBpeOptions { VocabSize = vocabSize, Threads = threads }),
        "bpe" => PipelineTokenizer.TrainBpe(texts, new BpeOptions { VocabSize = vocabSize, Threads = threads }),
        "wordpiece" => PipelineTokenizer.TrainWordPiece(texts, new WordPieceOptions { VocabSize = vocabSize, Threads = threads }),
        "unigram" => PipelineTokenizer.TrainUnigram(texts, new UnigramOptions { VocabSize = vocabSize, Threads = threads }),
        _ => throw new ArgumentException($"--algorithm '{algorithm}' is unknown; it must be byte-bpe, bpe, wordpiece or unigram."),
    };

    /// <summary>Trains on 100 MB that are read as they come: the documentation again and again, each time with other words, so that there are as many as in a corpus of that size.</summary>
    internal static void TrainLarge(int vocabSize, int threads)
    {
        long start = Stopwatch.GetTimestamp();
        TextTokenizer tokenizer = Train("byte-bpe", vocabSize, LargeCorpus.Read(100_000_000), threads);
        Print([Stopwatch.GetElapsedTime(start).TotalSeconds], tokenizer.VocabSize, "", 0);
    }

    internal static void Load(string folder)
    {
        // Each load from the page cache; the first one compiles the code, too.
        var seconds = new List<double>();
        TextTokenizer tokenizer = null!;
        for (int i = 0; i < 5; i++)
        {
            long start = Stopwatch.GetTimestamp();
            tokenizer = TextTokenizer.Load(folder);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        Print(seconds, tokenizer.VocabSize, "", 0);
    }

    internal static void LongWords(string folder)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(folder);
        var random = new Random(1);
        string letters = string.Create(1_000_000, random, (span, r) => { foreach (ref char c in span) c = (char)('a' + r.Next(26)); });
        var seconds = new List<double>();
        long count = 0;
        foreach (string word in (string[])[new string('a', 1_000_000), letters])
        {
            tokenizer.Encode(word.AsSpan(0, 2000));
            long start = Stopwatch.GetTimestamp();
            count += tokenizer.Encode(word).Length;
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        Print(seconds, count, "", 0);
    }

    internal static string[] Read(string documents)
    {
        using FileStream file = File.OpenRead(documents);
        return JsonSerializer.Deserialize<string[]>(file)!;
    }

    /// <summary>Ids into a list for each thread, which is used again for the next pass.</summary>
    private static Func<long> Ids(TextTokenizer tokenizer, string[] texts, int threads)
    {
        var lists = Enumerable.Range(0, threads).Select(_ => new List<int>()).ToArray();
        return () =>
        {
            int next = -1;
            OnThreads(threads, thread =>
            {
                List<int> ids = lists[thread];
                ids.Clear();
                for (int i; (i = Interlocked.Increment(ref next)) < texts.Length;) tokenizer.Encode(texts[i], ids);
            });
            return lists.Sum(list => (long)list.Count);
        };
    }

    private static long EncodeWhole(TextTokenizer tokenizer, string[] texts, int threads)
    {
        var options = new EncodingOptions { AddSpecialTokens = false };
        var encodings = new TokenEncoding[texts.Length];
        int next = -1;
        OnThreads(threads, _ =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < texts.Length;) encodings[i] = tokenizer.Tokenize(texts[i], options: options);
        });
        return encodings.Sum(encoding => (long)encoding.Ids.Length);
    }

    private static void OnThreads(int threads, Action<int> action)
    {
        if (threads == 1)
        {
            action(0);
            return;
        }

        Thread[] all = [.. Enumerable.Range(0, threads).Select(thread => new Thread(() => action(thread)))];
        foreach (Thread thread in all) thread.Start();
        foreach (Thread thread in all) thread.Join();
    }

    private static void Print(List<double> seconds, long count, string digest, long allocatedBytes) => Console.WriteLine(JsonSerializer.Serialize(new
    {
        who = "PreTrain",
        seconds,
        count,
        digest,
        allocatedBytes,
        peakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
    }));
}
