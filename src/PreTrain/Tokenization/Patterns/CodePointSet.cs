using System.Globalization;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Patterns;

/// <summary>A set of characters, as a class of a regular expression describes one. Immutable.</summary>
internal sealed class CodePointSet
{
    private readonly Func<int, bool> _contains;
    private readonly Lazy<ulong[]> _basic;   // a bit for each character of the basic plane

    public CodePointSet(Func<int, bool> contains)
    {
        _contains = contains;
        _basic = new Lazy<ulong[]>(() =>
        {
            ulong[] bits = new ulong[0x10000 / 64];
            for (int c = 0; c < 0x10000; c++)
            {
                if (contains(c))
                    bits[c >> 6] |= 1UL << (c & 63);
            }

            return bits;
        });
    }

    /// <summary>White space.</summary>
    public static CodePointSet Space { get; } = new(c => Characters.Is(c, CharacterFlags.Space));

    /// <summary>Decimal digits.</summary>
    public static CodePointSet Digit { get; } = OfCategories(UnicodeCategory.DecimalDigitNumber);

    /// <summary>Word characters: letters, marks, decimal digits, numbers that are letters, connectors, letters in circles and squares.</summary>
    public static CodePointSet Word { get; } = new(c => CharUnicodeInfo.GetUnicodeCategory(c) switch
    {
        <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.OtherSymbol => c is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
        _ => false,
    });

    /// <summary>What <c>\w</c> and <c>\b</c> mean outside a class: Oniguruma takes the numbers among the first 256 characters for word characters too.</summary>
    public static CodePointSet WordEscape { get; } = Word.With(new CodePointSet(c => c is 0xB2 or 0xB3 or 0xB9 or 0xBC or 0xBD or 0xBE));

    /// <summary>Hexadecimal digits.</summary>
    public static CodePointSet HexDigit { get; } = new(c => c < 128 && char.IsAsciiHexDigit((char)c));

    /// <summary>Whether a code point is in the set.</summary>
    public bool Contains(int codePoint) => codePoint < 0x10000 ? (_basic.Value[codePoint >> 6] >> (codePoint & 63) & 1) != 0 : _contains(codePoint);

    /// <summary>All other code points.</summary>
    public CodePointSet Negate() => new(c => !_contains(c));

    /// <summary>The code points of both sets.</summary>
    public CodePointSet With(CodePointSet other) => new(c => _contains(c) || other._contains(c));

    /// <summary>The code points that are in both.</summary>
    public CodePointSet Within(CodePointSet other) => new(c => _contains(c) && other._contains(c));

    /// <summary>The set and the characters that differ from its own by case alone.</summary>
    public CodePointSet IgnoringCase()
    {
        var folded = new HashSet<int>();
        for (int c = 0; c < 0x20000; c++)
        {
            if (c is (< 0xD800 or > 0xDFFF) && _contains(c))
                folded.Add(Fold(c));
        }

        return new CodePointSet(c => _contains(c) || folded.Contains(Fold(c)));
    }

    /// <summary>A set of a range.</summary>
    public static CodePointSet Of(int first, int last) => new(c => c >= first && c <= last);

    /// <summary>The set of a class like <c>[:punct:]</c>; <see langword="null"/> if the name is not known.</summary>
    public static CodePointSet? OfBracket(string name) => name switch
    {
        "punct" => OfProperty("P")!.With(OfProperty("S")!),
        "space" => Space,
        "blank" => new(c => c == '\t' || CharUnicodeInfo.GetUnicodeCategory(c) == UnicodeCategory.SpaceSeparator),
        "cntrl" => OfProperty("CC"),
        "digit" => Digit,
        "xdigit" => HexDigit,
        "word" => Word,
        "ascii" => Of(0, 127),
        _ => null,
    };

