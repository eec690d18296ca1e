using System.Text;

namespace PreTrain.Generation;

/// <summary>Finds the first of some texts in a text that comes in pieces, and holds back what may turn out to be the beginning of one.</summary>
internal sealed class StopTextFinder(IReadOnlyList<string> stops)
{
    private readonly StringBuilder _held = new();

    /// <summary>Whether one was found.</summary>
    internal bool IsFound { get; private set; }

    /// <summary>Adds a piece.</summary>
    /// <returns>What is certain to come before a stop text.</returns>
    internal string Push(string piece)
    {
        if (IsFound) return "";
        if (stops.Count == 0) return piece;
        string text = _held.Append(piece).ToString();
        int at = stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(index => index >= 0).DefaultIfEmpty(-1).Min();
        IsFound = at >= 0;
        int sent = IsFound ? at : text.Length - stops.Max(stop => Overlap(text, stop));
        _held.Clear().Append(text, sent, IsFound ? 0 : text.Length - sent);
        return text[..sent];
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back.</returns>
    internal string Flush()
    {
        string rest = _held.ToString();
        _held.Clear();
        return rest;
    }

    /// <summary>How many characters at the text's end begin the stop text.</summary>
    private static int Overlap(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length))) return length;
        }
        return 0;
    }
}
