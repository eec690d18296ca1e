using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Masking;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class PackedTextTests : IDisposable
{
    private const int VocabSize = 67, ContextLength = 23;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore[] _stores;
    private readonly GptModel _model;
    private readonly DisposeScope _scope = NewDisposeScope();

    public PackedTextTests()
    {
        _stores = [Store(97, 2), Store(41, 3)];
        _model = new GptModel(new GptConfig { VocabSize = VocabSize, ContextLength = ContextLength, LayerCount = 2, HeadCount = 2, EmbeddingDim = 6 });
    }

    public void Dispose()
    {
        _scope.Dispose();
        _model.Dispose();
        foreach (TokenStore store in _stores) store.Dispose();
        _folder.Dispose();
    }

    private TokenStore Store(int documents, int seed, int vocabSize = VocabSize)
    {
        var random = new Random(seed);
        return TokenStore.Build([.. Enumerable.Range(0, documents).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => (char)random.Next(VocabSize - 1))))],
            new CharTokenizer(vocabSize), _folder.File($"store-{seed}-{vocabSize}"));
    }

    private PackedText Both(PackedTextOptions? options = null) => new([new(_stores[0], 0.7), new(_stores[1], 0.3)], options);

    /// <summary>The rows of a batch without their padding, each with its targets.</summary>
    private static List<string> Rows(Batch batch) => [.. Enumerable.Range(0, batch.Rows).Select(row =>
    {
        int[] there = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask?[i] != 0)];
        return $"{string.Join(' ', there.Select(i => batch.Inputs[i]))} > {string.Join(' ', there.Select(i => batch.Targets[i]))}";
    })];

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    /// <summary>Input and target of every token of a range, read document by document.</summary>
    private static List<string> Pairs(TokenRange range)
    {
        var pairs = new List<string>();
        for (long document = 0; document < range.Store.DocumentCount; document++)
        {
            TokenRange text = range.Store.Document(document);
            long[] tokens = new long[text.Count + 1];   // with the token that ends it
            range.Store.Read(text.Start, tokens);
            for (int i = 0; i + 1 < tokens.Length; i++)
                if (text.Start + i >= range.Start && text.Start + i + 1 < range.Start + range.Count) pairs.Add($"{tokens[i]} {tokens[i + 1]}");
        }
        return pairs;
    }

    private static IEnumerable<string> Pairs(Batch batch) =>
        Enumerable.Range(0, batch.Inputs.Length).Where(i => batch.Targets[i] != CrossEntropy.Ignored).Select(i => $"{batch.Inputs[i]} {batch.Targets[i]}");

    private static Dictionary<string, double[]> Gradients(nn.Module model) => model.named_parameters().ToDictionary(p => p.name, p => Doubles(p.parameter.grad!));

    private static void AssertGradients(nn.Module model, Action together, Action alone)
    {
        together();
        Dictionary<string, double[]> actual = Gradients(model);
        model.zero_grad();
        alone();
        foreach (var (name, expected) in Gradients(model))
        {
            double largest = expected.Max(Math.Abs);
            for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[name][i]) <= 3e-6 * (largest + 1e-3), $"{name}[{i}]: {actual[name][i]}, and alone {expected[i]}.");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_OfPackedDocuments_HasTheGradientsOfEachAlone(bool isLlama)
    {
        using var generator = new Generator(5);
        using nn.Module model = isLlama
            ? new LlamaModel(new LlamaConfig { VocabSize = VocabSize, ContextLength = ContextLength, LayerCount = 2, HeadCount = 2, EmbeddingDim = 12, FeedForwardDim = 17 }, generator: generator)
            : new GptModel(_model.Config with { EmbeddingDim = 10, InitializerRange = 0.3 }, generator: generator);
        model.to(ScalarType.Float64);
        var causal = (ICausalLanguageModel)model;
        var objective = new CausalLanguageModeling(Both());
        using IBatchSource source = objective.Open(new(3), causal, 3);
        Batch batch = Draw(source, 1)[0];
        Assert.True(batch.Rows > 3 && batch.AttentionMask!.Contains(0), "The contexts hold no several documents.");

        AssertGradients(model, () => objective.Loss(causal, batch, batch.ValidTargets).backward(), () =>
        {
            foreach (string row in Rows(batch))
            {
                long[][] parts = [.. row.Split('>').Select(part => part.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse).ToArray())];
                Tensor logarithms = nn.functional.log_softmax(causal.Logits(tensor(parts[0], [1, parts[0].Length]))[0], 1);
                (-logarithms.gather(1, tensor(parts[1], [parts[1].Length, 1])).sum() / batch.ValidTargets).backward();
            }
        });
    }

    [Fact]
    public void Loss_OfMaskedDocuments_HasTheGradientsOfEachAlone()
    {
        using TokenStore tokens = MaskingFixture.Store(MaskingFixture.WordPiece, _folder.File("masked"));
        var objective = new MaskedLanguageModeling(new PackedText([new(tokens, 1)]), MaskingFixture.WordPiece, new() { ContextLength = 31 });
        using nn.Module model = MaskedLanguageModelingTests.Create("modernbert");
        model.to(ScalarType.Float64);
        var masked = (IMaskedLanguageModel)model;
        using IBatchSource source = objective.Open(new(3), masked, 3);
        Batch batch = Draw(source, 4).MaxBy(batch => batch.Rows)!;
        Assert.True(batch.Rows > 3);
        Assert.InRange(batch.Length, 20, 31);

        AssertGradients(model, () => objective.Loss(masked, batch, batch.ValidTargets).backward(), () =>
        {
            for (int row = 0; row < batch.Rows; row++)
            {
                int[] there = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask?[i] != 0)];
                long[] targets = [.. there.Select(i => batch.Targets[i])];
                if (targets.All(target => target == CrossEntropy.Ignored)) continue;
                masked.Loss(new() { Ids = tensor([.. there.Select(i => batch.Inputs[i])], [1, there.Length]) }, tensor(targets, [1, targets.Length]), batch.ValidTargets).backward();
            }
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Next_AnEpoch_HasEachTokenOfTheDocumentsOnce(bool isolated)
    {
        var objective = new CausalLanguageModeling(new PackedText([new(_stores[0], 1)], new() { IsolatesDocuments = isolated }), 0.1);
        TokenRange train = _stores[0].Split(0.1).Train;
        int contexts = PackedContexts.Pack(train, new() { ContextLength = ContextLength, JoinsDocuments = !isolated }).Count;
        using IBatchSource source = objective.Open(new(3), _model, 1);

        Batch[] epoch = Draw(source, contexts);

        string end = $"{_stores[0].EndOfTextId} ";
        string[] pairs = [.. epoch.SelectMany(Pairs)];
        Assert.Equal(Pairs(train).Order(), pairs.Where(pair => !pair.StartsWith(end, StringComparison.Ordinal)).Order());
        Assert.Equal(!isolated, pairs.Any(pair => pair.StartsWith(end, StringComparison.Ordinal)));   // the next document's first token behind an end
        Assert.All(epoch, batch => Assert.InRange(batch.Length, 1, ContextLength));
        Assert.Equal(!isolated, epoch.All(batch => batch.Rows == 1));
        Assert.All(epoch, batch => Assert.Equal(Pairs(batch).Count(), batch.ValidTargets));
    }

    [Fact]
    public void Evaluation_OfTwoStores_TakesThemInTurnAndEachTokenOnce()
    {
        var objective = new CausalLanguageModeling(Both(), 0.3);

        Batch[] batches = [.. objective.Evaluation(_model, 2)];

        Assert.Equal(_stores.SelectMany(store => Pairs(store.Split(0.3).Validation)).Order(), batches.SelectMany(Pairs).Order());
        Assert.Equal(batches.SelectMany(Rows), objective.Evaluation(_model, 2).SelectMany(Rows));
        HashSet<string> second = [.. Pairs(_stores[1].Split(0.3).Validation)];
        Assert.All(Pairs(batches[1]), pair => Assert.Contains(pair, second));
        Assert.Empty(new CausalLanguageModeling(Both(), 0).Evaluation(_model, 2));
    }

    [Fact]
    public void Next_AnyWorkersRanksAndResumes_IsOneOrder()
    {
        const int Global = 6, Steps = 9;
        string[][] Run(int ranks, int workers, int stop)
        {
            var steps = new List<string>[Steps];
            for (int rank = 0; rank < ranks; rank++)
            {
                var objective = new CausalLanguageModeling(Both(new() { Rank = rank, RankCount = ranks, Workers = workers, CurriculumStages = 2 }));
                IBatchSource source = objective.Open(new(3), _model, Global / ranks);
                for (int step = 0; step < Steps; step++)
                {
                    if (step == stop)
                    {
                        JsonObject state = JsonNode.Parse(source.State.ToJsonString())!.AsObject();
                        source.Dispose();
                        source = objective.Open(new(3), _model, Global / ranks, state);
                    }
                    (steps[step] ??= []).AddRange(Rows(Draw(source, 1)[0]));
                }
                Assert.Equal($$"""{"position":{{Global * Steps}}}""", source.State.ToJsonString());
                source.Dispose();
            }
            return [.. steps.Select(step => step.ToArray())];
        }

        string[][] expected = Run(1, 1, Steps);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(12), Prop.ForAll(Gen.Choose(0, 4 * 4 * (Steps + 1) - 1).ToArbitrary(),
            way => Run(new[] { 1, 2, 3, 6 }[way % 4], 1 + way / 4 % 4, way / 16).Select(step => string.Join('\n', step)).SequenceEqual(expected.Select(step => string.Join('\n', step)))));
    }

    [Fact]
    public void Open_WithOtherRanks_GoesOnWhereAllStood()
    {
        using IBatchSource whole = new CausalLanguageModeling(Both()).Open(new(3), _model, 6);
        Draw(whole, 4);
        string[] expected = [.. Rows(Draw(whole, 1)[0])];
        JsonObject state = new() { ["position"] = 24L };

        string[] actual = [.. Enumerable.Range(0, 3).SelectMany(rank =>
        {
            using IBatchSource part = new CausalLanguageModeling(Both(new() { Rank = rank, RankCount = 3 })).Open(new(3), _model, 2, state);
            return Rows(Draw(part, 1)[0]);
        })];

        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    [InlineData(2, 3)]
    public void Run_ResumedByOtherProcesses_DrawsEveryContextOnce(int before, int after)
    {
        const int Together = 6, Steps = 4;
        List<string> Drawn(int rank, int ranks, string output, int steps)
        {
            var objective = new Recording(new CausalLanguageModeling(Both(new() { Rank = rank, RankCount = ranks }), 0.2));
            using var model = new GptModel(_model.Config);
            new Trainer(new() { Output = _folder.File(output), Steps = steps, BatchSize = Together / ranks, LearningRate = 1e-3, CheckpointEvery = Steps, Resume = true }).Run(model, objective, TestContext.Current.CancellationToken);
            return objective.Rows;
        }
        List<string> expected = Drawn(0, 1, "whole", 2 * Steps), actual = [];
        for (int rank = 0; rank < before; rank++) actual.AddRange(Drawn(rank, before, $"before-{rank}", Steps));
        // All processes go on from the checkpoint of one.
        for (int rank = 0; rank < after; rank++)
        {
            Copy(_folder.File("before-0"), _folder.File($"after-{rank}"));
            actual.AddRange(Drawn(rank, after, $"after-{rank}", 2 * Steps));
        }

        Assert.Equal(expected.Order(), actual.Order());

        static void Copy(string from, string to)
        {
            foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            {
                string copy = Path.Combine(to, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }
    }

    [Fact]
    public void Run_ResumedByMoreProcessesWithTheSameBatchEach_IsRefused()
    {
        TrainingOptions options = new() { Output = _folder.File("run"), Steps = 2, BatchSize = 2, LearningRate = 1e-3, Resume = true };
        using var model = new GptModel(_model.Config);
        new Trainer(options).Run(model, new CausalLanguageModeling(Both()), TestContext.Current.CancellationToken);

        var e = Assert.Throws<ArgumentException>(() => new Trainer(options with { Steps = 4 }).Run(model, new CausalLanguageModeling(Both(new() { RankCount = 3 })), TestContext.Current.CancellationToken));

        Assert.Contains("cannot be resumed with other settings: batchSize (checkpoint: 2, now: 6). The batchSize is that of the 3 processes together. ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OneOfSeveralProcesses_SaysThatItTrainsAlone()
    {
        var log = new Training.Tiny.ListLogger();
        TrainingOptions options = new() { Output = _folder.File("run"), Steps = 1, BatchSize = 2, LearningRate = 1e-3, Logger = log };
        using var model = new GptModel(_model.Config);
        new Trainer(options).Run(model, new CausalLanguageModeling(Both(new() { RankCount = 2 })), TestContext.Current.CancellationToken);
        Assert.Contains(log.Lines, line => line.StartsWith("Warning: The text is divided among 2 processes, and gradients are not exchanged between them", StringComparison.Ordinal));
    }

    [Fact]
    public void Mixture_OfTextsForDifferentProcesses_IsRefused()
    {
        var e = Assert.Throws<ArgumentException>(() => new ObjectiveMixture<ICausalLanguageModel>((0.5, new CausalLanguageModeling(Both())), (0.5, new CausalLanguageModeling(Both(new() { RankCount = 2 })))));
        Assert.StartsWith("The objectives are drawn by different numbers of processes (1, 2); give all texts the same RankCount.", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, new ObjectiveMixture<ICausalLanguageModel>((1, new CausalLanguageModeling(Both(new() { RankCount = 2 })))).ProcessCount);
    }

    [Fact]
    public void Open_FarAway_IsThereAtOnce()
    {
        using IBatchSource source = new CausalLanguageModeling(Both()).Open(new(3), _model, 2, new() { ["position"] = 1L << 50 });   // counting there would take months

        Assert.True(Draw(source, 1)[0].ValidTargets > 0);
        Assert.Equal((1L << 50) + 2, source.State["position"]!.GetValue<long>());
    }

    [Fact]
    public void Next_Weights_AreTheSharesOfTheContexts()
    {
        var first = new HashSet<string>();
        for (long document = 0; document < _stores[0].DocumentCount; document++)
        {
            long[] start = new long[2];
            _stores[0].Read(_stores[0].DocumentStart(document), start);
            first.Add($"{start[0]} {start[1]}");
        }
        using IBatchSource source = new CausalLanguageModeling(new PackedText([new(_stores[0], 0.9), new(_stores[1], 0.1)], new() { IsolatesDocuments = false })).Open(new(3), _model, 1);
        Batch[] batches = Draw(source, 400);
        using IBatchSource other = new CausalLanguageModeling(new PackedText([new(_stores[0], 0.1), new(_stores[1], 0.9)], new() { IsolatesDocuments = false })).Open(new(3), _model, 1);

        int Own(Batch[] of) => of.Count(batch => first.Contains(Pairs(batch).First()));
        Assert.True(Own(batches) > 2 * Own(Draw(other, 400)), "The weights do not matter.");
    }

    [Fact]
    public void Constructor_SourcesThatDoNotFit_AreRefused()
    {
        Assert.Equal("The weights (0.7, 0.2) must sum to 1, not to 0.8999999999999999. (Parameter 'sources')",
            Assert.Throws<ArgumentException>(() => new PackedText([new(_stores[0], 0.7), new(_stores[1], 0.2)])).Message);
        Assert.Equal($"The weight of '{_stores[1].Folder}' (0) must be more than 0 and at most 1. (Parameter 'sources')",
            Assert.Throws<ArgumentException>(() => new PackedText([new(_stores[0], 1), new(_stores[1], 0)])).Message);
        Assert.Throws<ArgumentException>(() => new PackedText([new(_stores[0], double.NaN)]));
        Assert.Equal("A text needs at least one source. (Parameter 'sources')", Assert.Throws<ArgumentException>(() => new PackedText([])).Message);
        using TokenStore other = Store(11, 5, VocabSize + 4);
        Assert.Equal($"The token stores '{_stores[0].Folder}' and '{other.Folder}' were made by different tokenizers. Build both with one.",
            Assert.Throws<CorpusException>(() => new PackedText([new(_stores[0], 0.5), new(other, 0.5)])).Message);
        Assert.Equal("Rank (3) must be at least 0 and less than RankCount (3).", Assert.Throws<ArgumentException>(() => Both(new() { Rank = 3, RankCount = 3 })).Message);
        Assert.Equal("Workers (0) must be at least 1. (Parameter 'options')", Assert.Throws<ArgumentException>(() => Both(new() { Workers = 0 })).Message);
    }

    [Fact]
    public void Open_StateOfAnotherKindOfText_IsRefused()
    {
        var packed = new CausalLanguageModeling(Both());
        var windows = new CausalLanguageModeling(_stores[0]);
        JsonObject ofPacked, ofWindows;
        using (IBatchSource source = packed.Open(new(3), _model, 2)) ofPacked = source.State;
        using (IBatchSource source = windows.Open(new(3), _model, 2)) ofWindows = source.State;

        Assert.StartsWith("""The data position {"epoch":0,"position":0} must hold the whole number position alone""", Assert.Throws<ArgumentException>(() => packed.Open(new(3), _model, 2, ofWindows)).Message);
        Assert.StartsWith("""The data position {"position":0} must hold the whole numbers epoch and position.""", Assert.Throws<ArgumentException>(() => windows.Open(new(3), _model, 2, ofPacked)).Message);
        Assert.NotEqual(packed.Describe().ToJsonString(), new CausalLanguageModeling(new PackedText([new(_stores[0], 0.6), new(_stores[1], 0.4)])).Describe().ToJsonString());
        Assert.Equal(packed.Describe().ToJsonString(), new CausalLanguageModeling(Both(new() { Rank = 1, RankCount = 2, Workers = 1 })).Describe().ToJsonString());
    }

    /// <summary>An objective that keeps the rows of all batches whose loss is asked for in training.</summary>
    private sealed class Recording(CausalLanguageModeling inner) : IObjective<GptModel>
    {
        internal readonly List<string> Rows = [];

        public string Name => inner.Name;

        public int ProcessCount => inner.ProcessCount;

        public JsonObject Describe() => inner.Describe();

        public IBatchSource Open(RandomStreams streams, GptModel model, int batchSize, JsonObject? state = null) => inner.Open(streams, model, batchSize, state);

        public IEnumerable<Batch> Evaluation(GptModel model, int batchSize) => [];

        public Tensor Loss(GptModel model, Batch batch, double normalizer)
        {
            Rows.AddRange(PackedTextTests.Rows(batch));
            return inner.Loss(model, batch, normalizer);
        }
    }
}
