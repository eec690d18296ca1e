namespace PreTrain.Data;

/// <summary>Makes each sentence a document of its own.</summary>
/// <remarks>
/// A sentence ends with . ! ? … or a full-width mark that white space follows, and with an empty line; not after common abbreviations and initials, not before a
/// small letter, and not within numbers.
/// </remarks>
public sealed class SentenceSplitting : CorpusStep
{
    /// <inheritdoc/>
    public override string Name => "sentences";

    /// <summary>The sentences of a text, without the white space between them.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The sentences in order.</returns>
    public static IReadOnlyList<string> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Sentences.Find(text).ConvertAll(sentence => text.Substring(sentence.Start, sentence.Length));
    }

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var sentences = Split(document);
        if (sentences.Count == 0)
            output.Drop("no sentence");
        foreach (var sentence in sentences)
            output.Keep(sentence);
    }
}
