using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class AutoObjectiveTests : IDisposable
{
    private static readonly string s_text = string.Join(' ', Enumerable.Repeat("The method returns a value. A stream reads two spans of bytes.", 40));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static PipelineTokenizer Tokenizer(params string[] special) =>
        PipelineTokenizer.TrainUnigram([s_text], new() { VocabSize = 60 + special.Length, SpecialTokens = ["<pad>", "</s>", "<unk>", .. special] });

    private TokenStore Store(TextTokenizer tokenizer) => TokenStore.Build([s_text], tokenizer, _folder.File("tokens"), new() { Overwrite = true }, TestContext.Current.CancellationToken);

    private static ITransformerModel Model(string family, int vocabulary, ModelHead? head = null)
    {
        using var generator = new Generator(3);
        return family switch
        {
            "gpt" => new GptModel(new GptConfig { VocabSize = vocabulary, ContextLength = 11, LayerCount = 1, HeadCount = 2, EmbeddingDim = 8, Dropout = 0 }, head ?? ModelHead.CausalLanguageModel, generator),
            "bert" => new BertModel(new BertConfig { VocabSize = vocabulary, ContextLength = 11, LayerCount = 1, HeadCount = 2, EmbeddingDim = 8 }, head ?? ModelHead.MaskedLanguageModel, generator),
            "t5" => new T5Model(new T5Config { VocabSize = vocabulary, LayerCount = 1, HeadCount = 2, EmbeddingDim = 8, HeadDim = 4, FeedForwardDim = 16 }, generator: generator),
            _ => new BartModel(new BartConfig { VocabSize = vocabulary, ContextLength = 13, LayerCount = 1, HeadCount = 2, EmbeddingDim = 8, FeedForwardDim = 16 }, generator: generator),
        };
    }

    [Theory]
    [InlineData("gpt", "causal-lm", "causal-lm")]
    [InlineData("bert", "masked-lm", "masked-lm")]
    [InlineData("t5", "sequence-to-sequence", "span-corruption")]
    [InlineData("bart", "sequence-to-sequence", "denoising")]
    [InlineData("plain", "sequence-to-sequence", "prefix-lm")]
    public void Create_EveryKindOfModel_IsWhatItWasPretrainedFor(string family, string kind, string name)
    {
        PipelineTokenizer tokenizer = family switch
        {
            "t5" => Tokenizer([.. Enumerable.Range(0, 20).Select(i => $"<extra_id_{i}>")]),
            "plain" => Tokenizer(),
            _ => PipelineTokenizer.TrainWordPiece([s_text], new() { VocabSize = 70 }, cancellation: TestContext.Current.CancellationToken),
        };
        using TokenStore tokens = Store(tokenizer);
        using ITransformerModel model = Model(family, tokenizer.VocabSize);

        IObjective<ITransformerModel> objective = AutoObjective.Create(model, tokens, tokenizer, new() { ValidationFraction = 0.2, ContextLength = family == "t5" ? 23 : null });

        Assert.Equal(kind, AutoObjective.NameFor(model));
        Assert.Equal(name, objective.Name);
        Assert.Equal(tokens.Sha256, (string?)objective.Describe()["sha256"]);
        Assert.True(objective.IsTokenPrediction);
        Assert.InRange(objective.Evaluate(model, 5, cancellationToken: TestContext.Current.CancellationToken)!.Loss, 2, 8);
        using IBatchSource source = objective.Open(new(1), model, 3);
        Assert.Equal(3, source.Next(TestContext.Current.CancellationToken).Rows);
    }

    [Fact]
    public void Create_ChosenObjectiveOrContext_IsTheModels()
    {
        PipelineTokenizer tokenizer = Tokenizer([.. Enumerable.Range(0, 20).Select(i => $"<extra_id_{i}>")]);
        using TokenStore tokens = Store(tokenizer);
        using ITransformerModel t5 = Model("t5", tokenizer.VocabSize), gpt = Model("gpt", tokenizer.VocabSize);

        IObjective<ITransformerModel> prefix = AutoObjective.Create(t5, tokens, tokenizer, new() { Writing = WritingObjective.PrefixLanguageModel }), rows = AutoObjective.Create(gpt, tokens, tokenizer, new() { ContextLength = 5 });

        Assert.Equal((WritingObjective.SpanCorruption, "prefix-lm"), (AutoObjective.WritingFor(tokenizer), prefix.Name));
        using IBatchSource source = rows.Open(new(1), gpt, 3);
        Assert.Equal(5, source.Next(TestContext.Current.CancellationToken).Length);
        Assert.Contains("mask", Assert.Throws<ArgumentException>(() => AutoObjective.Create(t5, tokens, tokenizer, new() { Writing = WritingObjective.Denoising })).Message);
        Assert.StartsWith("Writing (9) must be SpanCorruption, Denoising, PrefixLanguageModel.", Assert.Throws<ArgumentException>(() => AutoObjective.Create(t5, tokens, tokenizer, new() { Writing = (WritingObjective)9 })).Message);
    }

    [Fact]
    public void Run_ModelOfWhateverFamily_TrainsAsThatOfTheFamily()
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train([s_text], new() { VocabSize = 280 }, cancellation: TestContext.Current.CancellationToken);
        using TokenStore tokens = Store(tokenizer);
        byte[] Weights(string output, Action<GptModel, Trainer> train)
        {
            using var model = (GptModel)Model("gpt", tokenizer.VocabSize);
            train(model, new Trainer(Tiny.Options(_folder.File(output), 4)));
            return File.ReadAllBytes(Path.Combine(_folder.File(output), "model", "model.safetensors"));
        }

        byte[] own = Weights("own", (model, trainer) => trainer.Run(model, new CausalLanguageModeling(tokens), TestContext.Current.CancellationToken));
        byte[] auto = Weights("auto", (model, trainer) => trainer.Run((ITransformerModel)model, AutoObjective.Create(model, tokens, tokenizer), TestContext.Current.CancellationToken));

        Assert.Equal(own, auto);
    }

    [Fact]
    public void Create_ModelThatPredictsNoTokens_SaysWhatToDo()
    {
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainWordPiece([s_text], new() { VocabSize = 70 }, cancellation: TestContext.Current.CancellationToken);
        using TokenStore tokens = Store(tokenizer);
        using ITransformerModel classifier = Model("bert", tokenizer.VocabSize, ModelHead.SequenceClassification), bert = Model("bert", tokenizer.VocabSize), gpt = Model("gpt", tokenizer.VocabSize);
        Assert.Contains("A bert model with the head SequenceClassification predicts no tokens", Assert.Throws<ArgumentException>(() => AutoObjective.Create(classifier, tokens, tokenizer)).Message);
        IObjective<ITransformerModel> masked = AutoObjective.Create(bert, tokens, tokenizer);
        Assert.Contains("A gpt2 model does not learn masked-lm", Assert.Throws<ArgumentException>(() => masked.Open(new(1), gpt, 3)).Message);
        Assert.Contains("was made by another tokenizer", Assert.Throws<ArgumentException>(() => AutoObjective.Create(gpt, tokens, Tokenizer())).Message);
    }
}
