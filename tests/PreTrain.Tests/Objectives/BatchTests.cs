using System.Globalization;
using System.Reflection;
using PreTrain.Data;
using PreTrain.Data.Images;
using PreTrain.Data.Masking;
using PreTrain.Models.Bert;
using PreTrain.Models.Electra;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Models.UniLm;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using TemporaryFolder = PreTrain.Tests.Checkpoints.TemporaryFolder;

namespace PreTrain.Tests.Objectives;

public sealed class BatchTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1, new[] { 1, 1, 1, 1, 1 })]
    [InlineData(2, new[] { 2, 2, 1 })]
    [InlineData(3, new[] { 3, 2 })]
    public void Split_EveryArray_IsCutByRows(int rows, int[] expected)
    {
        PropertyInfo[] arrays = [.. typeof(Batch).GetProperties().Where(p => p.PropertyType.IsArray)];
        var batch = new Batch { Inputs = [], Targets = [], Rows = 5, Length = 7, ValidTargets = 0, Seed = 11, Part = 3 };
        // Each of another width, as the targets of a model with a decoder are.
        for (int i = 0; i < arrays.Length; i++)
        {
            Type type = arrays[i].PropertyType.GetElementType()!;
            var values = Array.CreateInstance(type, 5 * (i + 1));
            for (int v = 0; v < values.Length; v++) values.SetValue(Convert.ChangeType(v % 4 == 0 ? CrossEntropy.Ignored : v, type, CultureInfo.InvariantCulture), v);
            arrays[i].SetValue(batch, values);
        }
        batch = batch with { ValidTargets = batch.Targets.LongCount(t => t != CrossEntropy.Ignored) };

        IReadOnlyList<Batch> pieces = batch.Split(rows);

        Assert.Equal(expected, pieces.Select(piece => piece.Rows));
        Assert.Equal(batch.ValidTargets, pieces.Sum(piece => piece.ValidTargets));
        Assert.All(pieces, piece => Assert.Equal(piece.ValidTargets, piece.Targets.LongCount(t => t != CrossEntropy.Ignored)));
        Assert.All(pieces, piece => Assert.Same(batch, piece.Whole));
        Assert.All(pieces, piece => Assert.Equal((7, 3), (piece.Length, piece.Part)));
        Assert.Equal(pieces.Count, pieces.Select(piece => piece.Seed).Distinct().Count());
        foreach (PropertyInfo array in arrays)
        {
            Array Of(Batch from) => (Array)array.GetValue(from)!;
            Assert.Equal(Of(batch).Cast<object>(), pieces.SelectMany(piece => Of(piece).Cast<object>()));
            Assert.All(pieces, piece => Assert.Equal(Of(batch).Length / 5 * piece.Rows, Of(piece).Length));
        }
    }

    [Fact]
    public void Split_Images_AreCutWithTheirTargets()
    {
        var images = new ImageBatch([.. Enumerable.Range(0, 5 * 3 * 2 * 7).Select(i => (float)i)], 5, 3, 2, 7);
        var batch = new Batch { Inputs = [], Targets = [], Rows = 5, Length = 11, ValidTargets = 35, Images = images };

        IReadOnlyList<Batch> pieces = batch.Split(2);

        Assert.Equal([14L, 14L, 7L], pieces.Select(piece => piece.ValidTargets));
        Assert.Equal([2, 2, 1], pieces.Select(piece => piece.Images!.Count));
        Assert.Equal(images.Pixels, pieces.SelectMany(piece => piece.Images!.Pixels));
        Assert.Equal([1, 3, 2, 7], pieces[2].Images!.Shape);
        Assert.Throws<ArgumentOutOfRangeException>(() => images.Slice(4, 2));
    }

    [Fact]
    public void Split_AsManyRows_IsTheBatch()
    {
        var batch = new Batch { Inputs = [1, 2], Targets = [3, 4], Rows = 2, Length = 1, ValidTargets = 2 };
        Assert.Same(batch, Assert.Single(batch.Split(2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Split(0));
        Assert.All(batch.Split(1), piece => Assert.Null(piece.Labels));
    }

    [Theory]
    [InlineData("causal")]
    [InlineData("masked")]
    [InlineData("prefix")]
    [InlineData("unified")]
    [InlineData("denoising")]
    [InlineData("pairs")]
    [InlineData("replaced")]
    public void Loss_OfPieces_SumsToTheBatchsWithItsGradients(string kind)
    {
        using var generator = new Generator(3);
        switch (kind)
        {
            case "causal":
                using (var model = Tiny.Model(Tiny.Even)) Check<GptModel>(model, new RowsObjective(), new RowsObjective().Rows(5, 0, 7));
                break;
            case "masked":
                {
                    using TokenStore tokens = MaskingFixture.Store(MaskingFixture.WordPiece, folder["tokens"]);
                    using var model = (BertModel)MaskedLanguageModelingTests.Create("bert");
                    var objective = new MaskedLanguageModeling(tokens, MaskingFixture.WordPiece);
                    Batch batch = Draw(objective.Open(new(3), model, 7));
                    // One row without a target.
                    Array.Fill(batch.Targets, CrossEntropy.Ignored, 2 * batch.Length, batch.Length);
                    Check<BertModel>(model, objective, batch with { ValidTargets = batch.Targets.LongCount(t => t != CrossEntropy.Ignored) });
                    break;
                }
            case "prefix":
                {
                    using TokenStore tokens = MaskingFixture.Store(MaskingFixture.WordPiece, folder["tokens"]);
                    using var model = new GptModel(Tiny.Even with { VocabSize = MaskingFixture.WordPiece.VocabSize }, generator: generator);
                    var objective = new PrefixLanguageModeling(tokens);
                    Check<GptModel>(model, objective, Draw(objective.Open(new(3), model, 7)));
                    break;
                }
            case "unified":
                {
                    using TokenStore tokens = MaskingFixture.Store(MaskingFixture.WordPiece, folder["tokens"]);
                    var config = new UniLmConfig { VocabSize = MaskingFixture.WordPiece.VocabSize, ContextLength = 37, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 };
                    using var model = new UniLmModel(config, generator: generator);
                    var objective = new UnifiedLanguageModeling(tokens, MaskingFixture.WordPiece);
                    Batch batch = Draw(objective.Open(new(3), model, 7));
                    // One row without a target.
                    Array.Fill(batch.Targets, CrossEntropy.Ignored, 2 * batch.Length, batch.Length);
                    Check<UniLmModel>(model, objective, batch with { ValidTargets = batch.Targets.LongCount(t => t != CrossEntropy.Ignored) });
                    break;
                }
            case "denoising":
                {
                    using TokenStore tokens = MaskingFixture.Store(MaskingFixture.Unigram, folder["tokens"]);
                    using var model = new T5Model(new T5Config { VocabSize = MaskingFixture.Unigram.VocabSize, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, HeadDim = 16, FeedForwardDim = 48 }, generator: generator);
                    var objective = new SequenceDenoising(tokens, MaskingFixture.Unigram, new SpanCorruption(MaskingFixture.Unigram), new() { ContextLength = 41 });
                    Batch batch = Draw(objective.Open(new(3), model, 7));
                    // A shorter row.
                    Array.Fill(batch.Targets, CrossEntropy.Ignored, 4 * batch.TargetLength - 5, 5);
                    Check<T5Model>(model, objective, batch with { ValidTargets = batch.Targets.LongCount(t => t != CrossEntropy.Ignored) });
                    break;
                }
            case "replaced":
                {
                    using TokenStore tokens = MaskingFixture.Store(MaskingFixture.WordPiece, folder["tokens"]);
                    var config = new ElectraConfig { VocabSize = MaskingFixture.WordPiece.VocabSize, ContextLength = 37, LayerCount = 1, HeadCount = 4, EmbeddingDim = 64, TokenEmbeddingDim = 32, FeedForwardDim = 96 };
                    using var model = new ElectraPair(config, random: generator);
                    var objective = new ReplacedTokenDetection(tokens, MaskingFixture.WordPiece, new() { DiscriminatorWeight = 7 });
                    Batch batch = Draw(objective.Open(new(3), model, 7));
                    // A row with fewer targets, and a shorter one.
                    Array.Fill(batch.Targets, CrossEntropy.Ignored, 2 * batch.Length, batch.Length / 2);
                    long[] mask = [.. Enumerable.Repeat(1L, batch.Inputs.Length)];
                    Array.Fill(mask, 0, 5 * batch.Length - 6, 6);
                    Array.Fill(batch.Targets, CrossEntropy.Ignored, 5 * batch.Length - 6, 6);
                    Check<ElectraPair>(model, objective, batch with { AttentionMask = mask, ValidTargets = batch.Targets.LongCount(t => t != CrossEntropy.Ignored) });
                    break;
                }
            default:
                {
                    using TokenStore tokens = MaskingFixture.Store(MaskingFixture.WordPiece, folder["tokens"]);
                    var config = new BertConfig { VocabSize = MaskingFixture.WordPiece.VocabSize, ContextLength = 37, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 };
                    using var model = new BertModel(config, PreTrain.Models.ModelHead.PreTraining, generator: generator);
                    var objective = new SentencePairPrediction(tokens, MaskingFixture.WordPiece, new() { Task = SentencePairTask.SentenceOrder });
                    Check<BertModel>(model, objective, Draw(objective.Open(new(3), model, 7)));
                    break;
                }
        }
    }

    private static Batch Draw(IBatchSource source)
    {
        using (source) return source.Next(TestContext.Current.CancellationToken);
    }

    /// <summary>What the training does with a batch that is cut: pieces with one normalizer, whose gradients are added. First as it is in 32 bits, then in 64 bits, where nothing but a fault differs.</summary>
    private static void Check<TModel>(TModel model, IObjective<TModel> objective, Batch batch) where TModel : nn.Module
    {
        model.eval();   // without dropout
        using DisposeScope scope = NewDisposeScope();
        foreach (int rows in new[] { 1, 2, 4 })
            Assert.True(batch.Split(rows).Select(piece => (double)piece.ValidTargets / piece.Rows).Distinct().Count() > 1, "The pieces should differ in their targets.");
        using (var flat = new FlatParameters(model, Precision.Float32))
        {
            Compare(rows =>
            {
                double total = Sum(rows, () => flat.Collect(accumulate: true));
                Tensor[] copy = [flat.StepGradient.clone()];
                flat.DropGradient();
                Assert.Equal(0, flat.StepGradient.abs().max().item<float>());
                return (total, copy);
            });
        }

        Parameter[] parameters = Wide(model);
        Compare(rows =>
        {
            foreach (Parameter p in parameters) p.grad = null;
            double total = Sum(rows, () => { });
            return (total, [.. parameters.Select(p => p.grad ?? zeros_like(p))]);
        });

        double Sum(int rows, Action after)
        {
            double total = 0;
            foreach (Batch piece in batch.Split(rows))
            {
                Tensor part = objective.Loss(model, piece, batch.ValidTargets);
                part.backward();
                after();
                total += part.to(ScalarType.Float64).item<double>();
            }
            return total;
        }

        static void Compare(Func<int, (double Loss, Tensor[] Gradients)> compute)
        {
            var (loss, gradients) = compute(1000);
            Assert.True(gradients.Max(Largest) > 1e-3, "A gradient of nothing shows nothing.");
            foreach (int rows in new[] { 1, 2, 4 })
            {
                var (sum, parts) = compute(rows);
                Assert.Equal(loss, sum, 1e-6 * Math.Max(1, loss));
                double most = gradients.Zip(parts, (a, b) => Largest(a - b)).Max();
                Assert.True(most < 1e-6, $"The gradients of {rows} rows differ by {most}.");
            }
        }

        static double Largest(Tensor t) => t.abs().max().to(ScalarType.Float64).item<double>();
    }

    /// <summary>A model's parameters, after they were made 64 bits wide in place, since several modules may share one.</summary>
    private static Parameter[] Wide(nn.Module model)
    {
        var seen = new HashSet<nint>();
        Parameter[] parameters = [.. model.named_parameters().Select(p => p.parameter).Where(p => p.requires_grad && seen.Add(p.Handle))];
        using IDisposable mode = no_grad();
        foreach (Parameter p in parameters)
        {
            p.grad = null;
            nn.utils.vector_to_parameters(p.to(ScalarType.Float64).view(-1), [p]);
        }
        return parameters;
    }
}
