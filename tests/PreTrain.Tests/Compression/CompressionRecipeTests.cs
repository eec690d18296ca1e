using PreTrain.Compression;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Modules.Quantized;
using PreTrain.Pruning;
using PreTrain.Tests.Data;

namespace PreTrain.Tests.Compression;

public class CompressionRecipeTests
{
    private const string Whole = """
        {
          "samples": 32, "validation-fraction": 0.1, "evaluation-batches": 3, "batch": 4,
          "stages": [
            { "stage": "prune", "heads": 0.5, "neurons": 0.25, "layers": 1, "importance": "taylor" },
            { "stage": "prune", "method": "wanda", "pattern": "2:4", "targets": ["*blocks.0.*"] },
            { "stage": "distill", "steps": 20, "batch": 3, "learning-rate": 0.002, "temperature": 3, "alpha": 0.25, "divergence": "reverse-kl", "cosine-weight": 1 },
            { "stage": "quantize", "method": "gptq", "scheme": "int4", "group-size": 32, "symmetric": true, "skip": ["*head*"] }
          ]
        }
        """;

    [Fact]
    public void Parse_EveryKindOfStage_HasItsOptions()
    {
        CompressionRecipe recipe = CompressionRecipe.Parse(Whole);

        Assert.Equal((32, 0.1, 3, 4, 4), (recipe.Samples, recipe.ValidationFraction, recipe.EvaluationBatches, recipe.BatchSize, recipe.Stages.Count));
        var units = Assert.IsType<PruneStage>(recipe.Stages[0]);
        Assert.Equal(new StructuredPruningOptions { HeadSparsity = 0.5, NeuronSparsity = 0.25, RemovedLayers = 1, Importance = UnitImportance.Taylor }, units.Units);
        Assert.Null(units.Weights);
        PruningOptions weights = ((PruneStage)recipe.Stages[1]).Weights!;
        Assert.Equal((PruningMethod.Wanda, new SparsityPattern(2, 4), "*blocks.0.*"), (weights.Method, weights.Pattern, Assert.Single(weights.Targets)));
        var distill = (DistillStage)recipe.Stages[2];
        Assert.Equal((20, 3, 0.002), (distill.Steps, distill.BatchSize, distill.LearningRate));
        Assert.Equal(new DistillationOptions { Temperature = 3, Alpha = 0.25, Divergence = DistillationDivergence.ReverseKl, CosineWeight = 1 }, distill.Teaching);
        var quantize = (QuantizeStage)recipe.Stages[3];
        Assert.Equal((QuantizationScheme.Int4Weights, 32, true, "*head*"), (quantize.Quantization.Scheme, quantize.Quantization.GroupSize, quantize.Quantization.IsSymmetric, Assert.Single(quantize.Quantization.Skip)));
        Assert.NotNull(quantize.Gptq);
    }

    [Fact]
    public void ToJson_Recipe_IsReadAgainAsTheSame()
    {
        string json = CompressionRecipe.Parse(Whole).ToJson().ToJsonString();
        Assert.Equal(json, CompressionRecipe.Parse(json).ToJson().ToJsonString());
        Assert.Contains("\"divergence\":\"reverse-kl\"", json);
    }

    [Theory]
    [InlineData("{", "The recipe is no JSON")]
    [InlineData("[]", "must be an object with a list of stages")]
    [InlineData("{}", "The recipe: stages must be a list of objects.")]
    [InlineData("""{"stages":[]}""", "There must be at least one stage.")]
    [InlineData("""{"stages":[{"stage":"shrink"}]}""", "Stage 1: stage (\"shrink\") must be prune, distill or quantize.")]
    [InlineData("""{"stages":[{"heads":0.5}]}""", "Stage 1: stage is missing; it must be prune, distill or quantize.")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":0.5,"heds":1}]}""", "Stage 1: heds is not known; it takes stage, heads, neurons")]
    [InlineData("""{"stage":[],"stages":[{"stage":"quantize"}]}""", "The recipe: stage is not known; it takes stages, samples")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int3"}]}""", "Stage 1: scheme (\"int3\") must be int8, int8-weights or int4.")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":"half"}]}""", "Stage 1: sparsity (\"half\") must be a number.")]
    [InlineData("""{"stages":[{"stage":"prune","pattern":"4:2"}]}""", "Stage 1: pattern (\"4:2\") must be N:M with 0 < N < M")]
    [InlineData("""{"stages":[{"stage":"prune","pattern":"2:4","sparsity":0.5}]}""", "Stage 1: sparsity and pattern exclude each other")]
    [InlineData("""{"stages":[{"stage":"prune"}]}""", "Stage 1: nothing is to be pruned; give method, sparsity, pattern, heads, neurons, layers or decoder-layers.")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":1}]}""", "Stage 1 (prune): Sparsity (1) must be at least 0 and below 1")]
    [InlineData("""{"stages":[{"stage":"prune","layers":1},{"stage":"distill","steps":0}]}""", "Stage 2 (distill): Steps (0) must be positive.")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int4","group-size":48}]}""", "Stage 1 (quantize): ")]
    [InlineData("""{"stages":[{"stage":"quantize"},{"stage":"prune","sparsity":0.5}]}""", "Stage 2 (prune) comes after quantize; a quantized model can be neither trained nor pruned")]
    [InlineData("""{"stages":[{"stage":"distill"}]}""", "Stage 1 (distill) comes first, and the model would be its own teacher")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":0.5},{"stage":"prune","heads":0.5}]}""", "Stage 2 (prune) takes units out of a model whose weights stage 1 has set to zero")]
    [InlineData("""{"stages":[{"stage":"prune","heads":0.5},{"stage":"distill","relation-weight":1}]}""", "Stage 2 (distill) compares heads with the teacher's, and stage 1 has taken some out")]
    [InlineData("""{"stages":[{"stage":"quantize","damping":0.1}]}""", "Stage 1: damping goes with the method gptq.")]
    [InlineData("""{"validation-fraction":0,"stages":[{"stage":"quantize"}]}""", "ValidationFraction (0) must be above 0 and below 1")]
    public void Parse_WrongRecipe_SaysWhatIsWrong(string json, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => CompressionRecipe.Parse(json)).Message);

    [Fact]
    public void Parse_FineTuningWithoutATeacher_MayComeFirst() =>
        Assert.Single(CompressionRecipe.Parse("""{"stages":[{"stage":"distill","alpha":1}]}""").Stages);

    [Fact]
    public void Load_File_NamesItInItsFaults()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("cannot be read", Assert.Throws<CorpusException>(() => CompressionRecipe.Load(folder.File("nowhere.json"))).Message);
        string file = folder.Write("r.json", "{}");
        Assert.Contains($"'{file}': The recipe: stages", Assert.Throws<ArgumentException>(() => CompressionRecipe.Load(file)).Message);
    }
}