    /// <summary>The set of a property, as <c>\p{…}</c> names it; <see langword="null"/> if the name is not known.</summary>
    public static CodePointSet? OfProperty(string name)
    {
        name = name.Replace("_", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant();
        return name switch
        {
            "L" or "LETTER" => Categories(UnicodeCategory.UppercaseLetter, UnicodeCategory.OtherLetter),
            "LU" or "UPPERCASELETTER" => OfCategories(UnicodeCategory.UppercaseLetter),
            "LL" or "LOWERCASELETTER" => OfCategories(UnicodeCategory.LowercaseLetter),
            "LT" or "TITLECASELETTER" => OfCategories(UnicodeCategory.TitlecaseLetter),
            "LM" or "MODIFIERLETTER" => OfCategories(UnicodeCategory.ModifierLetter),
            "LO" or "OTHERLETTER" => OfCategories(UnicodeCategory.OtherLetter),
            "M" or "MARK" => Categories(UnicodeCategory.NonSpacingMark, UnicodeCategory.EnclosingMark),
            "MN" or "NONSPACINGMARK" => OfCategories(UnicodeCategory.NonSpacingMark),
            "MC" or "SPACINGMARK" => OfCategories(UnicodeCategory.SpacingCombiningMark),
            "ME" or "ENCLOSINGMARK" => OfCategories(UnicodeCategory.EnclosingMark),
            "N" or "NUMBER" => Categories(UnicodeCategory.DecimalDigitNumber, UnicodeCategory.OtherNumber),
            "ND" or "DECIMALNUMBER" => OfCategories(UnicodeCategory.DecimalDigitNumber),
            "NL" or "LETTERNUMBER" => OfCategories(UnicodeCategory.LetterNumber),
            "NO" or "OTHERNUMBER" => OfCategories(UnicodeCategory.OtherNumber),
            "P" or "PUNCTUATION" or "PUNCT" => Categories(UnicodeCategory.ConnectorPunctuation, UnicodeCategory.OtherPunctuation),
            "PC" => OfCategories(UnicodeCategory.ConnectorPunctuation),
            "PD" => OfCategories(UnicodeCategory.DashPunctuation),
            "PS" => OfCategories(UnicodeCategory.OpenPunctuation),
            "PE" => OfCategories(UnicodeCategory.ClosePunctuation),
            "PI" => OfCategories(UnicodeCategory.InitialQuotePunctuation),
            "PF" => OfCategories(UnicodeCategory.FinalQuotePunctuation),
            "PO" => OfCategories(UnicodeCategory.OtherPunctuation),
            "S" or "SYMBOL" => Categories(UnicodeCategory.MathSymbol, UnicodeCategory.OtherSymbol),
            "SM" => OfCategories(UnicodeCategory.MathSymbol),
            "SC" => OfCategories(UnicodeCategory.CurrencySymbol),
            "SK" => OfCategories(UnicodeCategory.ModifierSymbol),
            "SO" => OfCategories(UnicodeCategory.OtherSymbol),
            "Z" or "SEPARATOR" => Categories(UnicodeCategory.SpaceSeparator, UnicodeCategory.ParagraphSeparator),
            "ZS" => OfCategories(UnicodeCategory.SpaceSeparator),
            "ZL" => OfCategories(UnicodeCategory.LineSeparator),
            "ZP" => OfCategories(UnicodeCategory.ParagraphSeparator),
            "CC" or "CONTROL" or "CNTRL" => OfCategories(UnicodeCategory.Control),
            "CF" or "FORMAT" => OfCategories(UnicodeCategory.Format),
            "CO" => OfCategories(UnicodeCategory.PrivateUse),
            "CN" => OfCategories(UnicodeCategory.OtherNotAssigned),
            "HAN" => new(c => c is (>= 0x2E80 and <= 0x2E99) or (>= 0x2E9B and <= 0x2EF3) or (>= 0x2F00 and <= 0x2FD5) or 0x3005 or 0x3007 or (>= 0x3021 and <= 0x3029)
                or (>= 0x3038 and <= 0x303B) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF) or (>= 0xF900 and <= 0xFA6D) or (>= 0xFA70 and <= 0xFAD9)
                or 0x16FE2 or 0x16FE3 or (>= 0x16FF0 and <= 0x16FF1) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B739) or (>= 0x2B740 and <= 0x2B81D)
                or (>= 0x2B820 and <= 0x2CEA1) or (>= 0x2CEB0 and <= 0x2EBE0) or (>= 0x2EBF0 and <= 0x2EE5D) or (>= 0x2F800 and <= 0x2FA1D) or (>= 0x30000 and <= 0x3134A)
                or (>= 0x31350 and <= 0x323AF)),
            "SPACE" or "WHITESPACE" => Space,
            "DIGIT" => Digit,
            "WORD" => Word,
            "XDIGIT" => HexDigit,
            _ => null,
        };

        static CodePointSet Categories(UnicodeCategory first, UnicodeCategory last) => new(c => CharUnicodeInfo.GetUnicodeCategory(c) is var category && category >= first && category <= last);
    }

    private static CodePointSet OfCategories(UnicodeCategory category) => new(c => CharUnicodeInfo.GetUnicodeCategory(c) == category);

    private static int Fold(int codePoint)
    {
        if (codePoint == 0x17F)
            return 's';
        return CaseTable.LowerOf(codePoint) is { } lower && Characters.At(lower, 0, out int width) is var folded && width == lower.Length ? folded : codePoint;
    }
}
