using System.Text;
using BenchmarkDotNet.Attributes;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Benchmarks;

/// <summary>The way of the SDK's documentation into packed contexts, on all processors; the documents are in memory.</summary>
[MemoryDiagnoser]
public class CorpusBenchmarks
{
    private string[] _documents = [];
    private ByteLevelBpeTokenizer _tokenizer = null!;
    private string _folder = "";

    /// <summary>UTF-8 megabytes of the documents, to turn times into speeds.</summary>
    public double Megabytes { get; private set; }

    [GlobalSetup]
    public void Setup()
    {
        _documents = new SdkDocumentation().ToArray();
        _tokenizer = ByteLevelBpeTokenizer.Train(_documents.Take(3000), new ByteLevelBpeOptions { VocabSize = 8192 });
        _folder = Directory.CreateTempSubdirectory("pretrain-corpus-").FullName;
        Megabytes = _documents.Sum(d => (long)Encoding.UTF8.GetByteCount(d)) / 1e6;
        Console.WriteLine($"// {_documents.Length} documents, {Megabytes:F2} MB");
    }

    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    [Benchmark]
    public int CleanAndDeduplicate() => Cleaned().Count();

    [Benchmark]
    public double CleanDeduplicateTokenizeAndPack()
    {
        using TokenStore store = TokenStore.Build(Cleaned(), _tokenizer, Path.Combine(_folder, "store"), new() { Overwrite = true });
        return PackedContexts.Pack(store.All).Fill;
    }

    [Benchmark]
    public int QualityFilters() => Cleaned().Apply(new QualityFilter(QualityRules.Gopher | QualityRules.C4)).Count();

    [Benchmark]
    public int MaskPersonalData() => Cleaned().Apply(new PersonalDataMasking()).Count();

    private ProcessedCorpus Cleaned() => TextCorpus.FromDocuments(_documents).Apply(new TextCleaning()).Apply(new ExactDeduplication());
}
