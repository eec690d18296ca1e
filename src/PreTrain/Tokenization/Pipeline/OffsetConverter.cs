namespace PreTrain.Tokenization.Pipeline;

/// <summary>Counts places in a text in another unit.</summary>
internal sealed class OffsetConverter
{
    private readonly int[] _places;   // of each place in the old unit, and of the end

    private OffsetConverter(int[] places) => _places = places;

    /// <summary>From UTF-16 units to code points.</summary>
    public static OffsetConverter ToCodePoints(string text)
    {
        int[] places = new int[text.Length + 1];
        int point = 0;
        for (int i = 0; i < text.Length; i++, point++)
        {
            places[i] = point;
            if (IsPair(text, i))
                places[++i] = point;
        }

        places[^1] = point;
        return new OffsetConverter(places);
    }

    /// <summary>From code points to another unit.</summary>
    public static OffsetConverter FromCodePoints(string text, OffsetUnit unit)
    {
        var places = new List<int>(text.Length + 1);
        int place = 0;
        for (int i = 0; i < text.Length; i++)
        {
            places.Add(place);
            bool isPair = IsPair(text, i);
            place += unit switch
            {
                OffsetUnit.CodePoints => 1,
                OffsetUnit.Utf16 => isPair ? 2 : 1,
                _ => isPair ? 4 : text[i] < 0x80 ? 1 : text[i] < 0x800 ? 2 : 3,
            };
            if (isPair)
                i++;
        }

        places.Add(place);
        return new OffsetConverter([.. places]);
    }

    /// <summary>The part of the text in the other unit.</summary>
    public TokenSpan Convert(TokenSpan span) => new(_places[span.Start], _places[span.End]);

    private static bool IsPair(string text, int i) => char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
}
