using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Objectives;

namespace PreTrain.Compression;

/// <summary>How a model is made smaller: stages, one after the other, and what each is measured by.</summary>
public sealed record CompressionRecipe
{
    /// <summary>The stages in their order.</summary>
    public required IReadOnlyList<CompressionStage> Stages { get; init; }

    /// <summary>The rows of the training text that a model reads where a stage looks at it at work.</summary>
    /// <value>The default is 128.</value>
    public int Samples { get; init; } = 128;

    /// <summary>The longest row in tokens, at most the model's context; null for that, and for at most 2048 where the next token is predicted.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>What a model that reads and writes is trained and measured by; null for what its tokenizer was made for (<see cref="AutoObjective.WritingFor"/>).</summary>
    /// <value>The default is null.</value>
    public WritingObjective? Objective { get; init; }

    /// <summary>The share of the tokens that is hidden or lost; null for what is usual for the model.</summary>
    /// <value>The default is null.</value>
    public double? MaskRate { get; init; }

    /// <summary>The share of the text at its end that is held out, above 0 and below 1: every stage is measured on it.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>The most held-out batches that are measured; 0 for all.</summary>
    /// <value>The default is 0.</value>
    public int EvaluationBatches { get; init; }

    /// <summary>The rows of a batch that is measured or read for a stage.</summary>
    /// <value>The default is 8.</value>
    public int BatchSize { get; init; } = 8;

    /// <summary>Reads a recipe from JSON, an object with a list of <c>stages</c> whose keys are the tool's options without their dashes.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="ArgumentException">It is no JSON, a stage or a key is not known, a value is wrong, or the stages cannot follow each other; the message names each.</exception>
    public static CompressionRecipe Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return RecipeReader.Read(json);
    }

    /// <summary>Reads a recipe from a file.</summary>
    /// <param name="file">A JSON file.</param>
    /// <exception cref="CorpusException">There is no such file, it cannot be read, or it is no JSON.</exception>
    /// <exception cref="ArgumentException">As for <see cref="Parse"/> otherwise, with the file's name before it.</exception>
    public static CompressionRecipe Load(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        string text;
        try
        {
            text = File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The recipe '{file}' cannot be read: {e.Message}", file, e);
        }
        try
        {
            return Parse(text);
        }
        catch (ArgumentException e) when (e.InnerException is JsonException broken)
        {
            string what = string.IsNullOrWhiteSpace(text) ? "is empty" : $"is no JSON from line {broken.LineNumber + 1}, byte {broken.BytePositionInLine + 1} on: it is cut off or damaged";
            throw new CorpusException($"The recipe '{file}' {what}. It takes an object with a list of stages.", file, e);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"'{file}': {e.Message}", e);
        }
    }

    /// <summary>Everything as JSON, which <see cref="Parse"/> reads again.</summary>
    public JsonObject ToJson()
    {
        JsonObject json = new()
        {
            ["samples"] = Samples,
            ["context"] = ContextLength,
            ["mask-rate"] = MaskRate,
            ["validation-fraction"] = ValidationFraction,
            ["evaluation-batches"] = EvaluationBatches,
            ["batch"] = BatchSize,
            ["stages"] = new JsonArray([.. Stages.Select(stage => stage.ToJson())]),
        };
        if (Objective is { } objective) json["objective"] = RecipeWords.Of(objective);
        return json;
    }

    /// <summary>Checks all options, and that each stage can follow those before it.</summary>
    /// <exception cref="ArgumentException">Names everything that is wrong, with the stage's number.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(Samples), Samples), (nameof(BatchSize), BatchSize));
        rules.Require(ContextLength is null or > 0, $"{nameof(ContextLength)} ({ContextLength}) must be positive.");
        rules.Require(MaskRate is null or (> 0 and < 1), $"{nameof(MaskRate)} ({MaskRate}) must be above 0 and below 1.");
        rules.Require(Objective is not { } objective || Enum.IsDefined(objective), $"{nameof(Objective)} ({Objective}) must be {string.Join(", ", Enum.GetNames<WritingObjective>())}.");
        rules.Require(ValidationFraction is > 0 and < 1, $"{nameof(ValidationFraction)} ({ValidationFraction}) must be above 0 and below 1, since every stage is measured on what is held out.");
        rules.Require(EvaluationBatches >= 0, $"{nameof(EvaluationBatches)} ({EvaluationBatches}) must be at least 0.");
        rules.Require(Stages.Count > 0, "There must be at least one stage.");
        for (int i = 0; i < Stages.Count; i++)
        {
            try
            {
                Stages[i].Validate();
            }
            catch (ArgumentException e)
            {
                rules.Require(false, $"Stage {i + 1} ({Stages[i].Name}): {e.Message}");
            }
            if (Fault(i) is { } fault) rules.Require(false, $"Stage {i + 1} ({Stages[i].Name}) {fault}");
        }
        rules.Finish();
    }

    /// <summary>Why a stage cannot follow those before it; null if it can.</summary>
    private string? Fault(int index)
    {
        CompressionStage[] before = [.. Stages.Take(index)];
        if (before.Any(stage => stage is QuantizeStage)) return "comes after quantize; a quantized model can be neither trained nor pruned nor quantized again, so quantize must be the last stage.";
        if (Stages[index] is DistillStage { NeedsTeacher: true } && index == 0) return "comes first, and the model would be its own teacher; put what makes it smaller before, or set alpha to 1 to fine-tune it.";
        if (Stages[index] is DistillStage { Teaching: { WantsAttentions: true } or { WantsValues: true } } && Array.FindIndex(before, stage => stage is PruneStage { Units.HeadSparsity: > 0 }) is >= 0 and var headless)
            return $"compares heads with the teacher's, and stage {headless + 1} has taken some out; leave attention-weight, relation-weight and value-relation-weight out.";
        if (Stages[index] is PruneStage { Units: not null } && Array.FindIndex(before, stage => stage is PruneStage { Weights: not null }) is >= 0 and var at)
            return $"takes units out of a model whose weights stage {at + 1} has set to zero, so that neither its sparsity nor a pattern would hold; put it before that stage.";
        return null;
    }
}
