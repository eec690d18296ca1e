using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using TorchSharp;

namespace PreTrain.Tests.Objectives;

public sealed class CausalLanguageModelingTests : IDisposable
{
    private const int VocabSize = 509, ContextLength = 13;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _tokens;
    private readonly GptModel _model = new(new GptConfig { VocabSize = VocabSize, ContextLength = ContextLength, LayerCount = 1, HeadCount = 2, EmbeddingDim = 6 });

    // Token i is i, so that a window shows where it was cut.
    public CausalLanguageModelingTests() =>
        _tokens = TokenStore.Build([string.Concat(Enumerable.Range(0, VocabSize - 1).Select(i => (char)i))], new CharTokenizer(VocabSize), _folder.File("tokens"));

    public void Dispose()
    {
        _model.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    private static long[][] Draw(IBatchSource source, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken).Inputs.ToArray())];

    [Fact]
    public void Next_Targets_AreTheInputsShiftedByOne()
    {
        using IBatchSource source = new CausalLanguageModeling(_tokens).Open(new(3), _model, batchSize: 5);
        for (int i = 0; i < 20; i++)
        {
            Batch batch = source.Next(TestContext.Current.CancellationToken);

            Assert.Equal((5, ContextLength, 65L), (batch.Rows, batch.Length, batch.ValidTargets));
            for (int r = 0; r < 5; r++)
            {
                long[] inputs = batch.Inputs[(r * ContextLength)..((r + 1) * ContextLength)], targets = batch.Targets[(r * ContextLength)..((r + 1) * ContextLength)];
                Assert.Equal(inputs[1..], targets[..^1]);
                Assert.Equal(inputs[^1] + 1, targets[^1]);
                Assert.True(targets[^1] < 509 - 25, "A held-out token is trained on.");   // a twentieth of 509
            }
        }
    }

    [Theory]
    [InlineData(0.05, 1)]
    [InlineData(0.3, 5)]
    [InlineData(0.3, 100)]
    public void Evaluation_HeldOutTokens_AreEachATargetOnce(double fraction, int batchSize)
    {
        var objective = new CausalLanguageModeling(_tokens, fraction);
        var (train, validation) = _tokens.Split(fraction);

        Batch[] batches = [.. objective.Evaluation(_model, batchSize)];

        var targets = new List<long>();
        foreach (Batch batch in batches)
        {
            long[] counted = [.. batch.Targets.Where(t => t != -100)];
            Assert.Equal(batch.ValidTargets, counted.Length);
            Assert.Equal(batch.Rows * batch.Length, batch.Inputs.Length);
            Assert.InRange(batch.Rows, 1, batchSize);
            for (int i = 0; i < batch.Targets.Length; i++)
                if (batch.Targets[i] != -100) Assert.Equal(batch.Inputs[i] + 1, batch.Targets[i]);
            targets.AddRange(counted);
        }
        Assert.Equal(Enumerable.Range((int)train.Count + 1, (int)validation.Count - 1).Select(t => (long)t), targets);
        Assert.Equal(batches.Select(b => b.Targets), objective.Evaluation(_model, batchSize).Select(b => b.Targets));
    }

    [Fact]
    public void Evaluation_NothingHeldOut_IsEmptyAndAllIsTrainedOn()
    {
        var objective = new CausalLanguageModeling(_tokens, validationFraction: 0);

        Assert.Empty(objective.Evaluation(_model, 3));
        using IBatchSource source = objective.Open(new(3), _model, 7);
        Assert.Contains(Draw(source, 30), inputs => inputs.Max() > 509 - ContextLength - 3);
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatch()
    {
        var objective = new CausalLanguageModeling(_tokens);
        using IBatchSource whole = objective.Open(new(3), _model, 5);
        long[][] expected = Draw(whole, 40);   // several epochs of 37 windows

        for (int stop = 0; stop < 40; stop += 7)
        {
            JsonObject state;
            using (IBatchSource first = objective.Open(new(3), _model, 5))
            {
                Draw(first, stop);
                state = first.State;
            }
            using IBatchSource second = objective.Open(new(3), _model, 5, JsonNode.Parse(state.ToJsonString())!.AsObject());
            Assert.Equal(expected[stop..], Draw(second, 40 - stop));
        }
    }

    [Fact]
    public void Open_OtherSeed_DrawsInAnotherOrder()
    {
        var objective = new CausalLanguageModeling(_tokens);
        using IBatchSource one = objective.Open(new(3), _model, 5), two = objective.Open(new(5), _model, 5);

        Assert.NotEqual(Draw(one, 3), Draw(two, 3));
    }

    [Fact]
    public void Open_InputsThatDoNotFit_Throws()
    {
        var objective = new CausalLanguageModeling(_tokens);
        using var small = new GptModel(_model.Config with { VocabSize = 499 });
        using var wide = new GptModel(_model.Config with { ContextLength = 509 });

        Assert.Equal("The token store's vocabulary (509) exceeds the model's (499). Create the model with VocabSize = 509.",
            Assert.Throws<ArgumentException>(() => objective.Open(new(3), small, 5)).Message);
        Assert.Throws<CorpusException>(() => objective.Open(new(3), wide, 5));
        Assert.Equal("""The data position {"epoch":0} must hold the whole numbers epoch and position. (Parameter 'state')""",
            Assert.Throws<ArgumentException>(() => objective.Open(new(3), _model, 5, new JsonObject { ["epoch"] = 0L })).Message);
        Assert.Throws<ArgumentException>(() => objective.Open(new(3), _model, 5, new JsonObject { ["epoch"] = 0L, ["position"] = 10_000L }));
        Assert.Equal("validationFraction", Assert.Throws<ArgumentOutOfRangeException>(() => new CausalLanguageModeling(_tokens, 1)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => new CausalLanguageModeling(_tokens, double.NaN));
    }

    [Fact]
    public void Loss_OfABatch_IsTheModels()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var objective = new CausalLanguageModeling(_tokens);
        Batch batch = objective.Evaluation(_model, 3).First();

        float loss = objective.Loss(_model, batch, batch.ValidTargets).item<float>();

        torch.Tensor ids = torch.tensor(batch.Inputs, [batch.Rows, batch.Length]), targets = torch.tensor(batch.Targets, [batch.Rows, batch.Length]);
        Assert.Equal(_model.Loss(ids, targets, batch.ValidTargets).item<float>(), loss);
        Assert.Equal(loss / 2, objective.Loss(_model, batch, batch.ValidTargets * 2).item<float>(), 1e-6f);
        Assert.Equal(Math.Log(VocabSize), loss, 0.1);   // nothing is learned yet
    }

    [Fact]
    public void Open_ShorterContext_DrawsAndHoldsOutRowsOfIt()
    {
        var objective = new CausalLanguageModeling(_tokens, 0.3) { ContextLength = 7 };
        using IBatchSource source = objective.Open(new(3), _model, 5);

        Batch batch = source.Next(TestContext.Current.CancellationToken);
        Assert.Equal((5, 7, 35), (batch.Rows, batch.Length, batch.Inputs.Length));
        Assert.All(objective.Evaluation(_model, 5), heldOut => Assert.Equal(7, heldOut.Length));
        Assert.Equal(7, (int)objective.Describe()["contextLength"]!);
        Assert.Equal("ContextLength (14) must be at least 1 and at most the model's (13).",
            Assert.Throws<ArgumentException>(() => new CausalLanguageModeling(_tokens) { ContextLength = 14 }.Open(new(3), _model, 5)).Message);
    }

    [Fact]
    public void Describe_AnObjective_SaysWhatMustStayTheSame() =>
        Assert.Equal($$"""{"objective":"causal-lm","tokens":509,"sha256":"{{_tokens.Sha256}}","tokenizer":"char-509","validationFraction":0.05}""", new CausalLanguageModeling(_tokens).Describe().ToJsonString());
}
