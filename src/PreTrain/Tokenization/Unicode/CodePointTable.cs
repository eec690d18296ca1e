namespace PreTrain.Tokenization.Unicode;

/// <summary>A byte for every code point, in pages that are stored once where they are equal.</summary>
internal sealed class CodePointTable
{
    /// <summary>The number of code points.</summary>
    public const int Size = 0x110000;

    private const int PageBits = 8;
    private readonly ushort[] _pages = new ushort[Size >> PageBits];
    private readonly byte[] _values;

    public CodePointTable(ReadOnlySpan<byte> values)
    {
        var places = new Dictionary<string, ushort>();
        var stored = new List<byte>();
        for (int page = 0; page < _pages.Length; page++)
        {
            ReadOnlySpan<byte> content = values.Slice(page << PageBits, 1 << PageBits);
            string key = Convert.ToBase64String(content);
            if (!places.TryGetValue(key, out ushort place))
            {
                place = (ushort)(stored.Count >> PageBits);
                places.Add(key, place);
                stored.AddRange(content);
            }

            _pages[page] = place;
        }

        _values = [.. stored];
    }

    /// <summary>The value of a code point.</summary>
    public byte this[int codePoint] => _values[(_pages[codePoint >> PageBits] << PageBits) | (codePoint & ((1 << PageBits) - 1))];
}
