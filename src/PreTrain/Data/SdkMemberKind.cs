namespace PreTrain.Data;

/// <summary>What a documented member of a .NET library is.</summary>
public enum SdkMemberKind
{
    /// <summary>A class, structure, interface, enumeration or delegate.</summary>
    Type,

    /// <summary>A constructor.</summary>
    Constructor,

    /// <summary>A method.</summary>
    Method,

    /// <summary>An operator or a conversion.</summary>
    Operator,

    /// <summary>A property or an indexer.</summary>
    Property,

    /// <summary>A field or an enumeration's value.</summary>
    Field,

    /// <summary>An event.</summary>
    Event,
}
