using PreTrain.Compression;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
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

    [Fact]
    public void ToJson_EveryOptionOfEveryStage_IsThere()
    {
        // What is missing would let a call go on behind a stage that was made with other options.
        var quantize = new QuantizeStage { Gptq = new(), Awq = new(), Smoothing = new(), Activations = new() };
        var prune = new PruneStage { Units = new(), Weights = new() };
        var distill = new DistillStage();
        var others = Changed(quantize.Quantization).Select(x => (CompressionStage)(quantize with { Quantization = x })).Concat(Changed(quantize.Gptq!).Select(x => quantize with { Gptq = x }))
            .Concat(Changed(quantize.Awq!).Select(x => quantize with { Awq = x })).Concat(Changed(quantize.Smoothing!).Select(x => quantize with { Smoothing = x })).Concat(Changed(quantize.Activations!).Select(x => quantize with { Activations = x }));
        CompressionStage[] all =
        [
            .. others, .. Changed(prune.Units!).Select(x => prune with { Units = x }), .. Changed(prune.Weights!).Select(x => prune with { Weights = x }),
            .. Changed(distill.Teaching).Select(x => distill with { Teaching = x }), .. Changed(distill).Where(x => ReferenceEquals(x.Teaching, distill.Teaching)),
        ];
        Assert.True(all.Length > 40, $"{all.Length} options");
        string[] usual = [quantize.ToJson().ToJsonString(), prune.ToJson().ToJsonString(), distill.ToJson().ToJsonString()];
        Assert.All(all, stage => Assert.DoesNotContain(stage.ToJson().ToJsonString(), usual));

        // Each copy of a record with one property changed.
        static IEnumerable<T> Changed<T>(T record) where T : class
        {
            foreach (System.Reflection.PropertyInfo property in typeof(T).GetProperties().Where(p => p.SetMethod is { IsPublic: true }))
            {
                object copy = typeof(T).GetMethod("<Clone>$")!.Invoke(record, null)!;
                Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
                object? value = property.GetValue(record);
                property.SetValue(copy, type switch
                {
                    _ when type == typeof(bool) => !(bool)value!,
                    _ when type == typeof(int) => (int)(value ?? 0) + 1,
                    _ when type == typeof(double) => (double)(value ?? 0.0) + 0.25,
                    _ when type.IsEnum => Enum.GetValues(type).Cast<object>().Last(one => !one.Equals(value)),
                    _ when type == typeof(IReadOnlyList<string>) => new[] { "one", "two" },
                    _ when type == typeof(IReadOnlyList<int>) => new[] { 0, 1 },
                    _ when type == typeof(SparsityPattern) => new SparsityPattern(2, 4),
                    _ when type == typeof(DistillationOptions) => new DistillationOptions(),
                    _ => throw new NotSupportedException($"{property.Name}: {type}"),
                });
                yield return (T)copy;
            }
        }
    }

    [Theory]
    [InlineData("""{"stage":"quantize","method":"gptq","scheme":"int8-weights","damping":0.02,"by-size":true}""")]
    [InlineData("""{"stage":"quantize","method":"awq","group-size":32,"scale-steps":5,"clip-steps":3}""")]
    [InlineData("""{"stage":"quantize","method":"smoothquant","scheme":"int8-static","alpha":0.7,"calibration-method":"percentile","percentile":99.5,"symmetric-activations":true}""")]
    [InlineData("""{"stage":"quantize","scheme":"int8","granularity":"group","group-size":128,"half-scales":true}""")]
    [InlineData("""{"stage":"quantize","scheme":"nf4","wide-scales":true}""")]
    [InlineData("""{"stage":"quantize"}""")]
    [InlineData("""{"stage":"quantize","scheme":"int4","symmetric":true}""")]
    [InlineData("""{"stage":"quantize","scheme":"int8-static","symmetric-activations":true}""")]
    [InlineData("""{"stage":"prune","sparsity":0.4,"scope":"model","targets":["*query"]}""")]
    [InlineData("""{"stage":"prune","method":"wanda","minimum-tokens":64}""")]
    [InlineData("""{"stage":"distill","steps":20,"alpha":1}""")]
    [InlineData("""{"stage":"prune","method":"sparsegpt","sparsity":0.4,"damping":0.05,"block-size":64,"minimum-tokens":32}""")]
    public void Parse_Stage_KeepsEveryKeyItIsGiven(string stage)
    {
        using var given = System.Text.Json.JsonDocument.Parse(stage);
        using var kept = System.Text.Json.JsonDocument.Parse(Assert.Single(CompressionRecipe.Parse($$"""{"stages":[{{stage}}]}""").Stages).ToJson().ToJsonString());
        Assert.All(given.RootElement.EnumerateObject(), member => Assert.Equal(member.Value.GetRawText(), kept.RootElement.GetProperty(member.Name).GetRawText()));
        Assert.Single(CompressionRecipe.Parse($$"""{"stages":[{{kept.RootElement.GetRawText()}}]}""").Stages);
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
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int3"}]}""", "Stage 1: scheme (\"int3\") must be int8, int8-static, int8-weights, int4 or nf4.")]
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
    [InlineData("""{"stages":[{"stage":"quantize","damping":0.1}]}""", "Stage 1: damping goes with method gptq.")]
    [InlineData("""{"stages":[{"stage":"quantize","method":"gptq","alpha":0.5}]}""", "Stage 1: alpha goes with method smoothquant.")]
    [InlineData("""{"stages":[{"stage":"quantize","method":"gptq","scheme":"int8-static"}]}""", "Stage 1 (quantize): Gptq does not go with Int8Static")]
    [InlineData("""{"stages":[{"stage":"quantize","method":"smoothquant","scheme":"int4"}]}""", "Stage 1 (quantize): Smoothing goes with Int8Dynamic or Int8Static")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int8-static","percentile":99}]}""", "Stage 1: percentile goes with calibration-method percentile.")]
    [InlineData("""{"stages":[{"stage":"quantize","calibration-method":"mse"}]}""", "Stage 1: calibration-method goes with scheme int8-static.")]
    [InlineData("""{"stages":[{"stage":"quantize","symmetric-activations":true}]}""", "Stage 1: symmetric-activations goes with scheme int8-static.")]
    [InlineData("""{"stages":[{"stage":"quantize","group-size":64}]}""", "Stage 1: group-size goes with scheme int4 or granularity group.")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"nf4","group-size":64}]}""", "Stage 1: group-size goes with scheme int4 or granularity group.")]
    [InlineData("""{"stages":[{"stage":"quantize","symmetric":true}]}""", "Stage 1: symmetric goes with scheme int4.")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int4","wide-scales":true}]}""", "Stage 1: wide-scales goes with scheme nf4.")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int4","granularity":"group"}]}""", "Stage 1: granularity goes with the schemes of 8 bits; those of 4 have groups.")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"nf4","half-scales":true}]}""", "Stage 1: half-scales goes with every scheme but nf4, whose scales have 8 bits or 32.")]
    [InlineData("""{"stages":[{"stage":"quantize","symmetric":true,"wide-scales":true}]}""", "Stage 1: symmetric goes with scheme int4. Stage 1: wide-scales goes with scheme nf4.")]
    [InlineData("""{"stages":[{"stage":"prune","heads":0.5,"damping":0.1}]}""", "Stage 1: damping goes with method, sparsity or pattern.")]
    [InlineData("""{"stages":[{"stage":"prune","heads":0.5,"targets":["*query"]}]}""", "Stage 1: targets goes with method, sparsity or pattern.")]
    [InlineData("""{"stages":[{"stage":"prune","scope":"model"}]}""", "Stage 1: scope goes with method, sparsity or pattern. Stage 1: nothing is to be pruned")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":0.5,"importance":"magnitude"}]}""", "Stage 1: importance goes with heads, neurons, layers or decoder-layers.")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":0.5,"damping":0.1}]}""", "Stage 1: damping goes with method sparsegpt.")]
    [InlineData("""{"stages":[{"stage":"prune","method":"wanda","block-size":64}]}""", "Stage 1: block-size goes with method sparsegpt.")]
    [InlineData("""{"stages":[{"stage":"prune","sparsity":0.5,"minimum-tokens":64}]}""", "Stage 1: minimum-tokens goes with method wanda or sparsegpt.")]
    [InlineData("""{"stages":[{"stage":"distill","alpha":1,"temperature":3,"divergence":"reverse-kl"}]}""", "Stage 1: temperature goes with alpha below 1. Stage 1: divergence goes with alpha below 1.")]
    [InlineData("""{"stages":[{"stage":"quantize","scheme":"int8-static","tied-head":true}]}""", "Stage 1 (quantize): HasQuantizedTiedHead must be false with Int8Static")]
    [InlineData("""{"stages":[{"stage":"distill","layer-map":[0.5]}]}""", "Stage 1: layer-map ([0.5]) must be a list of whole numbers.")]
    [InlineData("""{"validation-fraction":0,"stages":[{"stage":"quantize"}]}""", "ValidationFraction (0) must be above 0 and below 1")]
    public void Parse_WrongRecipe_SaysWhatIsWrong(string json, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => CompressionRecipe.Parse(json)).Message);

    [Fact]
    public void Parse_Objective_IsThatOfModelsThatWrite()
    {
        CompressionRecipe recipe = CompressionRecipe.Parse("{\"objective\":\"prefix-lm\",\"stages\":[{\"stage\":\"quantize\"}]}");
        Assert.Equal((WritingObjective.PrefixLanguageModel, "prefix-lm"), (recipe.Objective, (string?)recipe.ToJson()["objective"]));
        Assert.False((recipe with { Objective = null }).ToJson().ContainsKey("objective"));
        Assert.Contains("objective (\"causal-lm\") must be span-corruption, denoising or prefix-lm.", Assert.Throws<ArgumentException>(() => CompressionRecipe.Parse("{\"objective\":\"causal-lm\",\"stages\":[{\"stage\":\"quantize\"}]}")).Message);
    }

    [Fact]
    public void Parse_FineTuningWithoutATeacher_MayComeFirst() =>
        Assert.Single(CompressionRecipe.Parse("""{"stages":[{"stage":"distill","alpha":1}]}""").Stages);

    [Fact]
    public void Load_File_NamesItInItsFaults()
    {
        using var folder = new TemporaryFolder();
        foreach (var (text, message) in new[] { (" ", "is empty"), ("{\n\"stages\": [", "is no JSON from line 2, byte 12 on: it is cut off or damaged") })
        {
            string broken = folder.File("broken.json");
            File.WriteAllText(broken, text);
            Assert.Contains($"The recipe '{broken}' {message}", Assert.Throws<CorpusException>(() => CompressionRecipe.Load(broken)).Message);
        }
        Assert.Contains("cannot be read", Assert.Throws<CorpusException>(() => CompressionRecipe.Load(folder.File("nowhere.json"))).Message);
        string file = folder.Write("r.json", "{}");
        Assert.Contains($"'{file}': The recipe: stages", Assert.Throws<ArgumentException>(() => CompressionRecipe.Load(file)).Message);
    }
}
