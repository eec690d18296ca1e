using System.Text;

namespace PreTrain.Tokenization.Chat;

/// <summary>Computes a value.</summary>
internal delegate object? TemplateExpression(TemplateScope scope);

/// <summary>Writes; whether the innermost loop is to be left or to go on.</summary>
internal delegate TemplateFlow TemplateStatement(TemplateScope scope, TemplateOutput output);

/// <summary>What a template may call.</summary>
internal delegate object? TemplateFunction(TemplateArguments arguments);

/// <summary>How a template goes on behind a statement.</summary>
internal enum TemplateFlow
{
    Next,

    /// <summary>With the innermost loop's next round.</summary>
    Continue,

    /// <summary>Behind the innermost loop.</summary>
    Break,
}

/// <summary>Where a template writes, and which parts of it the model is to say.</summary>
internal sealed class TemplateOutput
{
    internal StringBuilder Text { get; } = new();

    internal void Write(string text, TemplateBudget budget)
    {
        TemplateBudget.Fit((double)Text.Length + text.Length);
        budget.Spend(text.Length);
        Text.Append(text);
    }

    /// <summary>What stands in <c>generation</c> blocks, as places in <see cref="Text"/>.</summary>
    internal List<(int Start, int End)> Answers { get; } = [];
}

/// <summary>The values that names have; those of an outer scope are seen, and hidden by inner ones.</summary>
internal sealed class TemplateScope(TemplateScope? parent = null)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    /// <summary>The outermost scope.</summary>
    internal TemplateScope Root => parent?.Root ?? this;

    /// <summary>What the rendering may still make.</summary>
    internal TemplateBudget Budget { get; } = parent?.Budget ?? new();

    /// <summary>Of the outermost scope, how many macros are being called.</summary>
    internal int Calls { get; set; }

    internal object? this[string name]
    {
        get => _values.TryGetValue(name, out object? value) ? value : parent is null ? new TemplateUndefined(name) : parent[name];
        set => _values[name] = value;
    }

    internal TemplateScope Inner() => new(this);
}

/// <summary>A name without a value. It prints nothing, and is neither true nor anything that could be computed with.</summary>
/// <param name="Name">The name, for messages.</param>
internal sealed record TemplateUndefined(string Name);

/// <summary>What <c>namespace()</c> makes: values that an inner scope may set too.</summary>
/// <param name="Values">By name.</param>
internal sealed record TemplateNamespace(Dictionary<string, object?> Values);
