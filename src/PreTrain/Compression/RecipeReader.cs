using System.Text.Json;
using PreTrain.Distillation;
using PreTrain.Modules.Quantized;
using PreTrain.Pruning;
using PreTrain.Quantization;

namespace PreTrain.Compression;

/// <summary>Reads a recipe's JSON. Keys are the tool's options without their dashes; whatever is wrong is told together.</summary>
internal static class RecipeReader
{
    private static readonly string[] s_units = ["heads", "neurons", "layers", "decoder-layers"], s_weights = ["method", "sparsity", "pattern"], s_weightDetails = ["scope", "targets", "damping", "block-size", "minimum-tokens"], s_ofProbabilities = ["temperature", "divergence"], s_stages = ["prune", "distill", "quantize"];

    internal static CompressionRecipe Read(string text)
    {
        JsonElement root;
        try
        {
            root = JsonDocument.Parse(text, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }).RootElement;
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"The recipe is no JSON: {e.Message}", e);
        }
        if (root.ValueKind != JsonValueKind.Object) throw new ArgumentException("The recipe must be an object with a list of stages.");
        var faults = new List<string>();
        var recipe = new RecipeObject("The recipe", root, faults);
        CompressionRecipe usual = new() { Stages = [] };
        IReadOnlyList<JsonElement> objects = recipe.Objects("stages");
        var stages = new List<CompressionStage>();
        for (int i = 0; i < objects.Count; i++)
        {
            if (Stage(i + 1, objects[i], faults) is { } stage) stages.Add(stage);
        }
        CompressionRecipe read = usual with
        {
            Stages = stages,
            Samples = recipe.Whole("samples") ?? usual.Samples,
            ContextLength = recipe.Whole("context"),
            Objective = recipe.Choice("objective", RecipeWords.Objectives),
            MaskRate = recipe.Number("mask-rate"),
            ValidationFraction = recipe.Number("validation-fraction") ?? usual.ValidationFraction,
            EvaluationBatches = recipe.Whole("evaluation-batches") ?? usual.EvaluationBatches,
            BatchSize = recipe.Whole("batch") ?? usual.BatchSize,
        };
        recipe.Finish();
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
        read.Validate();
        return read;
    }

    private static CompressionStage? Stage(int number, JsonElement json, List<string> faults)
    {
        string place = $"Stage {number}";
        var stage = new RecipeObject(place, json, faults);
        string? name = stage.Text("stage");
        if (name is null)
        {
            if (!stage.HasAny("stage")) faults.Add($"{place}: stage is missing; it must be {RecipeObject.Join(s_stages)}.");
            return null;
        }
        if (!s_stages.Contains(name))
        {
            stage.Refuse("stage", RecipeObject.Join(s_stages));
            return null;
        }
        CompressionStage? read = name switch
        {
            "prune" => Prune(place, stage, faults),
            "distill" => Distill(place, stage, faults),
            _ => Quantize(place, stage, faults),
        };
        stage.Finish();
        return read;
    }

    private static PruneStage? Prune(string place, RecipeObject stage, List<string> faults)
    {
        bool hasUnits = stage.HasAny(s_units), hasWeights = stage.HasAny(s_weights);
        StructuredPruningOptions units = new()
        {
            HeadSparsity = stage.Number("heads") ?? 0,
            NeuronSparsity = stage.Number("neurons") ?? 0,
            RemovedLayers = stage.Whole("layers") ?? 0,
            RemovedDecoderLayers = stage.Whole("decoder-layers") ?? 0,
            Importance = stage.Choice("importance", RecipeWords.Importances) ?? UnitImportance.Magnitude,
        };
        PruningOptions weights = new() { Method = stage.Choice("method", RecipeWords.Methods) ?? PruningMethod.Magnitude, Scope = stage.Choice("scope", RecipeWords.Scopes) };
        if (stage.Number("sparsity") is { } sparsity) weights = weights with { Sparsity = sparsity };
        if (stage.Text("pattern") is { } pattern)
        {
            try
            {
                weights = weights with { Pattern = SparsityPattern.Parse(pattern) };
            }
            catch (FormatException)
            {
                stage.Refuse("pattern", "N:M with 0 < N < M, such as 2:4");
            }
            if (stage.HasAny("sparsity")) faults.Add($"{place}: sparsity and pattern exclude each other; the pattern says how many weights stay.");
        }
        if (stage.Texts("targets") is { } targets) weights = weights with { Targets = targets };
        weights = weights with { Damping = stage.Number("damping") ?? weights.Damping, BlockSize = stage.Whole("block-size") ?? weights.BlockSize, MinimumTokens = stage.Whole("minimum-tokens") ?? weights.MinimumTokens };
        if (!hasUnits && stage.HasAny("importance")) faults.Add($"{place}: importance goes with {RecipeObject.Join(s_units)}.");
        foreach (string key in s_weightDetails.Where(key => stage.HasAny(key)))
        {
            if (!hasWeights) faults.Add($"{place}: {key} goes with {RecipeObject.Join(s_weights)}.");
            else if (PruneStage.MissingMethod(key, weights.Method) is { } methods) faults.Add($"{place}: {key} goes with method {methods}.");
        }
        if (!hasUnits && !hasWeights)
        {
            faults.Add($"{place}: nothing is to be pruned; give {RecipeObject.Join([.. s_weights, .. s_units])}.");
            return null;
        }
        return new PruneStage { Units = hasUnits ? units : null, Weights = hasWeights ? weights : null };
    }

    private static DistillStage Distill(string place, RecipeObject stage, List<string> faults)
    {
        DistillStage usual = new();
        DistillationOptions teaching = usual.Teaching;
        DistillStage read = usual with
        {
            Steps = stage.Whole("steps") ?? usual.Steps,
            BatchSize = stage.Whole("batch") ?? usual.BatchSize,
            LearningRate = stage.Number("learning-rate") ?? usual.LearningRate,
            Precision = stage.Choice("precision", RecipeWords.Precisions) ?? usual.Precision,
            Teaching = teaching with
            {
                Temperature = stage.Number("temperature") ?? teaching.Temperature,
                Alpha = stage.Number("alpha") ?? teaching.Alpha,
                Divergence = stage.Choice("divergence", RecipeWords.Divergences) ?? teaching.Divergence,
                HiddenWeight = stage.Number("hidden-weight") ?? 0,
                AttentionWeight = stage.Number("attention-weight") ?? 0,
                RelationWeight = stage.Number("relation-weight") ?? 0,
                ValueRelationWeight = stage.Number("value-relation-weight") ?? 0,
                CosineWeight = stage.Number("cosine-weight") ?? 0,
                LayerMap = stage.Wholes("layer-map"),
            },
        };
        foreach (string key in s_ofProbabilities.Where(key => read.Teaching.Alpha == 1 && stage.HasAny(key))) faults.Add($"{place}: {key} goes with alpha below 1.");
        return read;
    }

    private static QuantizeStage Quantize(string place, RecipeObject stage, List<string> faults)
    {
        QuantizationOptions usual = new();
        string method = stage.Choice("method", [(RecipeWords.Nearest, 0), ("nearest", 0), (RecipeWords.Gptq, 1), (RecipeWords.Awq, 2), (RecipeWords.SmoothQuant, 3)]) switch
        {
            1 => RecipeWords.Gptq,
            2 => RecipeWords.Awq,
            3 => RecipeWords.SmoothQuant,
            _ => RecipeWords.Nearest,
        };
        QuantizationScheme? scheme = stage.Choice("scheme", RecipeWords.Schemes);
        (GptqOptions gptq, AwqOptions awq, SmoothingOptions smoothing, ActivationOptions grids) = (new(), new(), new(), new());
        gptq = gptq with { Damping = stage.Number("damping") ?? gptq.Damping, OrdersBySize = stage.Flag("by-size") ?? gptq.OrdersBySize };
        awq = awq with { ScaleSteps = stage.Whole("scale-steps") ?? awq.ScaleSteps, ClipSteps = stage.Whole("clip-steps") ?? awq.ClipSteps };
        smoothing = smoothing with { Strength = stage.Number("alpha") ?? smoothing.Strength };
        grids = grids with { Range = stage.Choice("calibration-method", RecipeWords.Ranges) ?? grids.Range, Percentile = stage.Number("percentile") ?? grids.Percentile, IsSymmetric = stage.Flag("symmetric-activations") ?? grids.IsSymmetric };
        QuantizationGranularity? granularity = stage.Choice("granularity", RecipeWords.Granularities);
        scheme ??= method == RecipeWords.Awq ? QuantizationScheme.Int4Weights : usual.Scheme;
        var rules = new QuantizeRules(method, scheme.Value, granularity, stage.HasAny("calibration-method") ? grids.Range : null);
        foreach (string key in QuantizeRules.Keys.Where(key => stage.HasAny(key)))
        {
            if (rules.Missing(key) is { } missing) faults.Add($"{place}: {key} goes with {missing}.");
        }
        return new QuantizeStage
        {
            Quantization = usual with
            {
                Scheme = scheme.Value,
                Granularity = granularity,
                GroupSize = stage.Whole("group-size") ?? usual.GroupSize,
                IsSymmetric = stage.Flag("symmetric") ?? usual.IsSymmetric,
                HasHalfScales = stage.Flag("half-scales") ?? usual.HasHalfScales,
                HasDoubleScales = !(stage.Flag("wide-scales") ?? !usual.HasDoubleScales),
                HasQuantizedTiedHead = stage.Flag("tied-head") ?? usual.HasQuantizedTiedHead,
                Skip = stage.Texts("skip") ?? usual.Skip,
            },
            Gptq = method == RecipeWords.Gptq ? gptq : null,
            Awq = method == RecipeWords.Awq ? awq : null,
            Smoothing = method == RecipeWords.SmoothQuant ? smoothing : null,
            Activations = stage.HasAny("calibration-method", "percentile", "symmetric-activations") ? grids : null,
        };
    }
}
