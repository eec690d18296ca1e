using System.Globalization;
using System.Text;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Patterns;

/// <summary>Reads a regular expression in Oniguruma's syntax, as far as tokenizers use it, and names what it does not know.</summary>
internal sealed class RegexParser(string pattern)
{
    private const int MostRepeats = 1000;
    private const int DeepestNesting = 100;
    private int _at;
    private int _depth;
    private bool _ignoresCase;
    private bool _dotIsAll;

    /// <summary>Reads the whole pattern.</summary>
    /// <exception cref="FormatException">It is broken or has what is not known here.</exception>
    public RegexNode Parse()
    {
        RegexNode node = Alternatives();
        return _at == pattern.Length ? node : throw Fault("a ')' without '('");
    }

    private RegexNode Alternatives()
    {
        if (++_depth > DeepestNesting)
            throw Fault("groups nested too deeply");
        bool ignoresCase = _ignoresCase, dotIsAll = _dotIsAll;
        var choices = new List<RegexNode>();
        var parts = new List<RegexNode>();
        while (_at < pattern.Length && pattern[_at] != ')')
        {
            if (pattern[_at] == '|')
            {
                _at++;
                choices.Add(new RegexNode.Sequence(parts));
                parts = [];
                continue;
            }

            if (Part() is { } part)
                parts.Add(Quantified(part));
        }

        choices.Add(new RegexNode.Sequence(parts));
        _depth--;
        (_ignoresCase, _dotIsAll) = (ignoresCase, dotIsAll);
        return choices.Count == 1 ? choices[0] : new RegexNode.Alternatives(choices);
    }

    private RegexNode? Part()
    {
        char c = pattern[_at];
        switch (c)
        {
            case '(':
                _at++;
                return Group();
            case '[':
                _at++;
                return Single(Class());
            case '.':
                _at++;
                bool all = _dotIsAll;
                return new RegexNode.Set(new CodePointSet(codePoint => all || codePoint != '\n'));
            case '^' or '$':
                _at++;
                return new RegexNode.Anchor(c);
            case '*' or '+' or '?':
                throw Fault($"a '{c}' with nothing before it");
            case '\\':
                _at++;
                if (_at < pattern.Length && "AzZbBG".Contains(pattern[_at]))
                    return pattern[_at] == 'G' ? throw Fault("\\G is not supported") : new RegexNode.Anchor(pattern[_at++]);
                return Single(Escape(isInClass: false));
            default:
                int codePoint = Characters.At(pattern, _at, out int width);
                _at += width;
                return Single(CodePointSet.Of(codePoint, codePoint));
        }
    }

    private RegexNode.Set Single(CodePointSet set) => new(_ignoresCase ? set.IgnoringCase() : set);

    private RegexNode? Group()
    {
        if (!Take("?"))
            return Closed(Alternatives());
        if (Take(":"))
            return Closed(Alternatives());
        if (Take("="))
            return Closed(new RegexNode.Look(Alternatives(), false, false));
        if (Take("!"))
            return Closed(new RegexNode.Look(Alternatives(), false, true));
        if (Take("<="))
            return Closed(new RegexNode.Look(Alternatives(), true, false));
        if (Take("<!"))
            return Closed(new RegexNode.Look(Alternatives(), true, true));
        if (Take(">"))
            return Closed(new RegexNode.Atomic(Alternatives()));
        if (Take("<"))
        {
            int close = pattern.IndexOf('>', _at);
            _at = close < 0 ? throw Fault("a group's name without '>'") : close + 1;
            return Closed(Alternatives());
        }

        bool ignoresCase = _ignoresCase, dotIsAll = _dotIsAll, on = true;
        for (; _at < pattern.Length; _at++)
        {
            switch (pattern[_at])
            {
                case '-':
                    on = false;
                    break;
                case 'i':
                    _ignoresCase = on;
                    break;
                case 'm':
                    _dotIsAll = on;
                    break;
                case ':':
                    _at++;
                    RegexNode inner = Closed(Alternatives());
                    (_ignoresCase, _dotIsAll) = (ignoresCase, dotIsAll);
                    return inner;
                case ')':
                    _at++;   // to the end of the group around it
                    return null;
                default:
                    throw Fault($"the group '(?{pattern[_at]}' is not supported");
            }
        }

        throw Fault("a '(' without ')'");
    }

