namespace PreTrain.Tokenization;

/// <summary>Orders strings by their code points, as their UTF-8 does; by UTF-16 code units surrogates would come before U+E000.</summary>
internal sealed class CodePointComparer : IComparer<string>
{
    private CodePointComparer()
    {
    }

    public static CodePointComparer Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y) => Compare(x.AsSpan(), y.AsSpan());

    /// <summary>Compares two texts.</summary>
    public static int Compare(ReadOnlySpan<char> x, ReadOnlySpan<char> y)
    {
        int same = x.CommonPrefixLength(y);
        if (same == x.Length || same == y.Length)
            return x.Length.CompareTo(y.Length);
        (char a, char b) = (x[same], y[same]);
        // Characters above the surrogates move below them.
        return (a >= 0xE000 ? a - 0x800 : char.IsSurrogate(a) ? a + 0x2000 : a).CompareTo(b >= 0xE000 ? b - 0x800 : char.IsSurrogate(b) ? b + 0x2000 : b);
    }
}
