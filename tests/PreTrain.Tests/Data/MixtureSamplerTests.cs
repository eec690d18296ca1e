using FsCheck;
using FsCheck.Fluent;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class MixtureSamplerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly List<TokenStore> stores = [];
    private readonly MixtureSource[] sources;

    public MixtureSamplerTests()
    {
        sources = [new("a", Contexts(101, 1), 6), new("b", Contexts(37, 2), 3), new("c", Contexts(59, 3), 1)];
    }

    public void Dispose()
    {
        stores.ForEach(store => store.Dispose());
        folder.Dispose();
    }

    [Fact]
    public void At_ManyPlaces_KeepsTheWeightsAndVisitsEachContextOnceAnEpoch()
    {
        var sampler = new MixtureSampler(sources);
        var draws = Enumerable.Range(0, 3 * 4096).Select(i => sampler.At(5, i)).ToArray();

        for (var source = 0; source < sources.Length; source++)
        {
            var own = draws.Where(draw => draw.Source == source).ToArray();
            Assert.Equal(sampler.Share(source), (double)own.Length / draws.Length);
            Assert.InRange(sampler.Share(source), sources[source].Weight / 10 - 1.0 / 4096, sources[source].Weight / 10 + 1.0 / 4096);
            var count = sources[source].Contexts.Count;
            Assert.Equal(own.Select(draw => draw.Epoch).Order(), own.Select(draw => draw.Epoch));
            foreach (var epoch in own.GroupBy(draw => draw.Epoch).SkipLast(1))
                Assert.Equal(Enumerable.Range(0, count), epoch.Select(draw => draw.Context).Order());
        }
        Assert.NotEqual(draws.Select(draw => draw.Source), Enumerable.Range(0, draws.Length).Select(i => sampler.At(6, i).Source));
        Assert.InRange(draws.Take(40).Select(draw => draw.Source).Distinct().Count(), 2, 3);
    }

    [Fact]
    public void Fill_AnyBatchSizesAndResumes_IsOneOrder()
    {
        var expected = Order(new MixtureSampler(sources, new() { Seed = 9 }), [.. Enumerable.Repeat(1, 240)]);
        Check.QuickThrowOnFailure(Prop.ForAll(Gen.ArrayOf(Gen.Choose(1, 13)).ToArbitrary(), sizes =>
        {
            sizes = [.. sizes.Take(18)];
            var order = new List<string>();
            var state = new MixtureState(9, 0);
            foreach (var size in sizes)
            {
                var sampler = new MixtureSampler(sources, new() { Seed = 77 }) { State = state };   // a new process each time
                order.AddRange(Order(sampler, [size]));
                state = sampler.State;
            }
            return order.SequenceEqual(expected.Take(order.Count)) && state.Position == sizes.Sum();
        }));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void Fill_ByRanks_TogetherIsTheOrderOfOne(int ranks)
    {
        var expected = Order(new MixtureSampler(sources), [.. Enumerable.Repeat(12, 20)]);
        var samplers = Enumerable.Range(0, ranks).Select(rank => new MixtureSampler(sources, new() { Rank = rank, RankCount = ranks })).ToArray();
        var actual = Enumerable.Range(0, 20).SelectMany(_ => samplers.SelectMany(sampler => Order(sampler, [12 / ranks])));
        Assert.Equal(expected, actual);
        Assert.All(samplers, sampler => Assert.Equal(240, sampler.State.Position));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(5, 8)]
    public void Prefetch_AnyWorkers_HandsOutTheSamplersOrderAndStates(int workers, int capacity)
    {
        var sampler = new MixtureSampler(sources, new() { Seed = 4, Rank = 1, RankCount = 2 });
        using var batches = sampler.Prefetch(7, workers, capacity);
        var expected = new PackedBatch(7, 23);
        Assert.Equal(new MixtureState(4, 0), sampler.State);
        for (var i = 0; i < 61; i++)
        {
            var batch = batches.Next(TestContext.Current.CancellationToken);
            sampler.Fill(expected);
            Assert.Equal(expected.Inputs, batch.Inputs);
            Assert.Equal(expected.Targets, batch.Targets);
            Assert.Equal(expected.Documents, batch.Documents);
            Assert.Equal(sampler.State, batch.State);
            Assert.Equal(sampler.State, batches.State);
        }
        Assert.StartsWith("batchSize (0) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Prefetch(0)).Message);
    }

    [Fact]
    public void Fill_Batch_HoldsPositionsAndDocumentsOfEachPiece()
    {
        var sampler = new MixtureSampler(sources);
        var batch = new PackedBatch(3, 23);
        sampler.Fill(batch);
        var lengths = batch.SequenceLengths.ToArray();
        var next = 0;
        for (var row = 0; row < 3; row++)
        {
            var (at, document) = (row * 23, 0);
            foreach (var length in sources[batch.Draws[row].Source].Contexts.SequenceLengths(batch.Draws[row].Context))
            {
                Assert.Equal(length, lengths[next++]);
                Assert.Equal(Enumerable.Range(0, length).Select(i => (long)i), batch.Positions[at..(at + length)]);
                Assert.All(batch.Documents[at..(at + length)], d => Assert.Equal(document, d));
                at += length;
                document++;
            }
            Assert.All(batch.Documents[at..((row + 1) * 23)], d => Assert.Equal(-1, d));
        }
        Assert.Equal(lengths.Length, next);
    }

    [Fact]
    public void At_Curriculum_GoesFromShortToLongInTheFirstEpoch()
    {
        var source = sources[0] with { Weight = 1 };
        var sampler = new MixtureSampler([source], new() { CurriculumStages = 4 });
        var count = source.Contexts.Count;
        var order = Enumerable.Range(0, 2 * 4096).Select(i => sampler.At(0, i)).Where(draw => draw.Epoch <= 1).ToLookup(draw => draw.Epoch, draw => draw.Context);
        Assert.Equal(Enumerable.Range(0, count), order[0].Order());
        Assert.Equal(Enumerable.Range(0, count), order[1].Order());

        int Longest(int context) => source.Contexts.SequenceLengths(context).ToArray().Max();
        var stages = order[0].Chunk((count + 3) / 4).Select(stage => (Least: stage.Min(Longest), Most: stage.Max(Longest))).ToArray();
        for (var i = 1; i < stages.Length; i++)
            Assert.True(stages[i - 1].Most <= stages[i].Least + 1);
        Assert.True(stages[0].Most < stages[3].Least);
    }

    [Fact]
    public void Constructor_SourcesThatDoNotFit_AreRefused()
    {
        var other = new MixtureSource("other", Contexts(11, 5, new CharTokenizer(499)), 1);
        Assert.StartsWith("The token stores of 'other' and 'a' were made by different tokenizers.", Assert.Throws<CorpusException>(() => new MixtureSampler([sources[0], other])).Message);
        var longer = new MixtureSource("longer", PackedContexts.Pack(stores[0].All, new() { ContextLength = 29 }), 1);
        Assert.StartsWith("'longer' has contexts of 29 tokens and 'a' of 23.", Assert.Throws<ArgumentException>(() => new MixtureSampler([sources[0], longer])).Message);
        Assert.StartsWith("The weight of 'a' (0) must be greater than 0", Assert.Throws<ArgumentException>(() => new MixtureSampler([sources[0] with { Weight = 0 }])).Message);
        Assert.Equal("Rank (3) must be at least 0 and less than RankCount (3).", Assert.Throws<ArgumentException>(() => new MixtureSampler(sources, new() { Rank = 3, RankCount = 3 })).Message);
    }

    private static List<string> Order(MixtureSampler sampler, int[] sizes)
    {
        var order = new List<string>();
        foreach (var size in sizes)
        {
            var batch = new PackedBatch(size, sampler.ContextLength);
            sampler.Fill(batch);
            for (var row = 0; row < size; row++)
                order.Add($"{batch.Draws[row]} {string.Join(' ', batch.Inputs[(row * 23)..((row + 1) * 23)])}");
        }
        return order;
    }

    private PackedContexts Contexts(int documents, int seed, CharTokenizer? tokenizer = null)
    {
        var random = new Random(seed);
        var store = TokenStore.Build(
            Enumerable.Range(0, documents).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => (char)random.Next(400)))).ToArray(),
            tokenizer ?? new CharTokenizer(), folder.File($"store{stores.Count}"));
        stores.Add(store);
        return PackedContexts.Pack(store.All, new() { ContextLength = 23 });
    }
}
