namespace PreTrain.Data;

/// <summary>A text, one that means the same or answers it, and perhaps some that only seem to.</summary>
/// <param name="Anchor">The text: a question, a name, a sentence.</param>
/// <param name="Positive">The text that belongs to it. The same text again stands for itself, seen through another dropout (Gao et al. 2021, "SimCSE", section 3).</param>
/// <param name="Negatives">Texts that are near and do not belong to it; those of other anchors need not be named.</param>
/// <param name="Group">Where the texts come from; what comes from one place is never held out in part. Null where each stands for itself.</param>
public sealed record ContrastiveText(string Anchor, string Positive, IReadOnlyList<string> Negatives, string? Group = null);
