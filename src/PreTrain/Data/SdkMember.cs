using System.Text;

namespace PreTrain.Data;

/// <summary>The reference documentation of one type or member.</summary>
public sealed record SdkMember
{
    /// <summary>The documentation id, such as <c>M:System.String.Trim(System.Char)</c>.</summary>
    public required string Id { get; init; }

    /// <summary>What the member is.</summary>
    public required SdkMemberKind Kind { get; init; }

    /// <summary>The namespace, such as <c>System.Collections.Generic</c>; empty for none.</summary>
    public required string Namespace { get; init; }

    /// <summary>The type, or the type that declares the member, without its namespace: <c>List&lt;T&gt;.Enumerator</c>.</summary>
    public required string TypeName { get; init; }

    /// <summary>The name: <see cref="TypeName"/> for a type, the type's for a constructor, else the member's own.</summary>
    public required string Name { get; init; }

    /// <summary>The name with its parameters, in C#'s notation: <c>Insert(int index, T item)</c>.</summary>
    public required string Signature { get; init; }

    /// <summary>What the member is for.</summary>
    public SdkText Summary { get; init; } = SdkText.Empty;

    /// <summary>What else is to be known about it.</summary>
    public SdkText Remarks { get; init; } = SdkText.Empty;

    /// <summary>What it returns, or a property's value.</summary>
    public SdkText Returns { get; init; } = SdkText.Empty;

    /// <summary>The type parameters that are documented, in order.</summary>
    public IReadOnlyList<SdkNamedText> TypeParameters { get; init; } = [];

    /// <summary>The parameters that are documented, in order.</summary>
    public IReadOnlyList<SdkNamedText> Parameters { get; init; } = [];

    /// <summary>The exceptions that are documented, in order.</summary>
    public IReadOnlyList<SdkNamedText> Exceptions { get; init; } = [];

    /// <summary>The type with its namespace: <c>System.Collections.Generic.List&lt;T&gt;</c>.</summary>
    public string FullTypeName => Namespace.Length == 0 ? TypeName : $"{Namespace}.{TypeName}";

    /// <summary>Whether nothing but the name is documented.</summary>
    public bool IsEmpty => Summary.IsEmpty && Remarks.IsEmpty && Returns.IsEmpty && Parameters.Count == 0 && Exceptions.Count == 0;

    /// <summary>The member as a person would read it: the signature, the summary, then a line each for parameters, result and exceptions.</summary>
    /// <returns>Lines that end with a line feed.</returns>
    public string ToPlainText()
    {
        var text = new StringBuilder();
        text.Append(Kind == SdkMemberKind.Type ? FullTypeName : Signature).Append('\n');
        Line("", Summary);
        Line("", Remarks);
        foreach (var parameter in TypeParameters.Concat(Parameters))
            Line($"{parameter.Name}: ", parameter.Text);
        Line(Kind == SdkMemberKind.Property ? "Value: " : "Returns: ", Returns);
        foreach (var exception in Exceptions)
            Line($"Throws {exception.Name}: ", exception.Text);
        return text.ToString();

        void Line(string prefix, SdkText value)
        {
            if (!value.IsEmpty)
                text.Append(prefix).Append(value.Text).Append('\n');
        }
    }
}