    private RegexNode Closed(RegexNode node) => Take(")") ? node : throw Fault("a '(' without ')'");

    private RegexNode Quantified(RegexNode part)
    {
        while (_at < pattern.Length)
        {
            int least, most;
            bool isInterval = false;
            switch (pattern[_at])
            {
                case '*':
                    (least, most) = (0, int.MaxValue);
                    break;
                case '+':
                    (least, most) = (1, int.MaxValue);
                    break;
                case '?':
                    (least, most) = (0, 1);
                    break;
                case '{' when Interval(out least, out most):
                    isInterval = true;
                    break;
                default:
                    return part;
            }

            if (part is RegexNode.Anchor or RegexNode.Look)
                throw Fault("a repeated condition");
            _at++;
            bool isLazy = Take("?");
            part = new RegexNode.Repeat(part, least, most, isLazy);
            // After {n,m} a plus repeats once more, as Oniguruma has it.
            if (!isLazy && !isInterval && Take("+"))
                part = new RegexNode.Atomic(part);
        }

        return part;
    }

    private bool Interval(out int least, out int most)
    {
        (least, most) = (0, int.MaxValue);
        int close = pattern.IndexOf('}', _at);
        if (close < 0)
            return false;
        string[] bounds = pattern[(_at + 1)..close].Split(',');
        bool isInterval = bounds.Length switch
        {
            1 => int.TryParse(bounds[0], NumberStyles.None, CultureInfo.InvariantCulture, out least) && (most = least) >= 0,
            2 => (bounds[0].Length == 0 || int.TryParse(bounds[0], NumberStyles.None, CultureInfo.InvariantCulture, out least))
                && (bounds[1].Length == 0 || int.TryParse(bounds[1], NumberStyles.None, CultureInfo.InvariantCulture, out most))
                && bounds[0].Length + bounds[1].Length > 0,
            _ => false,
        };
        if (!isInterval)
            return false;   // braces that are text
        if (least > MostRepeats || (most > MostRepeats && most != int.MaxValue))
            throw Fault($"more than {MostRepeats} repetitions");
        if (least > most)
            throw Fault("a repetition whose least number is above its greatest");
        _at = close;
        return true;
    }

    private CodePointSet Escape(bool isInClass)
    {
        if (_at >= pattern.Length)
            throw Fault("a '\\' at the end");
        char c = pattern[_at++];
        switch (c)
        {
            case 's':
                return CodePointSet.Space;
            case 'S':
                return CodePointSet.Space.Negate();
            case 'd':
                return CodePointSet.Digit;
            case 'D':
                return CodePointSet.Digit.Negate();
            case 'w':
                return isInClass ? CodePointSet.Word : CodePointSet.WordEscape;
            case 'W':
                return (isInClass ? CodePointSet.Word : CodePointSet.WordEscape).Negate();
            case 'h':
                return CodePointSet.HexDigit;
            case 'H':
                return CodePointSet.HexDigit.Negate();
            case 'p' or 'P':
                return Property(c == 'P');
            default:
                int codePoint = EscapedCharacter(c);
                return CodePointSet.Of(codePoint, codePoint);
        }
    }

    private int EscapedCharacter(char c)
    {
        switch (c)
        {
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case 'a':
                return '\a';
            case 'e':
                return 0x1B;
            case '0':
                return 0;
            case 'x' when Take("{"):
                int close = pattern.IndexOf('}', _at);
                int braced = Number(close < 0 ? 0 : close - _at);
                _at++;
                return braced;
            case 'x':
                return Number(2);
            case 'u':
                return Number(4);
        }

        if (char.IsAsciiLetterOrDigit(c))
            throw Fault($"the escape '\\{c}' is not supported");
        if (!char.IsHighSurrogate(c) || _at >= pattern.Length)
            return c;
        return char.ConvertToUtf32(c, pattern[_at++]);
    }

