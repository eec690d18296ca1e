using PreTrain.Tokenization;

namespace PreTrain.Data;

/// <summary>The tags of IOB2: <c>B-TYPE</c> begins a name, <c>I-TYPE</c> goes on with it, <c>O</c> is outside (Tjong Kim Sang and De Meulder 2003, section 2.1).</summary>
internal static class TagScheme
{
    internal const string Outside = "O";

    /// <summary>Reads a tag.</summary>
    /// <returns>Null where it is none of IOB2; the type is null of <see cref="Outside"/>.</returns>
    internal static (bool Begins, string? Type)? Read(string tag) => tag switch
    {
        Outside => (false, null),
        ['B', '-', _, ..] => (true, tag[2..]),
        ['I', '-', _, ..] => (false, tag[2..]),
        _ => null,
    };

    /// <summary>The tags of types: <see cref="Outside"/> first, then the two of each type in ordinal order.</summary>
    internal static LabelSet Of(IEnumerable<string> types) => new([Outside, .. types.Distinct().Order(StringComparer.Ordinal).SelectMany(type => new[] { $"B-{type}", $"I-{type}" })]);

    /// <summary>The tag that goes on with a name: of <c>B-TYPE</c> it is <c>I-TYPE</c>, where there is one.</summary>
    internal static int Continued(LabelSet tags, int tag) => tags[tag] is ['B', '-', .. var type] && tags.Find($"I-{type}") is { } inside ? inside : tag;

    /// <summary>The tags of words below spans of characters. A word belongs to a span that it overlaps.</summary>
    internal static int[] TagsOf(IReadOnlyList<TokenSpan> words, IReadOnlyList<(int Start, int End, string Type)> spans, LabelSet tags)
    {
        int[] result = new int[words.Count];
        Array.Fill(result, tags.Find(Outside)!.Value);
        foreach (var (start, end, type) in spans)
        {
            string place = "B-";
            for (int w = 0; w < words.Count; w++)
            {
                if (words[w].End <= start || words[w].Start >= end) continue;
                result[w] = tags.Find(place + type)!.Value;
                place = "I-";
            }
        }
        return result;
    }
}
