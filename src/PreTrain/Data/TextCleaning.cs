using System.Buffers;
using System.Text;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Data;

/// <summary>Brings texts into one form: out of HTML, a normal form of Unicode, no control characters, tidy lines. Those of which nothing is left are dropped.</summary>
public sealed class TextCleaning : CorpusStep
{
    private static readonly SearchValues<char> Suspects = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c is not ('\t' or '\n')).Concat(Enumerable.Range(0x7F, 0x21)).Concat(Enumerable.Range(0xD800, 0x800))
            .Concat([0xAD, 0x200B, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF]).Select(c => (char)c)]);

    [ThreadStatic]
    private static WorkText? t_work;

    private readonly TextCleaningOptions options;

    /// <summary>Creates the step.</summary>
    /// <param name="options">What is done.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public TextCleaning(TextCleaningOptions? options = null)
    {
        this.options = options ?? new TextCleaningOptions();
        this.options.Validate();
    }

    /// <inheritdoc/>
    public override string Name => "cleaning";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(output);
        var text = document;
        if (options.RemoveHtml)
            text = Changed(text, HtmlText.Extract(text, options.RemoveBoilerplate), "HTML removed", output);
        if (options.RemoveControlCharacters && text.AsSpan().ContainsAny(Suspects))
            text = Changed(text, WithoutControls(text), "control characters removed", output);
        if (options.NormalForm != TextNormalForm.None)
            text = Changed(text, Normalized(text), "normalized", output);
        if (options.TidyLines)
            text = Changed(text, Tidied(text), "lines tidied", output);
        if (text.AsSpan().IsWhiteSpace())
            output.Drop("no text left");
        else
            output.Keep(text);
    }

    private static string Changed(string before, string after, string change, CorpusStepOutput output)
    {
        if (!ReferenceEquals(before, after) && before != after)
            output.Count(change);
        return after;
    }

    private string Normalized(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\u00A0', '\uFFFF'))
            return text;
        var work = t_work ??= new WorkText();
        work.Load(text, 0, tracks: false);
        Tokenization.Unicode.NormalForm.Apply(work,
            composes: options.NormalForm is TextNormalForm.Nfc or TextNormalForm.Nfkc, compatible: options.NormalForm is TextNormalForm.Nfkc or TextNormalForm.Nfkd);
        var result = work.Chars.SequenceEqual(text) ? text : work.Chars.ToString();
        if (work.Chars.Length > 1 << 20)
            t_work = null;
        return result;
    }

    private static string WithoutControls(string text)
    {
        var result = new StringBuilder(text.Length);
        ReadOnlySpan<char> rest = text;
        for (int found; (found = rest.IndexOfAny(Suspects)) >= 0;)
        {
            result.Append(rest[..found]);
            var width = 1;
            switch (rest[found])
            {
                case '\r':
                    result.Append('\n');
                    width = found + 1 < rest.Length && rest[found + 1] == '\n' ? 2 : 1;
                    break;
                case '\u0085' or '\u2028' or '\u2029' or '\f' or '\v':
                    result.Append('\n');
                    break;
                case >= '\uD800' and <= '\uDFFF':
                    if (found + 1 < rest.Length && char.IsSurrogatePair(rest[found], rest[found + 1]))
                    {
                        result.Append(rest.Slice(found, 2));
                        width = 2;
                    }
                    break;
            }
            rest = rest[(found + width)..];
        }
        return result.Append(rest).ToString();
    }

    // Most texts are tidy; the first untidy place decides whether anything is copied.
    private static string Tidied(string text)
    {
        if (IsTidy(text))
            return text;
        var result = new StringBuilder(text.Length);
        var empty = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var line = text.AsSpan(range).TrimEnd();
            if (line.IsEmpty)
            {
                empty++;
                continue;
            }
            if (result.Length > 0)
                result.Append(empty > 0 ? "\n\n" : "\n");
            result.Append(line);
            empty = 0;
        }
        return result.ToString();
    }

    private static bool IsTidy(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
            return true;
        if (text[0] == '\n' || char.IsWhiteSpace(text[^1]))
            return false;
        for (int at = 0, found; (found = text[at..].IndexOf('\n')) >= 0; at += found + 1)
        {
            var end = at + found;
            if (char.IsWhiteSpace(text[end - 1]) && (text[end - 1] != '\n' || end > 1 && text[end - 2] == '\n'))
                return false;
        }
        return true;
    }
}
