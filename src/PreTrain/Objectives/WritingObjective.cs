using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>What a model that reads a text and writes another learns without labels.</summary>
public enum WritingObjective
{
    /// <summary>To write the spans that a text lost, as T5 does: <see cref="Data.Masking.SpanCorruption"/>.</summary>
    SpanCorruption,

    /// <summary>To write a whole text from a corrupted one, as BART does: <see cref="Data.Masking.Denoising"/>.</summary>
    Denoising,

    /// <summary>To write the rest of a text: <see cref="PrefixSplit"/>.</summary>
    PrefixLanguageModel,
}
