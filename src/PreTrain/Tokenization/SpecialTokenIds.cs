namespace PreTrain.Tokenization;

/// <summary>The tokens with a role, by their ids; <see langword="null"/> for a role that no token has.</summary>
public sealed record SpecialTokenIds
{
    /// <summary>Begins a text, <c>bos_token</c>.</summary>
    public int? BeginOfText { get; init; }

    /// <summary>Ends a text, <c>eos_token</c>.</summary>
    public int? EndOfText { get; init; }

    /// <summary>Stands for what the vocabulary lacks, <c>unk_token</c>.</summary>
    public int? Unknown { get; init; }

    /// <summary>Stands between texts, <c>sep_token</c>.</summary>
    public int? Separator { get; init; }

    /// <summary>Fills up, <c>pad_token</c>.</summary>
    public int? Padding { get; init; }

    /// <summary>Stands for a whole text, <c>cls_token</c>.</summary>
    public int? Classification { get; init; }

    /// <summary>Stands for what is to be predicted, <c>mask_token</c>.</summary>
    public int? Mask { get; init; }
}
