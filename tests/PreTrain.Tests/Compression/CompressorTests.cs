using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using PreTrain.Compression;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Quantization;
using PreTrain.Tests.Data;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Compression;

[Collection(DefaultGenerator.Name)]
public sealed class CompressorTests : IDisposable
{
    private static readonly string s_text = string.Join(' ', Enumerable.Range(0, 300).Select(i => $"The method returns value {i % 7}, and a stream reads {i % 5} spans."));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private (TextTokenizer Tokenizer, TokenStore Tokens) Save(string family)
    {
        TextTokenizer tokenizer = family switch
        {
            "gpt" => ByteLevelBpeTokenizer.Train([s_text], new() { VocabSize = 280 }),
            "bert" => PipelineTokenizer.TrainWordPiece([s_text], new() { VocabSize = 60 }),
            _ => PipelineTokenizer.TrainUnigram([s_text], new() { VocabSize = 60, SpecialTokens = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, 20).Select(i => $"<extra_id_{i}>")] }),
        };
        using var generator = new Generator(3);
        int vocabulary = tokenizer.VocabSize;
        using ITransformerModel model = family switch
        {
            "gpt" => new GptModel(new GptConfig { VocabSize = vocabulary, ContextLength = 16, LayerCount = 2, HeadCount = 4, EmbeddingDim = 32, FeedForwardDim = 64, Dropout = 0, InitializerRange = 0.1 }, generator: generator),
            "bert" => new BertModel(new BertConfig { VocabSize = vocabulary, ContextLength = 16, LayerCount = 2, HeadCount = 4, EmbeddingDim = 32, FeedForwardDim = 64 }, ModelHead.PreTraining, generator),
            _ => new T5Model(new T5Config { VocabSize = vocabulary, LayerCount = 2, HeadCount = 4, EmbeddingDim = 32, HeadDim = 8, FeedForwardDim = 64 }, generator: generator),
        };
        model.SavePretrained(_folder.File("model"));
        tokenizer.Save(_folder.File("model"));
        File.WriteAllText(Path.Combine(_folder.File("model"), "chat_template.jinja"), "{{ messages }}");
        return (tokenizer, TokenStore.Build([s_text], tokenizer, _folder.File("tokens"), new() { Overwrite = true }, TestContext.Current.CancellationToken));
    }

    private static CompressionRecipe Recipe(int steps = 4, int? context = null) => new()
    {
        Samples = 32,
        EvaluationBatches = 2,
        ContextLength = context,
        Stages =
        [
            new PruneStage { Units = new() { HeadSparsity = 0.5, NeuronSparsity = 0.5, RemovedLayers = 1, Importance = UnitImportance.Taylor } },
            new PruneStage { Weights = new() { Method = PruningMethod.Wanda, Sparsity = 0.4, MinimumTokens = 32 } },
            new DistillStage { Steps = steps, BatchSize = 4, LearningRate = 5e-3 },
            new QuantizeStage { Gptq = new() },
        ],
    };

    private CompressionResult Run(CompressionRecipe recipe, (TextTokenizer Tokenizer, TokenStore Tokens) data, string output = "out", bool overwrite = false, CancellationToken? cancellation = null, params ITrainingCallback[] callbacks) =>
        Compressor.Run(_folder.File("model"), recipe, data.Tokens, data.Tokenizer, new() { Output = _folder.File(output), TimingRounds = 1, CheckpointEvery = 1, Overwrite = overwrite, Callbacks = callbacks }, cancellation ?? TestContext.Current.CancellationToken);

    private static CompressionStep Without(CompressionStep step) => step with { LatencyMilliseconds = 0, TokensPerSecond = 0, Seconds = 0 };

    [Theory]
    [InlineData("gpt", null)]
    [InlineData("gpt", 11)]
    [InlineData("bert", null)]
    [InlineData("t5", 24)]
    public void Run_PruneDistillQuantize_KeepsAModelBehindEachStage(string family, int? context)
    {
        var data = Save(family);
        using TokenStore _ = data.Tokens;

        CompressionResult result = Run(Recipe(context: context), data);

        Assert.False(result.Interrupted);
        Assert.Equal(["original", "prune", "prune", "distill", "quantize"], result.Steps.Select(step => step.Name));
        var (original, small, sparse, taught, quantized) = (result.Steps[0], result.Steps[1], result.Steps[2], result.Steps[3], result.Steps[4]);
        Assert.True(small.Parameters < original.Parameters && small.Bytes < original.Bytes);
        Assert.Equal((0, 0.4), (small.Sparsity, Math.Round(sparse.Sparsity, 1)));
        Assert.Equal(sparse.Sparsity, taught.Sparsity, 1e-9);   // zeros stay while it is trained
        Assert.True(taught.Loss < sparse.Loss, $"The loss was {sparse.Loss} and is {taught.Loss} after training.");
        Assert.True(quantized.Bytes < taught.Bytes && quantized.Parameters == taught.Parameters);
        Assert.Equal(taught.Loss, quantized.Loss, 0.05 * taught.Loss);
        Assert.All(result.Steps, step => Assert.True(step.LatencyMilliseconds > 0 && step.TokensPerSecond > 0 && step.Seconds > 0));

        // What it says of a model is what the model does.
        using ITransformerModel loaded = AutoModel.FromPretrained(taught.ModelFolder);
        IObjective<ITransformerModel> objective = AutoObjective.Create(loaded, data.Tokens, data.Tokenizer, new() { ContextLength = context });
        Assert.Equal(objective.Evaluate(loaded, 8, 2, cancellationToken: TestContext.Current.CancellationToken)!.Loss, taught.Loss, 1e-6);
        Assert.Equal(TextTokenizer.Load(quantized.ModelFolder).Fingerprint, data.Tokenizer.Fingerprint);
        Assert.All(result.Steps.Skip(1), step => Assert.Equal("{{ messages }}", File.ReadAllText(Path.Combine(step.ModelFolder, "chat_template.jinja"))));
    }

    [Theory]
    [InlineData(null, "span-corruption")]
    [InlineData(WritingObjective.PrefixLanguageModel, "prefix-lm")]
    public void Run_ModelThatWrites_IsMeasuredByItsObjectiveWhichIsNamed(WritingObjective? objective, string name)
    {
        var data = Save("t5");
        using TokenStore _ = data.Tokens;

        CompressionResult result = Run(Recipe(context: 24) with { Objective = objective, Stages = [new PruneStage { Weights = new() { Sparsity = 0.5 } }] }, data);

        Assert.Equal((name, name), (result.Objective, (string?)result.ToJson()["objective"]));
        Assert.Contains($"measured by {name} on", File.ReadAllText(result.Report));
        using ITransformerModel model = AutoModel.FromPretrained(_folder.File("model"));
        AutoObjectiveOptions options = new() { ContextLength = 24, Writing = objective };
        Assert.Equal(AutoObjective.Create(model, data.Tokens, data.Tokenizer, options).Evaluate(model, 8, 2, cancellationToken: TestContext.Current.CancellationToken)!.Loss, result.Steps[0].Loss, 1e-6);
    }

    [Theory]
    [InlineData(2048, null, null)]
    [InlineData(2049, null, 2048)]
    [InlineData(4096, 3000, 3000)]
    public void Objective_LongContext_HasRowsThatFitIntoMemory(int longest, int? asked, int? length)
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        using var model = new GptModel(new GptConfig { VocabSize = data.Tokenizer.VocabSize, ContextLength = longest, LayerCount = 1, HeadCount = 1, EmbeddingDim = 2 });
        Assert.Equal(length, (int?)RecipeObjective.Create(Recipe(context: asked), model, data.Tokens, data.Tokenizer).Describe()["contextLength"]);
    }

    [Fact]
    public void Read_ModelThatPredictsTheNextToken_ScoresOneTokenOfEachRow()
    {
        using var generator = new Generator(3);
        using var model = new LlamaModel(new LlamaConfig { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 2, EmbeddingDim = 8, FeedForwardDim = 16, IsHeadTied = false }, generator: generator);
        long rows = 0;
        Assert.Single(model.modules().OfType<Projection>(), map => map.weight.size(0) == 31).Transform = new InputObserver(x => rows += x.numel() / x.size(-1));
        using DisposeScope scope = NewDisposeScope();

        StageData.Read(model, new() { Ids = zeros([3, 7], dtype: ScalarType.Int64) });

        Assert.Equal(3, rows);
    }

    [Fact]
    public void Run_EveryWayOfQuantizing_GivesAFolderThatPredictsAsWell()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        QuantizeStage[] ways =
        [
            new() { Quantization = new() { Scheme = QuantizationScheme.NormalFloat4, Skip = ["*qkv", "*attention_output", "*feed_forward_input"] } },
            new() { Quantization = new() { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 }, Awq = new() },
            new() { Quantization = new() { Scheme = QuantizationScheme.Int8Static }, Smoothing = new(), Activations = new() { Range = ActivationRange.MeanSquare } },
            new() { Quantization = new() { Granularity = QuantizationGranularity.Tensor }, Smoothing = new() },
        ];
        for (int i = 0; i < ways.Length; i++)
        {
            CompressionResult result = Run(Recipe() with { Stages = [ways[i]] }, data, $"out-{i}");
            Assert.True(result.Steps[1].Bytes < result.Steps[0].Bytes && result.Steps[1].Loss != result.Steps[0].Loss, $"{i}");
            Assert.Equal(result.Steps[0].Loss, result.Steps[1].Loss, 0.05 * result.Steps[0].Loss);
        }
    }

    [Fact]
    public void Run_Again_DoesNothingAgain()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        CompressionResult first = Run(Recipe(), data);
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(first.Steps[1].ModelFolder, "model.safetensors"));

        CompressionResult again = Run(Recipe(), data);

        Assert.Equal(first.Steps, again.Steps);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(again.Steps[1].ModelFolder, "model.safetensors")));
        Assert.Contains("holds the stages of something else: recipe.stages", Assert.Throws<ArgumentException>(() => Run(Recipe(5), data)).Message);
        Assert.Equal(5, Run(Recipe(5), data, overwrite: true).Steps.Count);
        Assert.Contains("is not empty and holds no stages of a recipe", Assert.Throws<ArgumentException>(() => Run(Recipe(), data, "model")).Message);
    }

    [Fact]
    public void Run_CorrectedRecipe_KeepsTheStagesBeforeTheFirstThatDiffers()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        PruneStage half = new() { Weights = new() { Sparsity = 0.5 } }, more = new() { Weights = new() { Sparsity = 0.7 } }, most = new() { Weights = new() { Sparsity = 0.8 } };
        CompressionRecipe one = Recipe() with { Stages = [half] }, two = Recipe() with { Stages = [half, more, new QuantizeStage()] }, three = Recipe() with { Stages = [half, most, new QuantizeStage()] };

        CompressionResult first = Run(one, data), longer = Run(two, data);   // nothing would be lost
        string refused = Assert.Throws<ArgumentException>(() => Run(three, data)).Message;
        CompressionResult again = Run(two, data), corrected = Run(three, data, overwrite: true), other = Run(three with { EvaluationBatches = 1 }, data, overwrite: true);

        Assert.Contains("holds the stages of something else: recipe.stages", refused);
        Assert.Equal(first.Steps, longer.Steps.Take(2));
        Assert.Equal(longer.Steps, again.Steps);
        Assert.Equal(longer.Steps.Take(2), corrected.Steps.Take(2));
        Assert.Equal([0.5, 0.8, 0.8], corrected.Steps.Skip(1).Select(step => Math.Round(step.Sparsity, 2)));
        Assert.NotEqual(corrected.Steps[0].Seconds, other.Steps[0].Seconds);
    }

    [Fact]
    public void Run_OtherSamples_KeepsTheStagesBeforeTheFirstThatReads()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        PruneStage half = new() { Weights = new() { Sparsity = 0.5 } }, wanda = new() { Weights = new() { Method = PruningMethod.Wanda, Sparsity = 0.6, MinimumTokens = 32 } };
        CompressionRecipe one = Recipe() with { Stages = [half] }, two = Recipe() with { Stages = [half, wanda] };

        CompressionResult first = Run(one, data), more = Run(two with { Samples = 40 }, data);   // nothing would be lost
        string refused = Assert.Throws<ArgumentException>(() => Run(two, data)).Message;
        CompressionResult fewer = Run(two, data, overwrite: true), smallBatch = Run(two with { Samples = 7 }, data, overwrite: true);

        Assert.Equal(first.Steps, more.Steps.Take(2));
        Assert.Contains("holds the stages of something else: recipe.samples", refused);
        Assert.Equal(first.Steps, fewer.Steps.Take(2));
        Assert.NotEqual(more.Steps[2].Seconds, fewer.Steps[2].Seconds);
        Assert.NotEqual(first.Steps[0].Seconds, smallBatch.Steps[0].Seconds);   // it is timed with a batch of 7
    }

    [Fact]
    public void Run_FinishedElsewhere_IsTimedAgainAndNothingElse()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        CompressionRecipe recipe = Recipe() with { Stages = [new PruneStage { Weights = new() { Sparsity = 0.5 } }] };
        CompressionResult first = Run(recipe, data);
        string[] files = [_folder.File("out/0-original/stage.json"), _folder.File("out/1-prune/stage.json")];
        foreach (string file in files)
        {
            JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
            Assert.Equal(get_num_threads(), (int)json["timed"]!["threads"]!);
            (json["timed"]!["threads"], json["latencyMilliseconds"]) = (97, 1e9);
            File.WriteAllText(file, json.ToJsonString());
        }

        CompressionResult again = Run(recipe, data), third = Run(recipe, data);

        Assert.Equal(first.Steps.Select(step => Without(step) with { Seconds = step.Seconds }), again.Steps.Select(step => Without(step) with { Seconds = step.Seconds }));
        Assert.All(again.Steps, step => Assert.InRange(step.LatencyMilliseconds, 1e-6, 1e8));
        Assert.Equal(again.Steps, third.Steps);
    }

    [Fact]
    public void Run_ZerosOutsideTheBlocks_StayInTrainingAndAreCounted()
    {
        var data = Save("bert");
        using TokenStore _ = data.Tokens;

        CompressionResult result = Run(Recipe() with { Stages = [new PruneStage { Weights = new() { Sparsity = 0.5, Targets = ["prediction.*"] } }, new DistillStage { Steps = 3, BatchSize = 4, LearningRate = 5e-3 }] }, data);

        SparsityReport[] reports = [.. result.Steps.Skip(1).Select(step =>
        {
            using ITransformerModel model = AutoModel.FromPretrained(step.ModelFolder);
            return SparsityReport.Of(model, ["prediction.*"]);
        })];
        Assert.Equal([0.5, 0.5], reports.Select(report => report.Sparsity));
        Assert.Equal(0, result.Steps[0].Sparsity);
        Assert.True(result.Steps[1].Sparsity is > 0.01 and < 0.1);   // a map of 32 × 32 beside those of two blocks
        Assert.Equal(result.Steps[1].Sparsity, result.Steps[2].Sparsity);
    }

    [Fact]
    public void Run_LeftoversOfAKilledWriter_AreNoHindrance()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        _folder.Write("out/.tokens.partial/tokens.bin", "half");
        _folder.Write("out/.tokens.partial.lock", "");

        Assert.Equal(2, Run(Recipe() with { Stages = [new PruneStage { Weights = new() }] }, data).Steps.Count);

        Assert.Equal(["0-original", "1-prune", "compression.json", "report.html"], Directory.GetFileSystemEntries(_folder.File("out")).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Check_ModelWithinOutput_IsNotOverwritten()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        CompressionRecipe recipe = Recipe() with { Stages = [new PruneStage { Weights = new() }] };
        string small = Run(recipe, data).Steps[1].ModelFolder;
        CompressionOptions options = new() { Output = _folder.File("out"), Overwrite = true };
        Assert.Contains("and Overwrite would delete it", Assert.Throws<ArgumentException>(() => Compressor.Check(small, recipe, options)).Message);
        Assert.Contains("and Overwrite would delete it", Assert.Throws<ArgumentException>(() => Compressor.Check(small, recipe, data.Tokens, data.Tokenizer, options)).Message);
        Compressor.Check(_folder.File("model"), recipe, data.Tokens, data.Tokenizer, options);
    }

    [Fact]
    public void Run_InterruptedTraining_GoesOnToTheSameModels()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        using var stop = new CancellationTokenSource();

        CompressionResult cut = Run(Recipe(), data, "cut", cancellation: stop.Token, callbacks: new Tiny.AfterStep((_, step) =>
        {
            if (step.Step == 2) stop.Cancel();
        }));
        string took = _folder.File("cut/3-distill/interrupted.json");
        double before = (double)JsonNode.Parse(File.ReadAllText(took))!["seconds"]! + 1000;
        File.WriteAllText(took, $"{{\"seconds\": {before.ToString(System.Globalization.CultureInfo.InvariantCulture)}}}");
        CompressionResult rest = Run(Recipe(), data, "cut"), whole = Run(Recipe(), data, "whole");

        Assert.True(cut.Interrupted);
        Assert.True(before > 1000 && rest.Steps[3].Seconds > before && rest.Steps[4].Seconds < 1000 && !File.Exists(took));
        Assert.Equal(["original", "prune", "prune"], cut.Steps.Select(step => step.Name));
        Assert.Equal(whole.Steps.Select(Without).Select(step => step with { ModelFolder = "" }), rest.Steps.Select(Without).Select(step => step with { ModelFolder = "" }));
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole.Steps[^1].ModelFolder, "model.safetensors")), File.ReadAllBytes(Path.Combine(rest.Steps[^1].ModelFolder, "model.safetensors")));
    }

    [Theory]
    [InlineData("prune")]
    [InlineData("quantize")]
    public void Run_CancelledWithinAStage_IsInterruptedAndHasNoModelOfIt(string stage)
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        using var source = new CancellationTokenSource();
        CompressionRecipe recipe = Recipe() with { Stages = [new PruneStage { Weights = new() { Sparsity = 0.5 } }, new QuantizeStage()] };

        CompressionResult cut = Compressor.Run(_folder.File("model"), recipe, data.Tokens, data.Tokenizer, new() { Output = _folder.File("out"), TimingRounds = 1, Logger = new CancelsAt(stage, source) }, source.Token);

        Assert.True(cut.Interrupted);
        Assert.Equal(stage == "prune" ? ["original"] : ["original", "prune"], cut.Steps.Select(step => step.Name));
        Assert.False(Directory.Exists(_folder.File(stage == "prune" ? "out/1-prune" : "out/2-quantize")));
        Assert.False(Run(recipe, data).Interrupted);
    }

    /// <summary>Cancels when a stage begins.</summary>
    private sealed class CancelsAt(string stage, CancellationTokenSource source) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (formatter(state, exception).EndsWith($": {stage}.", StringComparison.Ordinal)) source.Cancel();
        }
    }

    [Fact]
    public void Run_Report_HoldsTheTableAndLoadsNothing()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        CompressionResult result = Run(Recipe() with { Stages = [new PruneStage { Weights = new() { Sparsity = 0.5 } }, new QuantizeStage()] }, data);
        using (ITransformerModel small = AutoModel.FromPretrained(result.Steps[2].ModelFolder)) Assert.Equal(SparsityReport.Of(small).Sparsity, result.Steps[2].Sparsity);
        Assert.InRange(result.Steps[2].Sparsity, 0.5, 0.6);   // some more may be rounded to 0

        string page = File.ReadAllText(result.Report);

        foreach (string cell in result.Steps.SelectMany(CompressionTable.Row).Where(cell => cell.Length > 0)) Assert.Contains($">{cell}<", page);
        Assert.Contains("default-src 'none'", page);
        Assert.DoesNotMatch("(src|href)=", page);
        Assert.Contains("1. sparsity", page);
        JsonArray stages = result.ToJson()["stages"]!.AsArray();
        Assert.Equal((3, "quantize"), (stages.Count, (string?)stages[2]!["stage"]));
        Assert.Equal(result.Steps[2].Loss, (double)stages[2]!["loss"]!);
    }

    [Fact]
    public void Run_WhatTheModelDoesNotAllow_IsToldBeforeAnythingIsDone()
    {
        var data = Save("gpt");
        using TokenStore _ = data.Tokens;
        Refused("must be divisible", Recipe() with { Stages = [new PruneStage { Weights = new() { Pattern = new SparsityPattern(2, 5) } }] });
        Refused("fits no linear map", Recipe() with { Stages = [new PruneStage { Weights = new() { Targets = ["nowhere"] } }] });
        Refused("Stage 2 (prune): RemovedLayers (1) must be below the number of layers (1), so that one is left", Recipe() with { Stages = [new PruneStage { Units = new() { RemovedLayers = 1 } }, new PruneStage { Units = new() { RemovedLayers = 1 } }] });
        Refused("Stage 1 (prune): RemovedDecoderLayers (1) must be 0: the gpt2 model has no decoder beside its layers", Recipe() with { Stages = [new PruneStage { Units = new() { RemovedDecoderLayers = 1 } }] });
        Refused("must be divisible by GroupSize (64)", Recipe() with { Stages = [new QuantizeStage { Quantization = new() { Scheme = PreTrain.Modules.Quantized.QuantizationScheme.Int4Weights } }] });
        Refused("ContextLength (17) must be at least 1 and at most the model's (16).", Recipe() with { ContextLength = 17 });
        Refused("Objective (prefix-lm) is for models that read a text and write another; a gpt2 model learns causal-lm.", Recipe() with { Objective = WritingObjective.PrefixLanguageModel });
        PruneStage neurons = new() { Units = new() { NeuronSparsity = 0.05 } };   // 61 of 64 are left
        Refused("Stage 2 (prune): HeadSparsity (0.2) would take out none of 2 heads", Recipe() with { Stages = [new PruneStage { Units = new() { HeadSparsity = 0.5 } }, new PruneStage { Units = new() { HeadSparsity = 0.2 } }] });
        Refused("'blocks.0.feed_forward_output' (61) must be divisible by the group of Pattern (2:4)", Recipe() with { Stages = [neurons, new PruneStage { Weights = new() { Pattern = new SparsityPattern(2, 4) } }] });
        Refused("Stage 2 (quantize): The inputs of the linear map 'blocks.0.feed_forward_output' (61) must be divisible by GroupSize (32)", Recipe() with { Stages = [neurons, new QuantizeStage { Quantization = new() { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 } }] });
        Refused("Stage 2 (distill): LayerMap names 2 layers; it must name one for each of the 1 layers of the student", Recipe() with { Stages = [new PruneStage { Units = new() { RemovedLayers = 1 } }, new DistillStage { Teaching = new() { HiddenWeight = 1, LayerMap = [0, 1] } }] });
        Refused("Stage 2 (prune): The linear map 'blocks.0.qkv' sees 32 tokens of the calibration; there must be at least MinimumTokens (128)", Recipe() with { Samples = 2, Stages = [neurons, new PruneStage { Weights = new() { Method = PruningMethod.Wanda } }] });
        Refused("Stage 2 (quantize): The calibration data are too small. The linear map 'blocks.0.feed_forward_output' saw 32 rows, fewer than 61.", Recipe() with { Samples = 2, Stages = [neurons, new QuantizeStage { Gptq = new() }] });
        foreach (QuantizeStage reader in new QuantizeStage[] { new() { Quantization = new() { Scheme = QuantizationScheme.Int8Weights }, Awq = new() }, new() { Quantization = new() { Scheme = QuantizationScheme.Int8Static } }, new() { Smoothing = new() } })
            Refused("Stage 1 (quantize): The calibration data are too small. The linear map 'blocks.0.qkv' saw 16 rows, fewer than 32.", Recipe() with { Samples = 1, Stages = [reader] });
        Refused("Stage 1 (quantize): Skip (*blocks*) leaves the tied head alone", Recipe() with { Stages = [new QuantizeStage { Quantization = new() { HasQuantizedTiedHead = true, Skip = ["*blocks*"] } }] });
        Refused("MaskRate (0.3) is not for a gpt2 model, which predicts next tokens", Recipe() with { MaskRate = 0.3 });
        if (!HalfPrecision.IsSupported(CPU, out string? _)) Refused("Stage 2 (distill): Precision (Float16) must be one", Recipe() with { Stages = [neurons, new DistillStage { Precision = Precision.Float16 }] });
        Refused("comes after quantize", Recipe() with { Stages = [new QuantizeStage(), new QuantizeStage()] });
        Assert.False(Directory.Exists(_folder.File("out")));

        void Refused(string message, CompressionRecipe recipe) => Assert.Contains(message, Assert.Throws<ArgumentException>(() => Run(recipe, data)).Message);
    }

    [Theory]
    [InlineData("gpt", null)]
    [InlineData("bert", null)]
    [InlineData("t5", 24)]
    public void TokensOf_EveryMap_AreThoseThatItSees(string family, int? context)
    {
        var data = Save(family);
        using TokenStore _ = data.Tokens;
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = AutoModel.FromPretrained(_folder.File("model"), family == "bert" ? ModelHead.MaskedLanguageModel : null);
        IObjective<ITransformerModel> objective = AutoObjective.Create(model, data.Tokens, data.Tokenizer, new() { ContextLength = context });
        var rows = new StageData(objective, Recipe(context: context) with { Samples = 11 }, model, 0, TestContext.Current.CancellationToken);
        (string Name, Projection Map)[] maps = [.. ((nn.Module)model).named_modules().Where(m => m.module is Projection).Select(m => (m.name, (Projection)m.module))];
        long[] seen = new long[maps.Length];

        PreTrain.Models.Calibration.Run(model, [.. maps.Select((m, i) => (m.Map, (Action<Tensor>)(x => seen[i] += x.size(0))))], rows.Calibration(model).Inputs, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(seen, maps.Select(m => rows.TokensOf(model, m.Name)));
        Assert.Equal(family == "t5" ? 2 : 1, seen.Distinct().Count());
    }

    [Fact]
    public void Check_DecoderThatSeesTooLittle_IsToldBeforeAnythingIsDone()
    {
        var data = Save("t5");
        using TokenStore _ = data.Tokens;
        CompressionRecipe recipe = Recipe(context: 24) with { Samples = 8 };   // about 190 tokens are read and 60 written
        Assert.Contains("Stage 1 (prune): The linear map 'decoder_blocks.0.", Fault(new PruneStage { Weights = new() { Method = PruningMethod.Wanda } }));
        Assert.Contains("The linear map 'decoder_blocks.0.down' saw ", Fault(new QuantizeStage { Quantization = new() { Skip = ["encoder_blocks.*"] }, Gptq = new() }));
        Check(new PruneStage { Weights = new() { Method = PruningMethod.Wanda, Targets = ["encoder_blocks.*", "*.cross_key", "*.cross_value"] } });

        string Fault(CompressionStage stage) => Assert.Throws<ArgumentException>(() => Check(stage)).Message;

        void Check(CompressionStage stage) => Compressor.Check(_folder.File("model"), recipe with { Stages = [stage] }, data.Tokens, data.Tokenizer, new() { Output = _folder.File("out") });
    }

    [Fact]
    public void Check_WhatModelAndTokenizerTell_NeedsNoText()
    {
        CompressionRecipe quantize = Recipe() with { Stages = [new QuantizeStage()] };
        Save("bert").Tokens.Dispose();
        TextTokenizer maskless = ByteLevelBpeTokenizer.Train([s_text], new() { VocabSize = 280 });
        Refused("Stage 2 (quantize): No linear map of a bert model reads a norm alone", Recipe() with { Stages = [new PruneStage { Weights = new() }, new QuantizeStage { Smoothing = new() }] }, null);
        Refused("ContextLength (17) must be at least 1 and at most the model's (16)", quantize with { ContextLength = 17 }, null);
        Refused("The tokenizer has no mask token", quantize, maskless);
        Save("t5").Tokens.Dispose();
        Refused("The tokenizer has no token that ends a text", quantize, PipelineTokenizer.TrainUnigram([s_text], new() { VocabSize = 60, SpecialTokens = ["<pad>", "<unk>"] }));
        TextTokenizer plain = PipelineTokenizer.TrainUnigram([s_text], new() { VocabSize = 60, SpecialTokens = ["<pad>", "</s>", "<unk>"] });
        Refused("MaskRate (0.3) is not for this t5 model", quantize with { MaskRate = 0.3 }, plain);
        Compressor.Check(_folder.File("model"), quantize, new() { Output = _folder.File("out") }, plain);

        void Refused(string message, CompressionRecipe recipe, TextTokenizer? tokenizer) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Compressor.Check(_folder.File("model"), recipe, new() { Output = _folder.File("out") }, tokenizer)).Message);
    }
}
