using System.Collections.Frozen;
using System.Text;

namespace PreTrain.Data;

/// <summary>Drops documents that hold a word or phrase of a list, as C4 does with indecent words (Raffel et al. 2020, section 2.2). The list is the user's.</summary>
/// <remarks>Phrases are found in any case, where neither a letter nor a digit stands beside them, whatever white space and marks are between their words.</remarks>
public sealed class WordListFilter : CorpusStep
{
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> phrases;
    private readonly int mostWords;

    /// <summary>Creates the step.</summary>
    /// <param name="phrases">Words and phrases.</param>
    /// <exception cref="ArgumentException">There is none, or one has neither letter nor digit.</exception>
    public WordListFilter(IEnumerable<string> phrases)
    {
        ArgumentNullException.ThrowIfNull(phrases);
        string[] all = [.. phrases];
        if (all.Length == 0)
            throw new ArgumentException("The list holds no word; a filter needs at least one.", nameof(phrases));
        if (all.FirstOrDefault(phrase => Facts.Parts(phrase).Count == 0) is { } empty)
            throw new ArgumentException($"The phrase '{empty}' has neither letter nor digit; remove it from the list.", nameof(phrases));
        mostWords = all.Max(phrase => Facts.Parts(phrase).Count);
        this.phrases = all.Select(phrase => Normal(phrase)).ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <inheritdoc/>
    public override string Name => "word list";

    /// <summary>Reads a list: a word or phrase on each line; empty lines and those that begin with # are skipped.</summary>
    /// <param name="file">UTF-8 text.</param>
    /// <returns>The step.</returns>
    /// <exception cref="CorpusException">The file cannot be read, or holds no word.</exception>
    public static WordListFilter Load(string file)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(file);
        string text;
        using (var source = new SourceFile(file))
            text = source.ReadAllText(replaceInvalid: false);
        string[] phrases = [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#' && Facts.Parts(line).Count > 0)];
        return phrases.Length > 0 ? new WordListFilter(phrases) : throw new CorpusException($"The word list '{file}' holds no word; it takes one word or phrase on each line.", file);
    }

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(output);
        if (HoldsPhrase(document))
            output.Drop("a word of the list");
        else
            output.Keep(document);
    }

    private bool HoldsPhrase(string document)
    {
        var words = Normal(document).AsSpan();
        for (var start = 0; start < words.Length;)
        {
            var end = start - 1;
            for (var count = 0; count < mostWords && end < words.Length; count++)
            {
                var next = words[(end + 1)..].IndexOf(' ');
                end = next < 0 ? words.Length : end + 1 + next;
                if (phrases.Contains(words[start..end]))
                    return true;
            }
            var blank = words[start..].IndexOf(' ');
            if (blank < 0)
                break;
            start += blank + 1;
        }
        return false;
    }

    // The words alone, with a blank between two.
    private static string Normal(string text)
    {
        var normal = new StringBuilder(text.Length);
        foreach (var (start, end) in Facts.Parts(text))
            normal.Append(normal.Length > 0 ? " " : "").Append(text, start, end - start);
        return normal.ToString();
    }
}
