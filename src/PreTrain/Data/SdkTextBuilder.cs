using System.Text;
using System.Xml.Linq;

namespace PreTrain.Data;

/// <summary>Turns the XML of a documentation comment into plain text.</summary>
internal sealed class SdkTextBuilder
{
    private enum Gap
    {
        None,
        Space,
        Line,
    }

    private readonly StringBuilder text = new(256);
    private readonly List<SdkSpan> spans = [];
    private Gap gap;

    public static SdkText Build(XElement? element)
    {
        if (element is null)
            return SdkText.Empty;
        var builder = new SdkTextBuilder();
        builder.AddNodes(element);
        return builder.text.Length == 0 ? SdkText.Empty : new SdkText(builder.text.ToString(), builder.spans);
    }

    private void AddNodes(XElement element)
    {
        foreach (var node in element.Nodes())
        {
            if (node is XText part)
                AddText(part.Value);
            else if (node is XElement child)
                AddElement(child);
        }
    }

    private void AddElement(XElement element)
    {
        switch (element.Name.LocalName)
        {
            case "see" or "seealso":
                AddReference(element);
                break;
            case "xref":
                AddSpan(SdkSpanKind.Reference, SdkNames.Reference((string?)element.Attribute("uid") ?? ""), (string?)element.Attribute("uid") ?? "");
                break;
            case "paramref":
                AddSpan(SdkSpanKind.Parameter, (string?)element.Attribute("name") ?? element.Value);
                break;
            case "typeparamref":
                AddSpan(SdkSpanKind.TypeParameter, (string?)element.Attribute("name") ?? element.Value);
                break;
            case "c" or "tt":
                AddSpan(SdkSpanKind.Code, element.Value);
                break;
            case "code" when element.Attribute("data-dev-comment-type") is { } type:
                AddSpan(type.Value switch
                {
                    "langword" => SdkSpanKind.Keyword,
                    "paramref" => SdkSpanKind.Parameter,
                    "typeparamref" => SdkSpanKind.TypeParameter,
                    _ => SdkSpanKind.Code,
                }, element.Value);
                break;
            case "code" when element.Value.Contains('\n'):
                AddCodeBlock(element.Value);
                break;
            case "code":
                AddSpan(SdkSpanKind.Code, element.Value);
                break;
            case "list" or "ul" or "ol":
                AddList(element);
                break;
            case "para" or "p" or "div" or "remarks" or "value" or "description" or "blockquote":
                Break();
                AddNodes(element);
                Break();
                break;
            case "br":
                Break();
                break;
            case "example" or "examples" or "script" or "devremarks" or "forInternalUseOnly" or "inheritdoc":
                break;
            default:
                AddNodes(element); // b, i, sup, a and the like: the text is what counts
                break;
        }
    }

    private void AddReference(XElement element)
    {
        if ((string?)element.Attribute("langword") is { } keyword)
        {
            AddSpan(SdkSpanKind.Keyword, keyword);
            return;
        }
        var target = (string?)element.Attribute("cref");
        if (target is not null)
            AddSpan(SdkSpanKind.Reference, string.IsNullOrWhiteSpace(element.Value) ? SdkNames.Reference(target) : element.Value, target);
        else if (!string.IsNullOrWhiteSpace(element.Value))
            AddNodes(element);
        else
            AddText((string?)element.Attribute("href") ?? "");
    }

    private void AddList(XElement list)
    {
        var numbered = list.Name.LocalName == "ol" || (string?)list.Attribute("type") == "number";
        var number = 0;
        foreach (var item in list.Elements())
        {
            if (item.Name.LocalName == "listheader")
                continue;
            Break();
            number++;
            var term = item.Element("term");
            var description = item.Element("description");
            if (term is not null && description is not null && !string.IsNullOrWhiteSpace(term.Value))
            {
                AddNodes(term);
                if (!char.IsPunctuation(text[^1]))
                    text.Append(':');
                gap = Gap.Space;
                AddNodes(description);
            }
            else
            {
                AddText(numbered ? $"{number}. " : "- ");
                AddNodes(description ?? term ?? item);
            }
        }
        Break();
    }

    // Lines are kept, without the indentation that they have in common.
    private void AddCodeBlock(string code)
    {
        var lines = code.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0).ToList();
        if (lines.Count == 0)
            return;
        var indentation = lines.Min(line => line.Length - line.TrimStart().Length);
        foreach (var line in lines)
        {
            Break();
            Close();
            text.Append(line, indentation, line.Length - indentation);
        }
        Break();
    }

    private void AddSpan(SdkSpanKind kind, string marked, string? target = null)
    {
        var words = string.Join(' ', marked.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (words.Length == 0)
            return;
        if (kind is not SdkSpanKind.Parameter && IsId(words))
            (kind, target, words) = (SdkSpanKind.Reference, target ?? words, SdkNames.Reference(words));
        Close();
        spans.Add(new SdkSpan(text.Length, words.Length, kind, target ?? words));
        text.Append(words);
    }

    // Runs of white space become a space, or a line's end where the source has an empty line.
    private void AddText(string value)
    {
        var lineFeeds = 0;
        for (var i = 0; i < value.Length;)
        {
            if (IsSpace(value[i]))
            {
                lineFeeds += value[i++] == '\n' ? 1 : 0;
                if (lineFeeds > 1)
                    gap = Gap.Line;
                else if (gap == Gap.None)
                    gap = Gap.Space;
                continue;
            }
            var start = i;
            while (i < value.Length && !IsSpace(value[i]))
                i++;
            lineFeeds = 0;
            if (IsId(value.AsSpan(start, i - start)))
            {
                AddSpan(SdkSpanKind.Reference, SdkNames.Reference(value[start..i]), value[start..i]);
                continue;
            }
            Close();
            text.Append(value, start, i - start);
        }

        static bool IsSpace(char c) => char.IsWhiteSpace(c) || c == '\u200B';
    }

    // Some authors wrote the id of a type where its name was meant.
    private static bool IsId(ReadOnlySpan<char> word) =>
        word.Length > 2 && word[1] == ':' && "TMPFE".Contains(word[0]) && word[2..].StartsWith("System.", StringComparison.Ordinal);

    private void Break() => gap = Gap.Line;

    private void Close()
    {
        if (text.Length > 0 && gap != Gap.None)
            text.Append(gap == Gap.Line ? '\n' : ' ');
        gap = Gap.None;
    }
}
