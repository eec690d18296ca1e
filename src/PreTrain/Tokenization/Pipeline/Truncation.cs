namespace PreTrain.Tokenization.Pipeline;

/// <summary>Cuts one or two encodings to a length.</summary>
internal static class Truncation
{
    /// <summary>Cuts.</summary>
    /// <param name="first">The first text.</param>
    /// <param name="second">The second text, if there is one.</param>
    /// <param name="options">How.</param>
    /// <param name="added">How many special tokens will be added.</param>
    /// <exception cref="ArgumentException">The options do not fit the texts.</exception>
    public static void Apply(EncodingDraft first, EncodingDraft? second, TruncationOptions options, int added)
    {
        if (options.MaxLength == int.MaxValue)
            return;
        if (options.MaxLength < added)
            throw new ArgumentException($"MaxLength ({options.MaxLength}) must be at least {added}, the number of special tokens; or leave those out.");
        int room = options.MaxLength - added;
        int excess = first.Count + (second?.Count ?? 0) - room;
        if (excess <= 0)
            return;
        if (room == 0)
        {
            first.Truncate(0, 0, options.Side);
            second?.Truncate(0, 0, options.Side);
            return;
        }

        switch (options.Strategy)
        {
            case TruncationStrategy.LongestFirst when second is not null:
                (int a, int b) = Shares(first.Count, second.Count, room);
                Cut(first, a, options);
                Cut(second, b, options);
                break;
            case TruncationStrategy.OnlySecond:
                CutOnly(second ?? throw new ArgumentException("The strategy OnlySecond needs a second text; there is none."), excess, options);
                break;
            default:
                CutOnly(first, excess, options);
                break;
        }
    }

    /// <summary>The lengths of two texts that must share a room.</summary>
    private static (int First, int Second) Shares(int first, int second, int room)
    {
        int shorter = Math.Min(first, second);
        int longer = shorter > room ? shorter : Math.Max(shorter, room - shorter);
        if ((long)shorter + longer > room)
        {
            shorter = room / 2;
            longer = shorter + room % 2;
        }

        return first > second ? (longer, shorter) : (shorter, longer);
    }

    private static void CutOnly(EncodingDraft draft, int excess, TruncationOptions options)
    {
        if (draft.Count <= excess && options.Strategy != TruncationStrategy.LongestFirst)
            throw new ArgumentException($"A text of {draft.Count} tokens cannot give up {excess}, as the strategy {options.Strategy} and MaxLength ({options.MaxLength}) ask for.");
        Cut(draft, draft.Count - excess, options);
    }

    private static void Cut(EncodingDraft draft, int length, TruncationOptions options)
    {
        if (length < draft.Count && length > 0 && options.Stride >= length)
            throw new ArgumentException($"Stride ({options.Stride}) must be less than {length}, the number of a window's own tokens.");
        draft.Truncate(length, options.Stride, options.Side);
    }
}
