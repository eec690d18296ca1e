using System.Globalization;

namespace PreTrain.Tokenization.Unicode;

/// <summary>Reads the tables of <c>unicode.txt</c>, which make_unicode.py wrote and explains. They are those of Hugging Face's tokenizers.</summary>
internal static class UnicodeData
{
    private static readonly Dictionary<string, string> s_lines = ReadLines();

    /// <summary>A table of runs as one value per code point.</summary>
    public static CodePointTable Runs(string name)
    {
        byte[] values = new byte[CodePointTable.Size];
        int from = 0;
        byte value = 0;
        foreach (Range entry in Entries(name, out ReadOnlySpan<char> line))
        {
            ReadOnlySpan<char> run = line[entry];
            int colon = run.IndexOf(':');
            int start = Hex(run[..colon]);
            values.AsSpan(from, start - from).Fill(value);
            (from, value) = (start, (byte)Hex(run[(colon + 1)..]));
        }

        values.AsSpan(from).Fill(value);
        return new CodePointTable(values);
    }

    /// <summary>A table of mappings from a code point to a text, and whether the entry ends with an exclamation mark.</summary>
    public static Dictionary<int, (string Text, bool IsMarked)> Mappings(string name)
    {
        var mappings = new Dictionary<int, (string, bool)>(4096);
        Span<char> text = stackalloc char[64];
        foreach (Range entry in Entries(name, out ReadOnlySpan<char> line))
        {
            ReadOnlySpan<char> mapping = line[entry].TrimEnd('!');
            int equals = mapping.IndexOf('=');
            ReadOnlySpan<char> parts = mapping[(equals + 1)..];
            int length = 0;
            foreach (Range part in parts.Split('+'))
                length += new System.Text.Rune(Hex(parts[part])).EncodeToUtf16(text[length..]);
            mappings.Add(Hex(mapping[..equals]), (text[..length].ToString(), line[entry][^1] == '!'));
        }

        return mappings;
    }

    private static int Hex(ReadOnlySpan<char> digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static MemoryExtensions.SpanSplitEnumerator<char> Entries(string name, out ReadOnlySpan<char> line)
    {
        line = s_lines[name];
        return line.Split(' ');
    }

    private static Dictionary<string, string> ReadLines()
    {
        using var reader = new StreamReader(typeof(UnicodeData).Assembly.GetManifestResourceStream("unicode.txt")!);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')
            .Select(line => line.Split(' ', 2)).ToDictionary(parts => parts[0], parts => parts[1]);
    }
}
