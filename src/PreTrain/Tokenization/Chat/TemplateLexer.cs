using System.Globalization;
using System.Text;

namespace PreTrain.Tokenization.Chat;

/// <summary>
/// Cuts a template into tokens. White space goes as transformers sets Jinja up: the line break behind a tag that is not printed, the blanks before one that begins its line
/// (<c>trim_blocks</c>, <c>lstrip_blocks</c>), the template's last line break, and all that a <c>-</c> asks for.
/// </summary>
internal sealed class TemplateLexer
{
    // The longer ones first.
    private static readonly string[] s_operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private const int DeepestBrackets = 64;

    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private bool _beginsLine = true;   // whether what was read last ended with a line break

    private TemplateLexer(string source) => _source = source;

    /// <summary>Line breaks as the template's places are counted in.</summary>
    internal static string Normalize(string source) => source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');

    /// <summary>Cuts a normalized template.</summary>
    /// <exception cref="TemplateException">A tag or a text is not closed, or a character has no meaning.</exception>
    internal static List<TemplateToken> Read(string source)
    {
        var lexer = new TemplateLexer(source.EndsWith('\n') ? source[..^1] : source);
        while (lexer._at < lexer._source.Length) lexer.Next();
        lexer.Add(TemplateTokenKind.End, "", lexer._source.Length);
        return lexer._tokens;
    }

    private void Next()
    {
        int begin = _at - 1;
        do begin = _source.IndexOf('{', begin + 1);
        while (begin >= 0 && (begin + 1 == _source.Length || _source[begin + 1] is not ('{' or '%' or '#')));
        if (begin < 0)
        {
            Add(TemplateTokenKind.Data, _source[_at..], _at);
            _at = _source.Length;
            return;
        }
        char kind = _source[begin + 1], sign = begin + 2 < _source.Length ? _source[begin + 2] : ' ';
        string data = _source[_at..begin];
        if (sign == '-') data = data.TrimEnd();
        else if (sign != '+' && kind != '{') data = WithoutIndent(data);
        if (data.Length > 0) Add(TemplateTokenKind.Data, data, _at);
        _at = begin + (sign is '-' or '+' ? 3 : 2);
        switch (kind)
        {
            case '#':
                int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
                if (end < 0) throw new TemplateException("The comment has no end, '#}'.", begin);
                char before = end > _at ? _source[end - 1] : ' ';
                Close(end + 2, before, printed: false);
                break;
            case '%':
                Add(TemplateTokenKind.BlockBegin, "{%", begin);
                Inside("%}", TemplateTokenKind.BlockEnd, begin);
                break;
            default:
                Add(TemplateTokenKind.PrintBegin, "{{", begin);
                Inside("}}", TemplateTokenKind.PrintEnd, begin);
                break;
        }
    }

    private string WithoutIndent(string data)
    {
        int line = data.LastIndexOf('\n') + 1;
        return (line > 0 || _beginsLine) && string.IsNullOrWhiteSpace(data[line..]) ? data[..line] : data;
    }

