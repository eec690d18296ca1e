// B sequences, T tokens, M positions with a target, V vocabulary, L labels
using PreTrain.Models;
using PreTrain.Objectives;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>What a model says at the targets of a batch, as rows of scores that are a distribution each.</summary>
/// <param name="Scores">(M, V); of classes (B, L), of labels that exclude nothing (B·L, 2), of numbers (B, L) that are no distribution.</param>
/// <param name="Output">All that the layers show; null where nothing of them is wanted.</param>
internal sealed record TargetScores(Tensor Scores, ModelOutput? Output)
{
    /// <summary>Computes.</summary>
    /// <param name="model">Student or teacher.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="targets">(B, T); of a classifier (B, 1) or (B, L).</param>
    /// <param name="places">The positions with a target, (M).</param>
    internal static TargetScores Of(ITransformerModel model, ModelInput input, Tensor targets, Tensor places)
    {
        bool layers = input.WantHiddenStates || input.WantAttentions || input.WantValues, isClassifier = model.Head == ModelHead.SequenceClassification;
        // Targets that are no classes of the tokens, such as the places of an answer, would be taken for such.
        if (!isClassifier && (model is ISequenceToSequenceModel ? input.DecoderIds : input.Ids)!.size(1) is var rows && targets.size(1) != rows)
            throw new ArgumentException($"A {model.ModelType} model with the head {model.Head} gives {rows} rows of scores for each sequence, and the batch has {targets.size(1)} targets; they must be as many.", nameof(model));
        if (!layers && !isClassifier && model is IMaskedLanguageModel masked and not ICausalLanguageModel) return new(masked.Scores(input, targets), null);
        ModelOutput output = model.Forward(input);
        Tensor logits = output.Logits;
        if (isClassifier)
        {
            if (logits.ndim != 2 || (targets.size(1) != 1 && targets.size(1) != logits.size(1)))
                throw new ArgumentException($"A {model.ModelType} model scores {logits.size(-1)} labels, and the batch has {targets.size(1)} for each text; they must be as many.", nameof(model));
            // A label of several is a choice of its own, between yes and no.
            if (targets.size(1) > 1) logits = stack([zeros_like(logits), logits], -1).flatten(0, 1);   // (B·L, 2)
            return new(logits, layers ? output : null);
        }
        if (logits.ndim != 3) throw new ArgumentException($"A {model.ModelType} model with the head {model.Head} scores neither tokens nor texts; both models must.", nameof(model));
        return new(logits.flatten(0, 1).index_select(0, places), layers ? output : null);
    }

    /// <summary>How many rows of scores each sequence of a batch has, in their order.</summary>
    internal static int[] Counts(Batch batch, bool isClassifier) =>
        [.. Enumerable.Range(0, batch.Rows).Select(row => isClassifier ? batch.TargetLength : batch.Targets.AsSpan(row * batch.TargetLength, batch.TargetLength).ToArray().Count(target => target != Modules.CrossEntropy.Ignored))];
}
