using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

[Collection(nameof(RunsAlone))]
public sealed class AutoModelTests
{
    public static TheoryData<string, string> Fixtures
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string path in Directory.GetDirectories(Path.Combine(AppContext.BaseDirectory, "Models")).Where(path => Directory.Exists(Path.Combine(path, "fixtures"))))
            {
                string family = Path.GetFileName(path);
                foreach (string name in FamilyFixture.NamesOf(family).Where(n => n.EndsWith("two-layers", StringComparison.Ordinal) && !n.StartsWith("prefix-lm", StringComparison.Ordinal))) data.Add(family, name);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void FromPretrained_FolderOfAnyFamilyAndHead_GivesItsModelWithTheHead(string family, string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using FamilyFixture fixture = FamilyFixture.Open(family, name);
        fixture.WriteFolder(folder.Root);

        using ITransformerModel model = AutoModel.FromPretrained(folder.Root);

        Assert.Equal(fixture.Json.GetProperty("config").GetProperty("model_type").GetString(), model.ModelType);
        Assert.Equal(HeadOf(fixture.Head), model.Head);
        Assert.Contains(model.ModelType, AutoModel.ModelTypes);
        Assert.All(((nn.Module)model).modules(), module => Assert.False(module.training));   // without dropout, as in transformers
        Assert.Equal(fixture.Logits.shape, model.Forward(fixture.Input()).Logits.shape);
    }

    [Fact]
    public void ModelTypes_EachButTheRenamedRoberta_HasAFixture()
    {
        var seen = new HashSet<string>();
        foreach (var row in Fixtures)
        {
            var (family, name) = row.Data;
            using FamilyFixture fixture = FamilyFixture.Open(family, name);
            seen.Add(fixture.Json.GetProperty("config").GetProperty("model_type").GetString()!);
        }

        Assert.Equal([.. AutoModel.ModelTypes.Where(t => t != "xlm-roberta").Order(StringComparer.Ordinal)], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void FromPretrained_AnotherHead_IsInitializedFromTheGenerator()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using (var saved = new GptModel(new GptConfig { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15 })) saved.SavePretrained(folder.Root);
        float[] Classify(ulong seed)
        {
            using var generator = new Generator(seed);
            using ITransformerModel model = AutoModel.FromPretrained(folder.Root, ModelHead.SequenceClassification, generator);
            Assert.Equal(ModelHead.SequenceClassification, model.Head);
            using IDisposable mode = no_grad();
            return model.Forward(new() { Ids = tensor(new long[] { 5, 1, 2 }, [1, 3]) }).Logits.data<float>().ToArray();
        }

        Assert.Equal(Classify(3), Classify(3));
        Assert.NotEqual(Classify(3), Classify(5));
    }

    [Fact]
    public void FromPretrained_HeadThatTheFamilyLacks_NamesThoseItHas()
    {
        using var folder = new TemporaryFolder();
        using (var saved = new GptModel(new GptConfig { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15 })) saved.SavePretrained(folder.Root);

        Assert.Equal("A GptModel has no head QuestionAnswering; it has CausalLanguageModel, SequenceClassification, None. (Parameter 'head')",
            Assert.Throws<ArgumentException>(() => AutoModel.FromPretrained(folder.Root, ModelHead.QuestionAnswering)).Message);
    }

    [Theory]
    [InlineData("""{"model_type": "mamba"}""", "model_type is 'mamba', which is not known")]
    [InlineData("{}", "model_type is missing")]
    public void FromPretrained_UnknownFamily_NamesTheKnownOnes(string config, string found)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Root, "config.json"), config);

        string message = Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder.Root)).Message;

        Assert.Equal($"{Path.Combine(folder.Root, "config.json")}: {found}; it must be one of {string.Join(", ", AutoModel.ModelTypes)}.", message);
        Assert.Contains("bert, roberta, xlm-roberta", message);
    }

    private static ModelHead HeadOf(string name) => name switch
    {
        "masked-lm" => ModelHead.MaskedLanguageModel,
        "next-sentence" => ModelHead.NextSentence,
        "pre-training" => ModelHead.PreTraining,
        "classify" => ModelHead.SequenceClassification,
        "tokens" => ModelHead.TokenClassification,
        "qa" => ModelHead.QuestionAnswering,
        "replaced-tokens" => ModelHead.ReplacedTokenDetection,
        "causal-lm" => ModelHead.CausalLanguageModel,
        "seq2seq" => ModelHead.SequenceToSequence,
        "masked-autoencoder" => ModelHead.MaskedAutoencoder,
        "image-classify" => ModelHead.ImageClassification,
        "none" => ModelHead.None,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown"),
    };
}
