using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Training;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Distillation;

[Collection(DefaultGenerator.Name)]
public sealed class LogitCacheTests : IDisposable
{
    private const int VocabSize = 31;
    private static readonly DistillationOptions s_soft = new() { Alpha = 0.2, Temperature = 1.7 };

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static JsonObject Data(string sha256 = "ab", string tokenizer = "cd") => new() { ["objective"] = "plain", ["sha256"] = sha256, ["tokenizer"] = tokenizer };

    private LogitCache Open(nn.Module teacher, int topK, string folder = "cache", JsonObject? data = null, double temperature = 1.7) =>
        LogitCache.Open(_folder.File(folder), (ITransformerModel)teacher, data ?? Data(), new() { TopK = topK, Temperature = temperature });

    private static double Loss(nn.Module student, nn.Module teacher, LogitCache? cache, Batch batch) =>
        new Distillation<nn.Module>([new((ITransformerModel)teacher) { Cache = cache }], new DistillationTests.Plain<nn.Module>(), s_soft).Loss(student, batch, 19).item<float>();

    private static float[] Read(byte[] bytes, int kept, double temperature)
    {
        Tensor scores = empty([5, VocabSize], dtype: ScalarType.Float32);
        TopScores.Read(bytes, scores, kept, temperature);
        return scores.data<float>().ToArray();
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Loss_AllScoresKept_IsThatOfTheTeacherItself(string family)
    {
        using nn.Module student = DistillationTests.Create(family), teacher = DistillationTests.Create(family, 4);
        Batch batch = DistillationTests.Tokens(family is "t5" or "bart");
        double online = Loss(student, teacher, null, batch);

        using LogitCache all = Open(teacher, VocabSize), few = Open(teacher, 7, "few"), most = Open(teacher, 19, "most");
        double kept = Loss(student, teacher, all, batch), fromFew = Loss(student, teacher, few, batch), fromMost = Loss(student, teacher, most, batch);

        Assert.Equal(online, kept, 5e-4 * online);   // half precision
        Assert.Equal(online, fromMost, 0.05 * online);   // a teacher that knows nothing is all rest, the worst case
        Assert.Equal(online, fromFew, 0.15 * online);
        Assert.True(Math.Abs(online - fromMost) < Math.Abs(online - fromFew), $"{online}: {fromMost} of 19, {fromFew} of 7.");
        Assert.Equal((0, 3, 3), (all.Hits, all.Misses, all.Count));
    }

    [Fact]
    public void Read_AllScoresKept_AreTheLogarithmsInHalfPrecision()
    {
        Tensor scores = Normal([5, VocabSize], 7, 3);

        float[] read = Read(TopScores.Write(scores, VocabSize, 2), VocabSize, 2);

        float[] expected = [.. DistillationLosses.Logs(scores, 1).data<float>().ToArray().Select(log => (float)(Half)log)];
        Assert.Equal(expected, read);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Read_SomeScoresKept_SpreadsTheRestEvenly(double temperature)
    {
        const int Kept = 4;
        Tensor scores = Normal([5, VocabSize], 7, 3);

        float[] read = Read(TopScores.Write(scores, Kept, temperature), Kept, temperature);

        read = DistillationLosses.Logs(tensor(read, [5, VocabSize]), temperature).data<float>().ToArray();
        double[] logs = Doubles(DistillationLosses.Logs(scores, temperature));
        for (int row = 0; row < 5; row++)
        {
            double[] own = logs[(row * VocabSize)..((row + 1) * VocabSize)], got = [.. read[(row * VocabSize)..((row + 1) * VocabSize)].Select(x => (double)x)];
            int[] best = [.. Enumerable.Range(0, VocabSize).OrderByDescending(v => own[v]).Take(Kept)];
            double rest = Math.Log(Enumerable.Range(0, VocabSize).Except(best).Sum(v => Math.Exp(own[v])) / (VocabSize - Kept));
            for (int v = 0; v < VocabSize; v++) Assert.Equal(best.Contains(v) ? own[v] : rest, got[v], 0.02);
            Assert.Equal(1, got.Sum(Math.Exp), 0.002);
        }
    }

    [Fact]
    public void Loss_ScoresOfALargeVocabulary_AreReadIntoOneTensor()
    {
        const int Vocabulary = 40_000;
        using var generator = new Generator(3);
        using var model = new GptModel(new GptConfig { VocabSize = Vocabulary, ContextLength = 13, LayerCount = 1, HeadCount = 1, EmbeddingDim = 2, Dropout = 0 }, generator: generator);
        Batch batch = DistillationTests.Tokens(rows: 4);
        using LogitCache cache = Open(model, 3);
        Loss(model, model, cache, batch);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Loss(model, model, cache, batch);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, batch.ValidTargets * Vocabulary * sizeof(float) / 4);
    }

    [Fact]
    public void Loss_FewScoresKeptAtATemperature_IsNearlyThatOfTheTeacherItself()
    {
        // A teacher that is sure: at T = 1 three classes have nearly all, at T = 2 much less.
        using nn.Module teacher = DistillationTests.Create("gpt", 4), student = DistillationTests.Create("gpt");
        using (no_grad()) ((GptModel)teacher).final_norm.weight.mul_(4);
        Batch batch = DistillationTests.Tokens();
        DistillationOptions options = new() { Alpha = 0, Temperature = 2 };
        double Of(LogitCache? cache) => new Distillation<nn.Module>([new((ITransformerModel)teacher) { Cache = cache }], new DistillationTests.Plain<nn.Module>(), options).Loss(student, batch, 19).item<float>();
        using LogitCache cache = Open(teacher, 12, temperature: 2);

        Assert.Equal(Of(null), Of(cache), 0.02 * Of(null));
    }

    [Fact]
    public void Loss_RowsThatAreKept_NeedNoTeacherInWhateverBatch()
    {
        using nn.Module student = DistillationTests.Create("bert"), teacher = DistillationTests.Create("bert", 4);
        Batch batch = DistillationTests.Tokens();
        double first;
        using (LogitCache cache = Open(teacher, 9)) first = Loss(student, teacher, cache, batch);

        using LogitCache again = Open(teacher, 9);
        using (no_grad()) foreach (Tensor p in teacher.parameters()) p.zero_();   // it would say something else now
        double whole = Loss(student, teacher, again, batch), pieces = batch.Split(1).Reverse().Sum(piece => Loss(student, teacher, again, piece));

        Assert.Equal(first, whole);
        Assert.Equal(first, pieces, 1e-5 * first);
        Assert.Equal((6, 0, 3), (again.Hits, again.Misses, again.Count));
        Assert.NotEqual(first, Loss(student, teacher, null, batch));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Loss_ClassesOrLabels_AreKeptToo(int targetsOfAText)
    {
        const int Labels = 4;
        var config = new BertConfig { VocabSize = VocabSize, ContextLength = 13, LayerCount = 1, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.3, LabelCount = Labels };
        using var generator = new Generator(3);
        using BertModel student = new(config, ModelHead.SequenceClassification, generator), teacher = new(config, ModelHead.SequenceClassification, generator);
        Batch tokens = DistillationTests.Tokens();
        long[] targets = [.. Enumerable.Range(0, 3 * targetsOfAText).Select(i => (long)(i % 2))];
        Batch batch = tokens with { Targets = targets, ValidTargets = targets.Length };
        DistillationOptions options = new() { Alpha = 0, Temperature = 1.7 };
        double Of(LogitCache? cache) => new Distillation<nn.Module>([new(teacher) { Cache = cache }], new DistillationTests.Plain<nn.Module>(), options).Loss(student, batch, targets.Length).item<float>();
        double online = Of(null);

        using LogitCache cache = Open(teacher, Labels);
        double kept = Of(cache), again = Of(cache);

        Assert.True(online > 1e-3);
        Assert.Equal(online, kept, 2e-3 * online);
        Assert.Equal(kept, again);
        Assert.Equal((3, 3), (cache.Hits, cache.Misses));
    }

    [Fact]
    public void Run_CacheOfAnEarlierRun_EndsWithTheSameWeights()
    {
        GptConfig config = Tiny.Even with { Dropout = 0 };
        using GptModel teacher = Tiny.Model(config);
        (long Misses, byte[] Weights) Train(string output)
        {
            using GptModel student = Tiny.Model(config with { LayerCount = 1 }, 5);
            using LogitCache cache = Open(teacher, 11, data: new RowsObjective().Describe(), temperature: 2);
            var objective = new Distillation<ICausalLanguageModel>([new(teacher) { Cache = cache }], new RowsObjective());
            new Trainer(Tiny.Options(_folder.File(output), 6)).Run(student, objective, TestContext.Current.CancellationToken);
            return (cache.Misses, File.ReadAllBytes(Path.Combine(_folder.File(output), "model", "model.safetensors")));
        }

        var (misses, weights) = Train("cold");
        var (later, same) = Train("warm");

        Assert.Equal((18, 0), (misses, later));
        Assert.Equal(weights, same);
    }

    [Fact]
    public void Loss_ManySteps_LeavesNoTensor()
    {
        using nn.Module student = DistillationTests.Create("bert"), one = DistillationTests.Create("bert", 4), two = DistillationTests.Create("bert", 5);
        using LogitCache first = Open(one, 9), second = Open(two, 9, "other");
        var objective = new Distillation<nn.Module>([new((ITransformerModel)one) { Cache = first }, new((ITransformerModel)two) { Cache = second, Weight = 2 }], new DistillationTests.Plain<nn.Module>(), s_soft);
        void Step(int i)
        {
            using DisposeScope scope = NewDisposeScope();
            Batch batch = DistillationTests.Tokens();
            objective.Loss(student, batch with { Inputs = [.. batch.Inputs.Select(id => (id + i) % VocabSize)] }, 19).backward();
        }
        Step(0);   // makes the gradients
        long before = LiveTensors.Count();

        for (int i = 0; i < 6; i++) Step(i / 2);

        Assert.Equal(before, LiveTensors.Count());
        Assert.Equal((9, 9), (first.Count, second.Count));
    }

    [Fact]
    public void Open_CacheOfSomethingElse_IsRefused()
    {
        using nn.Module teacher = DistillationTests.Create("bert"), other = DistillationTests.Create("bert", 4), deeper = DistillationTests.Create("bert", layers: 3);
        Open(teacher, 9).Dispose();

        string Refused(Func<LogitCache> open) => Assert.Throws<ArgumentException>(open).Message;
        Assert.Matches("was made for something else: teacher.sha256 \\(cache: \"[0-9a-f]{64}\", now: \"[0-9a-f]{64}\"\\). Use another folder", Refused(() => Open(other, 9)));
        Assert.Contains("teacher.config.num_hidden_layers (cache: 2, now: 3)", Refused(() => Open(deeper, 9)));
        Assert.Contains("data.sha256", Refused(() => Open(teacher, 9, data: Data(sha256: "xy"))));
        Assert.Contains("data.tokenizer", Refused(() => Open(teacher, 9, data: Data(tokenizer: "xy"))));
        Assert.Contains("topK (cache: 9, now: 10)", Refused(() => Open(teacher, 10)));
        Assert.Contains("temperature (cache: 1.7, now: 2)", Refused(() => Open(teacher, 9, temperature: 2)));
        Assert.Contains("Temperature (0) must be positive.", Refused(() => Open(teacher, 9, temperature: 0)));
        Assert.Contains("TopK (0) must be at least 1.", Refused(() => Open(teacher, 0)));
        Open(teacher, 9).Dispose();
    }

    [Fact]
    public void Open_CacheInUse_IsRefused()
    {
        using nn.Module teacher = DistillationTests.Create("bert");
        using LogitCache _ = Open(teacher, 9);
        Assert.Contains("another training may be at work on it", Assert.Throws<IOException>(() => Open(teacher, 9)).Message);
    }

    [Fact]
    public void Open_FilesThatAreDamaged_SaysWhere()
    {
        using nn.Module student = DistillationTests.Create("bert"), teacher = DistillationTests.Create("bert", 4);
        Batch batch = DistillationTests.Tokens();
        double loss;
        using (LogitCache cache = Open(teacher, 9)) loss = Loss(student, teacher, cache, batch);
        string file = Path.Combine(_folder.File("cache"), "logits.bin"), description = Path.Combine(_folder.File("cache"), "cache.json");
        byte[] whole = File.ReadAllBytes(file);

        File.WriteAllBytes(file, [.. whole[..^5]]);   // the process ended while it wrote
        using (LogitCache cut = Open(teacher, 9))
        {
            Assert.Equal(2, cut.Count);
            Assert.Equal(loss, Loss(student, teacher, cut, batch));
            Assert.Equal((2, 1), (cut.Hits, cut.Misses));
        }
        Assert.Equal(whole, File.ReadAllBytes(file));

        byte[] bytes = [.. whole];
        bytes[50] ^= 1;
        File.WriteAllBytes(file, bytes);
        using (LogitCache changed = Open(teacher, 9))
            Assert.Contains("the row at byte 0 does not fit its checksum", Assert.Throws<CheckpointException>(() => Loss(student, teacher, changed, batch)).Message);
        bytes = [.. whole];
        bytes[3] ^= 1;
        File.WriteAllBytes(file, bytes);
        Assert.Contains("the row at byte 0 does not fit its checksum", Assert.Throws<CheckpointException>(() => Open(teacher, 9)).Message);
        File.WriteAllText(description, "{");
        Assert.Contains("it is damaged", Assert.Throws<CheckpointException>(() => Open(teacher, 9)).Message);
        File.Delete(description);
        Assert.Contains("it is missing beside logits.bin", Assert.Throws<CheckpointException>(() => Open(teacher, 9)).Message);
    }

    [Fact]
    public void Constructor_CacheWithLayers_IsRefused()
    {
        using nn.Module teacher = DistillationTests.Create("bert");
        using LogitCache cache = Open(teacher, 9);
        Teacher kept = new((ITransformerModel)teacher) { Cache = cache };
        Assert.Contains("A cache holds no hidden states", Assert.Throws<ArgumentException>(() => new Distillation<nn.Module>([kept], new DistillationTests.Plain<nn.Module>(), new() { HiddenWeight = 1 })).Message);
        Assert.Contains("a cache of its own", Assert.Throws<ArgumentException>(() => new Distillation<nn.Module>([kept, kept], new DistillationTests.Plain<nn.Module>(), s_soft)).Message);
        Assert.Contains("A cache was made for the temperature 1.7, and Temperature is 2; they must be the same.", Assert.Throws<ArgumentException>(() => new Distillation<nn.Module>([kept], new DistillationTests.Plain<nn.Module>())).Message);
    }
}
