using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.UniLm;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class UnifiedLanguageModelingTests : IDisposable
{
    private const int ContextLength = 37;
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _tokens;
    private readonly UniLmModel _model;
    private readonly DisposeScope _scope = NewDisposeScope();

    public UnifiedLanguageModelingTests()
    {
        _tokens = MaskingFixture.Store(s_tokenizer, _folder.File("tokens"));
        using var generator = new Generator(3);
        _model = new UniLmModel(new UniLmConfig { VocabSize = s_tokenizer.VocabSize, ContextLength = ContextLength, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = 0, AttentionDropout = 0 }, generator: generator);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _model.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    private Batch[] Draw(UnifiedLanguageModelingOptions options, int count)
    {
        using IBatchSource source = new UnifiedLanguageModeling(_tokens, s_tokenizer, options).Open(new(3), _model, 5);
        return [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];
    }

    [Fact]
    public void Next_Rows_HaveTheMasksAndSegmentsOfTheirKind()
    {
        int separator = s_tokenizer.SpecialTokens.Separator!.Value, first = s_tokenizer.SpecialTokens.Classification!.Value;
        long[] all = new long[_tokens.Count];
        _tokens.Read(0, all);
        int[] kinds = new int[3];
        foreach (Batch batch in Draw(new(), 120))
        {
            for (int row = 0; row < batch.Rows; row++)
            {
                int[] there = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask?[i] != 0)];
                long[] restored = [.. there.Select(i => batch.Targets[i] == CrossEntropy.Ignored ? batch.Inputs[i] : batch.Targets[i])];
                int prefix = batch.PrefixLengths![row], kind = prefix == there.Length ? 0 : prefix == 0 ? 1 : 2;
                kinds[kind]++;
                Assert.Equal((first, separator), ((int)restored[0], (int)restored[^1]));
                Assert.Equal(kind == 2 ? ContextLength : ContextLength - 1, there.Length);
                Assert.Equal(Enumerable.Range(0, there.Length).Select(t => kind == 2 && t >= prefix ? 1L : 0), there.Select(i => batch.TokenTypes![i]));
                if (kind == 2) Assert.Equal(separator, restored[prefix - 1]);
                long[] text = kind == 2 ? [.. restored[1..(prefix - 1)], .. restored[prefix..^1]] : restored[1..^1];
                Assert.True(all.AsSpan().IndexOf(text) >= 0, "The row is no window of the store.");
            }
        }
        Assert.All(kinds, count => Assert.InRange(count, 150, 250));   // of 600
    }

    [Fact]
    public void Loss_OfABatch_IsThatOfEachRowUnderItsOwnMask()
    {
        using var mode = no_grad();
        var objective = new UnifiedLanguageModeling(_tokens, s_tokenizer);
        using var causal = new UniLmModel(_model.Config, ModelHead.CausalLanguageModel);
        causal.load_state_dict(_model.state_dict());
        foreach (Batch batch in Draw(new(), 5))
        {
            double sum = 0;
            for (int row = 0; row < batch.Rows; row++)
            {
                int[] there = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask?[i] != 0)];
                Tensor Of(long[] values) => tensor(there.Select(i => values[i]).ToArray(), [1, there.Length]);
                if (there.All(i => batch.Targets[i] == CrossEntropy.Ignored)) continue;
                int prefix = batch.PrefixLengths![row];
                var input = new ModelInput { Ids = Of(batch.Inputs), TokenTypeIds = Of(batch.TokenTypes!) };
                Tensor loss = prefix == there.Length ? _model.Loss(input, Of(batch.Targets), 1)
                    : prefix == 0 ? causal.Loss(input, Of(batch.Targets), 1) : _model.Loss(input with { PrefixLengths = [prefix] }, Of(batch.Targets), 1);
                sum += loss.item<float>();
            }
            Assert.Equal(sum / batch.ValidTargets, objective.Loss(_model, batch, batch.ValidTargets).item<float>(), 1e-4);
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(0, 0)]
    public void Next_OneShareAlone_IsAllThereIs(double bidirectional, double causal) =>
        Assert.All(Draw(new() { BidirectionalShare = bidirectional, CausalShare = causal }, 20), batch =>
            Assert.All(batch.PrefixLengths!, prefix => Assert.True(bidirectional == 1 ? prefix == ContextLength - 1 : causal == 1 ? prefix == 0 : prefix is >= 3 and < ContextLength - 1)));

    [Fact]
    public void Constructor_OptionsThatDoNotFit_AreRefused()
    {
        Assert.Equal("BidirectionalShare (0.6) and CausalShare (0.5) must not be negative, nor sum to more than 1.",
            Assert.Throws<ArgumentException>(() => new UnifiedLanguageModeling(_tokens, s_tokenizer, new() { BidirectionalShare = 0.6, CausalShare = 0.5 })).Message);
        Assert.StartsWith("The token store '", Assert.Throws<ArgumentException>(() => new UnifiedLanguageModeling(_tokens, MaskingFixture.Bpe)).Message);
        Assert.Contains("Rate (1)", Assert.Throws<ArgumentException>(() => new UnifiedLanguageModeling(_tokens, s_tokenizer, new() { Masking = new() { Rate = 1 } })).Message);
    }
}
