namespace PreTrain.Tokenization.Chat;

/// <summary>Goes through the tokens of a template.</summary>
internal sealed class TemplateReader(List<TemplateToken> tokens)
{
    private int _at;

    internal TemplateToken Current => tokens[_at];

    internal TemplateToken Ahead => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    internal TemplateToken Take() => tokens[_at++];

    internal bool Is(TemplateTokenKind kind, string value) => Current.Kind == kind && Current.Value == value;

    internal bool IsOperator(string value) => Is(TemplateTokenKind.Operator, value);

    internal bool IsName(string value) => Is(TemplateTokenKind.Name, value);

    internal bool TakeOperator(string value)
    {
        if (!IsOperator(value)) return false;
        _at++;
        return true;
    }

    internal bool TakeName(string value)
    {
        if (!IsName(value)) return false;
        _at++;
        return true;
    }

    /// <summary>Requires an operator.</summary>
    internal void Require(string op)
    {
        if (!TakeOperator(op)) throw Unexpected($"'{op}'");
    }

    /// <summary>Requires a token of a kind.</summary>
    internal TemplateToken Require(TemplateTokenKind kind, string what) => Current.Kind == kind ? Take() : throw Unexpected(what);

    /// <summary>The fault of the token that comes next.</summary>
    internal TemplateException Unexpected(string wanted) =>
        new($"{wanted} is expected here, and not {(Current.Kind == TemplateTokenKind.End ? "the end of the template" : $"'{Current.Value}'")}.", Current.Offset);
}
