namespace PreTrain.Tokenization.Patterns;

/// <summary>A part of a regular expression.</summary>
internal abstract record RegexNode
{
    /// <summary>One character of a set.</summary>
    public sealed record Set(CodePointSet Characters) : RegexNode;

    /// <summary>Parts one after another; none matches the empty text.</summary>
    public sealed record Sequence(IReadOnlyList<RegexNode> Parts) : RegexNode;

    /// <summary>The first of several that leads to a match.</summary>
    public sealed record Alternatives(IReadOnlyList<RegexNode> Choices) : RegexNode;

    /// <summary>A part many times.</summary>
    public sealed record Repeat(RegexNode Part, int Least, int Most, bool IsLazy) : RegexNode;

    /// <summary>A part whose first match is kept whatever follows.</summary>
    public sealed record Atomic(RegexNode Part) : RegexNode;

    /// <summary>A part that must, or must not, match here without being taken.</summary>
    public sealed record Look(RegexNode Part, bool IsBehind, bool IsNegative) : RegexNode;

    /// <summary>A condition on the place: ^ $ A z Z b B.</summary>
    public sealed record Anchor(char Kind) : RegexNode;
}
