namespace PreTrain.Data;

/// <summary>Plain text with normalized white space, and the parts of it that the documentation marks.</summary>
public sealed class SdkText
{
    internal SdkText(string text, IReadOnlyList<SdkSpan> spans)
    {
        Text = text;
        Spans = spans;
    }

    /// <summary>No text.</summary>
    public static SdkText Empty { get; } = new("", []);

    /// <summary>The text. Paragraphs and list items are lines.</summary>
    public string Text { get; }

    /// <summary>The marked parts in the order of the text. They do not overlap.</summary>
    public IReadOnlyList<SdkSpan> Spans { get; }

    /// <summary>Whether there is no text.</summary>
    public bool IsEmpty => Text.Length == 0;

    /// <inheritdoc/>
    public override string ToString() => Text;
}
