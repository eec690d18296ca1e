using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class PrefixLanguageModelingTests : IDisposable
{
    private const int VocabSize = 509, ContextLength = 13;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _tokens;
    private readonly DisposeScope _scope = NewDisposeScope();

    // Token i is i, so that a window shows where it was cut.
    public PrefixLanguageModelingTests() =>
        _tokens = TokenStore.Build([string.Concat(Enumerable.Range(0, VocabSize - 1).Select(i => (char)i))], new CharTokenizer(VocabSize), _folder.File("tokens"));

    public void Dispose()
    {
        _scope.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    private static ICausalLanguageModel Create(string family, int heads = 2)
    {
        using var generator = new Generator(3);
        return family == "gpt"
            ? new GptModel(new GptConfig { VocabSize = VocabSize, ContextLength = ContextLength, LayerCount = 2, HeadCount = heads, EmbeddingDim = 32, InitializerRange = 0.2 }, generator: generator)
            : new LlamaModel(new LlamaConfig { VocabSize = VocabSize, ContextLength = ContextLength, LayerCount = 2, HeadCount = heads, EmbeddingDim = 32, FeedForwardDim = 19, InitializerRange = 0.2 }, generator: generator);
    }

    [Fact]
    public void Next_Targets_AreThoseBehindThePrefix()
    {
        ICausalLanguageModel model = Create("gpt");
        using IBatchSource source = new PrefixLanguageModeling(_tokens).Open(new(3), model, 5);
        var lengths = new int[ContextLength + 1];
        for (int i = 0; i < 200; i++)
        {
            Batch batch = source.Next(TestContext.Current.CancellationToken);
            Assert.Equal((5, ContextLength), (batch.Rows, batch.Length));
            for (int row = 0; row < 5; row++)
            {
                int prefix = batch.PrefixLengths![row];
                lengths[prefix]++;
                for (int t = 0; t < ContextLength; t++)
                    Assert.Equal(t < prefix - 1 ? CrossEntropy.Ignored : batch.Inputs[row * ContextLength + t] + 1, batch.Targets[row * ContextLength + t]);
            }
            Assert.Equal(batch.PrefixLengths!.Sum(prefix => ContextLength - prefix + 1L), batch.ValidTargets);
        }
        Assert.Equal(0, lengths[0]);
        Assert.All(lengths[1..], count => Assert.InRange(count, 1000 / 13 / 2, 1000 / 13 * 2));
    }

    [Theory]
    [InlineData("gpt", 2)]   // a head of 16, for which there are kernels
    [InlineData("gpt", 4)]
    [InlineData("llama", 2)]
    [InlineData("llama", 4)]
    public void Loss_Prefix_SeesItselfAndNothingBehindIt(string family, int heads)
    {
        const int Prefix = 5;
        ICausalLanguageModel model = Create(family, heads);
        using var mode = no_grad();
        long[] ids = [.. Enumerable.Range(0, ContextLength).Select(t => (long)(t * 31 + 7) % VocabSize)];
        double At(int position, int changed, int prefix)
        {
            long[] input = [.. ids], targets = new long[ContextLength];
            if (changed >= 0) input[changed] += 1;
            Array.Fill(targets, CrossEntropy.Ignored);
            targets[position] = 3;
            return model.Loss(new ModelInput { Ids = tensor(input, [1, ContextLength]), PrefixLengths = [prefix] }, tensor(targets, [1, ContextLength]), 1).item<float>();
        }

        for (int position = 0; position < ContextLength; position++)
        {
            for (int changed = 0; changed < ContextLength; changed++)
            {
                bool seen = changed <= position || (position < Prefix && changed < Prefix);
                Assert.Equal(seen, Math.Abs(At(position, changed, Prefix) - At(position, -1, Prefix)) > 1e-6);
            }
        }
        Tensor all = tensor(ids, [1, ContextLength]), next = tensor(ids.Select(id => id % 7).ToArray(), [1, ContextLength]);
        double causal = model.Loss(all, next, 13).item<float>();
        Assert.Equal(causal, model.Loss(new ModelInput { Ids = all, PrefixLengths = [1] }, next, 13).item<float>(), 1e-5);
        Assert.NotEqual(causal, model.Loss(new ModelInput { Ids = all, PrefixLengths = [Prefix] }, next, 13).item<float>(), 1e-3);
    }

    [Fact]
    public void Evaluation_HeldOutTokens_AreCoveredByTheirLastWindowToo()
    {
        ICausalLanguageModel model = Create("gpt");
        var objective = new PrefixLanguageModeling(_tokens, 0.3);   // 153 tokens: 10 windows of 14 and one of 13

        Batch[] batches = [.. objective.Evaluation(model, 4)];

        Assert.Equal(11, batches.Sum(batch => batch.Rows));
        Assert.Equal([.. batches.SelectMany(batch => batch.PrefixLengths!)], objective.Evaluation(model, 4).SelectMany(batch => batch.PrefixLengths!));
        Assert.All(batches, batch => Assert.True(double.IsFinite(objective.Loss(model, batch, batch.ValidTargets).item<float>())));
    }

    [Fact]
    public void Loss_PrefixThatDoesNotFit_Throws()
    {
        ICausalLanguageModel model = Create("llama");
        Tensor ids = zeros([2, 3], dtype: ScalarType.Int64);
        Assert.StartsWith("PrefixLengths has 1 lengths for 2 sequences.", Assert.Throws<ArgumentException>(() => model.Loss(new ModelInput { Ids = ids, PrefixLengths = [1] }, ids, 1)).Message);
        Assert.StartsWith("The prefix of sequence 1 (4) must be from 0 to its 3 tokens.", Assert.Throws<ArgumentException>(() => model.Loss(new ModelInput { Ids = ids, PrefixLengths = [1, 4] }, ids, 1)).Message);
        using var mistral = new LlamaModel(((LlamaModel)model).Config with { SlidingWindow = 5 });
        Assert.Throws<ArgumentException>(() => mistral.Loss(new ModelInput { Ids = ids, PrefixLengths = [1, 1] }, ids, 1));
    }
}