    /// <summary>Goes behind a tag, and behind what it takes along.</summary>
    private void Close(int end, char sign, bool printed)
    {
        _at = end;
        if (sign == '-')
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at])) _at++;
        }
        else if (sign != '+' && !printed && _at < _source.Length && _source[_at] == '\n')
        {
            _at++;
        }
        _beginsLine = _source[_at - 1] == '\n';
    }

    private void Inside(string close, TemplateTokenKind closing, int begin)
    {
        int depth = 0;
        while (true)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at])) _at++;
            if (_at >= _source.Length) throw new TemplateException($"The tag has no end, '{close}'.", begin);
            char c = _source[_at];
            if (depth == 0)
            {
                int sign = c is '-' or '+' ? 1 : 0;
                if (string.CompareOrdinal(_source, _at + sign, close, 0, close.Length) == 0 && !(sign == 1 && c == '+' && close == "}}"))
                {
                    Add(closing, close, _at);
                    Close(_at + sign + close.Length, sign == 1 ? c : ' ', printed: close == "}}");
                    return;
                }
            }
            if (char.IsAsciiDigit(c)) ReadNumber();
            else if (char.IsLetter(c) || c == '_') ReadName();
            else if (c is '"' or '\'') ReadText(c);
            else depth += ReadOperator();
            if (depth > DeepestBrackets) throw new TemplateException($"Brackets are nested more than {DeepestBrackets} deep.", _at);
        }
    }

    private void ReadNumber()
    {
        int start = _at;
        Digits();
        bool isWhole = true;
        if (Peek(0) == '.' && char.IsAsciiDigit(Peek(1)))
        {
            isWhole = false;
            _at++;
            Digits();
        }
        if (Peek(0) is 'e' or 'E' && (char.IsAsciiDigit(Peek(1)) || Peek(1) is '+' or '-' && char.IsAsciiDigit(Peek(2))))
        {
            isWhole = false;
            _at += 2;
            Digits();
        }
        string digits = _source[start.._at].Replace("_", "", StringComparison.Ordinal);
        if (isWhole && !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out _)) throw new TemplateException($"The number {digits} has more than 64 bits.", start);
        Add(isWhole ? TemplateTokenKind.Whole : TemplateTokenKind.Number, digits, start);

        void Digits()
        {
            while (char.IsAsciiDigit(Peek(0)) || Peek(0) == '_') _at++;
        }
    }

    private void ReadName()
    {
        int start = _at;
        while (char.IsLetterOrDigit(Peek(0)) || Peek(0) == '_') _at++;
        Add(TemplateTokenKind.Name, _source[start.._at], start);
    }

    private void ReadText(char quote)
    {
        int start = _at++;
        var text = new StringBuilder();
        while (Peek(0) != quote)
        {
            if (_at >= _source.Length) throw new TemplateException($"The text has no end, {quote}.", start);
            if (_source[_at] == '\\' && _at + 1 < _source.Length) ReadEscape(text);
            else text.Append(_source[_at++]);
        }
        _at++;
        Add(TemplateTokenKind.Text, text.ToString(), start);
    }

    /// <summary>An escape as Python has it; a backslash before anything else stands for itself.</summary>
    private void ReadEscape(StringBuilder text)
    {
        char escaped = _source[_at + 1];
        int digits = escaped switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            int start = _at + 2;
            if (start + digits > _source.Length || !uint.TryParse(_source.AsSpan(start, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint code) || code > 0x10FFFF)
                throw new TemplateException($"\\{escaped} needs {digits} hexadecimal digits of a character.", _at);
            text.Append(code <= 0xFFFF ? ((char)code).ToString() : char.ConvertFromUtf32((int)code));
            _at = start + digits;
            return;
        }
        text.Append(escaped switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'b' => "\b",
            'f' => "\f",
            'v' => "\v",
            'a' => "\a",
            '\\' => "\\",
            '\'' => "'",
            '"' => "\"",
            '\n' => "",
            '0' => "\0",
            _ => $"\\{escaped}",
        });
        _at += 2;
    }

    /// <summary>How much deeper in brackets the text is behind the operator.</summary>
    private int ReadOperator()
    {
        foreach (string op in s_operators)
        {
            if (string.CompareOrdinal(_source, _at, op, 0, op.Length) != 0) continue;
            Add(TemplateTokenKind.Operator, op, _at);
            _at += op.Length;
            return op is "(" or "[" or "{" ? 1 : op is ")" or "]" or "}" ? -1 : 0;
        }
        throw new TemplateException($"The character '{_source[_at]}' has no meaning in a tag.", _at);
    }

    private char Peek(int ahead) => _at + ahead < _source.Length ? _source[_at + ahead] : '\uffff';

    private void Add(TemplateTokenKind kind, string value, int offset) => _tokens.Add(new(kind, value, offset));
}
