namespace PreTrain.Data;

/// <summary>Places in a text as files count them that programs in Python wrote: in code points.</summary>
internal static class CodePoints
{
    /// <summary>The place in UTF-16 units; null where the text is shorter.</summary>
    internal static int? Place(string text, long point)
    {
        if (point < 0 || point > text.Length) return null;
        int place = 0;
        for (long i = 0; i < point; i++)
        {
            if (place >= text.Length) return null;
            place += place + 1 < text.Length && char.IsSurrogatePair(text[place], text[place + 1]) ? 2 : 1;
        }
        return place;
    }
}
