using PreTrain.Tokenization;

namespace PreTrain.Generation;

/// <summary>Turns the tokens of one sequence into text, up to a stop text.</summary>
internal sealed class TextWriting
{
    private readonly StreamingDecoder _decoder;
    private readonly StopTextFinder _stops;

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="before">The token before the first one; null where the text begins.</param>
    /// <param name="stops">What ends the text.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    internal TextWriting(TextTokenizer tokenizer, int? before, IReadOnlyList<string> stops, bool skipSpecialTokens)
    {
        _decoder = new StreamingDecoder(tokenizer, skipSpecialTokens);
        _stops = new StopTextFinder(stops);
        if (before is { } id) _decoder.Push(id);
    }

    /// <summary>Whether a stop text ended it.</summary>
    internal bool IsStopped => _stops.IsFound;

    /// <summary>Adds a token.</summary>
    /// <returns>What became certain.</returns>
    internal string Push(int id) => _stops.Push(_decoder.Push(id));

    /// <summary>Ends the text.</summary>
    /// <returns>The rest of it.</returns>
    internal string Flush() => IsStopped ? "" : _stops.Push(_decoder.Flush()) + (IsStopped ? "" : _stops.Flush());

    /// <summary>The text of tokens.</summary>
    internal string All(IEnumerable<int> ids)
    {
        var text = new System.Text.StringBuilder();
        foreach (int id in ids)
        {
            text.Append(Push(id));
            if (IsStopped) break;
        }
        return text.Append(Flush()).ToString();
    }
}