    private int Number(int digits)
    {
        if (digits == 0 || _at + digits > pattern.Length
            || !int.TryParse(pattern.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int number) || !Rune.IsValid(number))
        {
            throw Fault("a code point that is none");
        }

        _at += digits;
        return number;
    }

    private CodePointSet Property(bool isNegative)
    {
        string name;
        int close = pattern.IndexOf('}', _at);
        if (Take("{"))
        {
            name = close < 0 ? throw Fault("a property without '}'") : pattern[_at..close];
            _at = close + 1;
        }
        else
        {
            throw Fault("a property without braces");
        }

        if (name.StartsWith('^'))
            (name, isNegative) = (name[1..], !isNegative);
        CodePointSet set = CodePointSet.OfProperty(name) ?? throw Fault($"the property '{name}' is not known");
        return isNegative ? set.Negate() : set;
    }

    private CodePointSet Class()
    {
        if (++_depth > DeepestNesting)
            throw Fault("classes nested too deeply");
        bool isNegative = Take("^");
        CodePointSet? set = null, whole = null;
        for (bool isFirst = true; ; isFirst = false)
        {
            if (_at >= pattern.Length)
                throw Fault("a '[' without ']'");
            if (pattern[_at] == ']' && !isFirst)
                break;
            if (Take("&&"))
            {
                whole = Both(whole, set);
                set = null;
                continue;
            }

            CodePointSet item = ClassItem();
            set = set is null ? item : set.With(item);
        }

        _at++;
        _depth--;
        CodePointSet all = Both(whole, set);
        return isNegative ? all.Negate() : all;

        static CodePointSet Both(CodePointSet? left, CodePointSet? right)
        {
            right ??= new CodePointSet(_ => false);
            return left is null ? right : left.Within(right);
        }
    }

    private CodePointSet ClassItem()
    {
        if (Take("[:"))
        {
            int close = pattern.IndexOf(":]", _at, StringComparison.Ordinal);
            string name = close < 0 ? throw Fault("a '[:' without ':]'") : pattern[_at..close];
            _at = close + 2;
            bool isNegative = name.StartsWith('^');
            CodePointSet set = CodePointSet.OfBracket(isNegative ? name[1..] : name) ?? throw Fault($"the class '[:{name}:]' is not known");
            return isNegative ? set.Negate() : set;
        }

        if (Take("["))
            return Class();
        int first;
        if (Take("\\"))
        {
            if (_at < pattern.Length && "sSdDwWhHpP".Contains(pattern[_at]))
                return Escape(isInClass: true);
            first = _at < pattern.Length ? EscapedCharacter(pattern[_at++]) : throw Fault("a '\\' at the end");
        }
        else
        {
            first = Literal();
        }

        if (_at + 1 >= pattern.Length || pattern[_at] != '-' || pattern[_at + 1] == ']')
            return CodePointSet.Of(first, first);
        _at++;
        int last = Take("\\") ? (_at < pattern.Length ? EscapedCharacter(pattern[_at++]) : throw Fault("a '\\' at the end")) : Literal();
        return first <= last ? CodePointSet.Of(first, last) : throw Fault("a range whose ends are the wrong way round");
    }

    private int Literal()
    {
        int codePoint = Characters.At(pattern, _at, out int width);
        _at += width;
        return codePoint;
    }

    private bool Take(string text)
    {
        if (string.CompareOrdinal(pattern, _at, text, 0, text.Length) != 0)
            return false;
        _at += text.Length;
        return true;
    }

    private FormatException Fault(string what) => new($"{what}, at character {Math.Min(_at, pattern.Length) + 1} of '{pattern}'");
}
