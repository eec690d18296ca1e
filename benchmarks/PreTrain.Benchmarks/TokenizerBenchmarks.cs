using System.Text;
using BenchmarkDotNet.Attributes;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Benchmarks;

/// <summary>Byte-level BPE with 8192 tokens on the SDK's documentation, one thread.</summary>
[MemoryDiagnoser]
public class TokenizerBenchmarks
{
    private readonly List<int> _ids = [];
    private string[] _documents = [];
    private ByteLevelBpeTokenizer _tokenizer = null!;

    /// <summary>UTF-8 megabytes that one call encodes, to turn times into speeds.</summary>
    public double Megabytes { get; private set; }

    [GlobalSetup]
    public void Setup()
    {
        _documents = new SdkDocumentation().Take(3000).ToArray();
        _tokenizer = ByteLevelBpeTokenizer.Train(_documents, new ByteLevelBpeOptions { VocabSize = 8192 });
        Megabytes = _documents.Sum(d => (long)Encoding.UTF8.GetByteCount(d)) / 1e6;
        Console.WriteLine($"// {_documents.Length} documents, {Megabytes:F2} MB");
    }

    [Benchmark]
    public int Encode()
    {
        _ids.Clear();
        foreach (string document in _documents) _tokenizer.Encode(document, _ids);
        return _ids.Count;
    }

    [Benchmark]
    public int Train() => ByteLevelBpeTokenizer.Train(_documents, new ByteLevelBpeOptions { VocabSize = 8192 }).VocabSize;
}
