using System.Collections.Frozen;
using System.Net;
using System.Text;

namespace PreTrain.Data;

/// <summary>
/// The readable text of a page: a line for each block, without tags, scripts, styles and comments, character references resolved.
/// </summary>
/// <remarks>
/// Boilerplate is what a page shows besides its text: navigation, forms, asides, headers and footers, and blocks of which more than a third of the characters
/// lie within links (Kohlschütter, Fankhauser and Nejdl, "Boilerplate detection using shallow text features", WSDM 2010, the link density of section 4).
/// A stray <c>&lt;</c> that begins no tag is text, as HTML's own parsing has it.
/// </remarks>
internal static class HtmlText
{
    private const double LargestLinkDensity = 1.0 / 3;

    private static readonly FrozenSet<string> RawText = Set("script style noscript template iframe textarea svg math object select title");
    private static readonly FrozenSet<string> Boilerplate = Set("nav footer aside form button header menu dialog");
    private static readonly FrozenSet<string> Blocks = Set(
        "address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hr "
        + "html legend li main menu nav ol option p pre section select summary table tbody td tfoot th thead title tr ul");
    private static readonly FrozenSet<string> Paragraphs = Set("p div article section h1 h2 h3 h4 h5 h6 pre blockquote table ul ol dl figure main");

    public static string Extract(ReadOnlySpan<char> html, bool removeBoilerplate)
    {
        var page = new Page(removeBoilerplate);
        var at = 0;
        while (at < html.Length)
        {
            var open = html[at..].IndexOf('<');
            if (open < 0)
            {
                page.Text(html[at..]);
                break;
            }
            page.Text(html.Slice(at, open));
            at += open;
            var rest = html[at..];
            if (rest.StartsWith("<!--"))
                at += After(rest, 4, "-->");
            else if (rest.Length > 1 && rest[1] is '!' or '?')
                at += After(rest, 2, ">");
            else if (rest.Length > 1 && char.IsAsciiLetter(rest[1]) || rest.Length > 2 && rest[1] == '/' && char.IsAsciiLetter(rest[2]))
                at += page.Tag(rest);
            else
            {
                page.Text("<");
                at++;
            }
        }
        page.EndBlock(isParagraph: false);
        return page.Result();
    }

    private static FrozenSet<string> Set(string names) => names.Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static int After(ReadOnlySpan<char> text, int from, string ending)
    {
        var found = text[from..].IndexOf(ending);
        return found < 0 ? text.Length : from + found + ending.Length;
    }

    private sealed class Page(bool removeBoilerplate)
    {
        private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_raw = RawText.GetAlternateLookup<ReadOnlySpan<char>>();
        private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_boilerplate = Boilerplate.GetAlternateLookup<ReadOnlySpan<char>>();
        private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_blocks = Blocks.GetAlternateLookup<ReadOnlySpan<char>>();
        private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_paragraphs = Paragraphs.GetAlternateLookup<ReadOnlySpan<char>>();

        private readonly StringBuilder result = new();
        private readonly StringBuilder block = new();
        private readonly List<string> hidden = [];
        private int preformatted, linkCharacters, characters, blocksOfLink;
        private bool isApart, needsSpace, isLink;

        public string Result() => result.ToString();

        public void Text(ReadOnlySpan<char> raw)
        {
            if (raw.IsEmpty || hidden.Count > 0)
                return;
            var text = raw.Contains('&') ? WebUtility.HtmlDecode(raw.ToString()) : raw;
            foreach (var c in text)
            {
                if (preformatted > 0)
                {
                    if (c != '\r')
                        block.Append(c);
                }
                else if (char.IsWhiteSpace(c))
                    needsSpace = block.Length > 0;
                else
                {
                    if (needsSpace)
                        block.Append(' ');
                    needsSpace = false;
                    block.Append(c);
                }
                if (!char.IsWhiteSpace(c))
                {
                    characters++;
                    if (isLink)
                        linkCharacters++;
                }
            }
        }

