namespace PreTrain.Tokenization.Pipeline;

/// <summary>An encoding in the making: parallel lists, one entry per token, and the windows that truncation cut off.</summary>
internal sealed class EncodingDraft
{
    public List<int> Ids { get; } = [];

    public List<string> Tokens { get; } = [];

    public List<TokenSpan> Offsets { get; } = [];

    /// <summary>The index of the word; −1 for special tokens.</summary>
    public List<int> Words { get; } = [];

    public List<int> TypeIds { get; } = [];

    /// <summary>0 for the first text, 1 for the second, −1 for special tokens.</summary>
    public List<int> Sequences { get; } = [];

    /// <summary>Whether the token was added around the texts.</summary>
    public List<bool> Specials { get; } = [];

    /// <summary>The windows after, or before, this one.</summary>
    public List<EncodingDraft> Overflow { get; private set; } = [];

    public int Count => Ids.Count;

    /// <summary>Adds a token of a text.</summary>
    public void Add(int id, string token, TokenSpan offset, int word, int sequence)
    {
        Ids.Add(id);
        Tokens.Add(token);
        Offsets.Add(offset);
        Words.Add(word);
        TypeIds.Add(sequence);
        Sequences.Add(sequence);
        Specials.Add(false);
    }

    /// <summary>Adds a special token around the texts.</summary>
    public void AddSpecial(int id, string token, int typeId)
    {
        Ids.Add(id);
        Tokens.Add(token);
        Offsets.Add(default);
        Words.Add(-1);
        TypeIds.Add(typeId);
        Sequences.Add(-1);
        Specials.Add(true);
    }

    /// <summary>Gives all tokens, those of the windows too, a type.</summary>
    public void SetTypeIds(int typeId)
    {
        for (int i = 0; i < Count; i++)
            TypeIds[i] = typeId;
        foreach (EncodingDraft window in Overflow)
            window.SetTypeIds(typeId);
    }

    /// <summary>Keeps <paramref name="length"/> tokens, and puts the others into windows that share <paramref name="stride"/> tokens with the one before.</summary>
    public void Truncate(int length, int stride, TextSide side)
    {
        if (length >= Count)
            return;
        if (length == 0)
        {
            Overflow.Add(Slice(0, Count));
            RemoveRange(0, Count);
            return;
        }

        int step = length - stride;
        var windows = new List<EncodingDraft>();
        if (side == TextSide.Right)
        {
            for (int start = 0, end = 0; end < Count; start += step)
            {
                end = Math.Min(start + length, Count);
                windows.Add(Slice(start, end));
            }
        }
        else
        {
            for (int end = Count, start = Count; start > 0; end -= step)
            {
                start = Math.Max(0, end - length);
                windows.Add(Slice(start, end));
            }
        }

        RemoveRange(0, Count);
        Append(windows[0]);
        Overflow = windows[1..];
    }

    /// <summary>Appends another encoding. Windows are combined: each of this one with the other and with its windows, then this one with those.</summary>
    public void Merge(EncodingDraft other)
    {
        var windows = new List<EncodingDraft>();
        foreach (EncodingDraft window in Overflow)
        {
            windows.Add(window.With(other));
            windows.AddRange(other.Overflow.Select(window.With));
        }

        windows.AddRange(other.Overflow.Select(With));
        Append(other);
        Overflow = windows;
    }

    /// <summary>Changes the place of each token, those of the windows too.</summary>
    public void MapOffsets(Func<int, string, TokenSpan, TokenSpan> map)
    {
        for (int i = 0; i < Count; i++)
            Offsets[i] = map(i, Tokens[i], Offsets[i]);
        foreach (EncodingDraft window in Overflow)
            window.MapOffsets(map);
    }

    /// <summary>Puts special tokens before and after all windows.</summary>
    public EncodingDraft Surround(IReadOnlyList<(int Id, string Token)> before, IReadOnlyList<(int Id, string Token)> after, int typeId)
    {
        var result = new EncodingDraft();
        foreach ((int id, string token) in before)
            result.AddSpecial(id, token, typeId);
        result.Append(this);
        foreach ((int id, string token) in after)
            result.AddSpecial(id, token, typeId);
        result.Overflow = [.. Overflow.Select(window => window.Surround(before, after, typeId))];
        return result;
    }

    private EncodingDraft With(EncodingDraft other)
    {
        EncodingDraft both = Slice(0, Count);
        both.Append(other);
        return both;
    }

    private EncodingDraft Slice(int start, int end)
    {
        var slice = new EncodingDraft();
        slice.Append(this, start, end);
        return slice;
    }

    private void Append(EncodingDraft other) => Append(other, 0, other.Count);

    private void Append(EncodingDraft other, int start, int end)
    {
        int count = end - start;
        Ids.AddRange(other.Ids.GetRange(start, count));
        Tokens.AddRange(other.Tokens.GetRange(start, count));
        Offsets.AddRange(other.Offsets.GetRange(start, count));
        Words.AddRange(other.Words.GetRange(start, count));
        TypeIds.AddRange(other.TypeIds.GetRange(start, count));
        Sequences.AddRange(other.Sequences.GetRange(start, count));
        Specials.AddRange(other.Specials.GetRange(start, count));
    }

    private void RemoveRange(int start, int count)
    {
        Ids.RemoveRange(start, count);
        Tokens.RemoveRange(start, count);
        Offsets.RemoveRange(start, count);
        Words.RemoveRange(start, count);
        TypeIds.RemoveRange(start, count);
        Sequences.RemoveRange(start, count);
        Specials.RemoveRange(start, count);
    }
}
