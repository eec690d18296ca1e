namespace PreTrain.Tokenization.Pipeline;

/// <summary>Counts places in a text in other units than UTF-16's.</summary>
internal sealed class OffsetConverter
{
    private readonly int[] _places;   // of each UTF-16 unit, and of the end

    public OffsetConverter(string text, OffsetUnit unit)
    {
        _places = new int[text.Length + 1];
        int place = 0;
        for (int i = 0; i < text.Length; i++)
        {
            _places[i] = place;
            bool isPair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            if (isPair)
                _places[++i] = place;
            place += unit == OffsetUnit.CodePoints ? 1 : isPair ? 4 : text[i] < 0x80 ? 1 : text[i] < 0x800 ? 2 : 3;
        }

        _places[^1] = place;
    }

    /// <summary>The part of the text in the other units.</summary>
    public TokenSpan Convert(TokenSpan span) => new(_places[span.Start], _places[span.End]);
}
