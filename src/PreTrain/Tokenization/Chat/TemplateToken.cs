namespace PreTrain.Tokenization.Chat;

/// <summary>What a template is cut into.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text between tags.</summary>
    Data,

    /// <summary><c>{%</c>.</summary>
    BlockBegin,

    /// <summary><c>%}</c>.</summary>
    BlockEnd,

    /// <summary><c>{{</c>.</summary>
    PrintBegin,

    /// <summary><c>}}</c>.</summary>
    PrintEnd,

    Name,

    /// <summary>A text in quotes, without them and with its escapes resolved.</summary>
    Text,

    Whole,

    Number,

    Operator,

    /// <summary>Behind everything.</summary>
    End,
}

/// <summary>A piece of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Value">What it says.</param>
/// <param name="Offset">Its place, in characters.</param>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Value, int Offset);