        /// <summary>Reads a tag at the start of a text and returns its length, with that of a raw element's content.</summary>
        public int Tag(ReadOnlySpan<char> text)
        {
            var isEnd = text[1] == '/';
            var nameStart = isEnd ? 2 : 1;
            var nameLength = text[nameStart..].IndexOfAny(" \t\r\n\f/>");
            var name = nameLength < 0 ? text[nameStart..] : text.Slice(nameStart, nameLength);
            var end = nameStart + name.Length;
            // A > within a quoted value does not close the tag.
            var refers = false;
            for (var quote = '\0'; end < text.Length && (quote != '\0' || text[end] != '>'); end++)
            {
                refers |= quote == '\0' && char.IsWhiteSpace(text[end]) && text[(end + 1)..].StartsWith("href", StringComparison.OrdinalIgnoreCase);
                if (quote == text[end])
                    quote = '\0';
                else if (quote == '\0' && text[end] is '"' or '\'' && text[end - 1] == '=')
                    quote = text[end];
            }
            var isClosed = text[end - 1] == '/';
            // A slash behind an address without quotes belongs to it.
            var isEmpty = isClosed && (text[end - 2] is '"' or '\'' || char.IsWhiteSpace(text[end - 2]));
            end = Math.Min(end + 1, text.Length);
            if (!isEnd && s_raw.Contains(name))
            {
                EndBlock(isParagraph: false);
                return isClosed ? end : end + RawLength(text[end..], name);
            }
            if (s_blocks.Contains(name))
            {
                EndBlock(s_paragraphs.Contains(name));
                Nest(name, isEnd);
            }
            if (removeBoilerplate && s_boilerplate.Contains(name))
                Hide(name, isEnd);
            else if (name.Equals("a", StringComparison.OrdinalIgnoreCase))
            {
                // One without an address is a place that links lead to.
                isLink = !isEnd && refers && !isEmpty;
                blocksOfLink = 0;
            }
            else if (name.Equals("pre", StringComparison.OrdinalIgnoreCase))
                preformatted = Math.Max(0, preformatted + (isEnd ? -1 : 1));
            return end;
        }

        /// <summary>A link that was never closed ends with the block that it stands in.</summary>
        private void Nest(ReadOnlySpan<char> name, bool isEnd)
        {
            if (!isLink || name.Equals("br", StringComparison.OrdinalIgnoreCase) || name.Equals("hr", StringComparison.OrdinalIgnoreCase))
                return;
            blocksOfLink += isEnd ? -1 : 1;
            isLink = blocksOfLink >= 0;
        }

        public void EndBlock(bool isParagraph)
        {
            var density = characters == 0 ? 0 : (double)linkCharacters / characters;
            if (characters > 0 && (!removeBoilerplate || density <= LargestLinkDensity))
            {
                if (result.Length > 0)
                    result.Append(isApart ? "\n\n" : "\n");
                result.Append(block.ToString().Trim('\n').TrimEnd());
                isApart = false;
            }
            isApart |= isParagraph && result.Length > 0;
            block.Clear();
            linkCharacters = characters = 0;
            needsSpace = false;
        }

        private void Hide(ReadOnlySpan<char> name, bool isEnd)
        {
            if (!isEnd)
            {
                hidden.Add(name.ToString());
                return;
            }
            for (var i = hidden.Count - 1; i >= 0; i--)
            {
                if (!name.Equals(hidden[i], StringComparison.OrdinalIgnoreCase))
                    continue;
                hidden.RemoveRange(i, hidden.Count - i);
                return;
            }
        }

        private static int RawLength(ReadOnlySpan<char> text, ReadOnlySpan<char> name)
        {
            for (var at = 0; ;)
            {
                var found = text[at..].IndexOf("</");
                if (found < 0)
                    return text.Length;
                at += found + 2;
                if (text[at..].StartsWith(name, StringComparison.OrdinalIgnoreCase))
                    return at + After(text[at..], name.Length, ">");
            }
        }
    }
}
