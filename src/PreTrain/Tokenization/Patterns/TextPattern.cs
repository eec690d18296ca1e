using System.Text.Json;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Patterns;

/// <summary>What is looked for in a text: a text, or a regular expression. Immutable, and safe for concurrent use.</summary>
internal abstract class TextPattern
{
    /// <summary>The text that is looked for; <see langword="null"/> for a regular expression.</summary>
    public virtual string? Literal => null;

    /// <summary>Finds the first match from a place on. An empty match at the end of the one before does not count.</summary>
    /// <param name="text">Well-formed text.</param>
    /// <param name="from">Where the search begins.</param>
    /// <param name="lastEnd">Where the match before ended; −1 if there was none.</param>
    /// <param name="start">Where the match begins.</param>
    /// <param name="end">Where it ends.</param>
    public abstract bool TryFind(ReadOnlySpan<char> text, int from, int lastEnd, out int start, out int end);

    /// <summary>Writes the property <c>pattern</c> of <c>tokenizer.json</c>.</summary>
    public abstract void Write(Utf8JsonWriter json);

    /// <summary>The place of the next character.</summary>
    protected static int Next(ReadOnlySpan<char> text, int index)
    {
        Characters.At(text, index, out int width);
        return index + width;
    }
}
