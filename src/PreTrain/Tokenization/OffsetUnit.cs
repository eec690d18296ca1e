namespace PreTrain.Tokenization;

/// <summary>In what the places of tokens are counted.</summary>
public enum OffsetUnit
{
    /// <summary>UTF-16 code units: indices into a .NET string.</summary>
    Utf16,

    /// <summary>Bytes of the text's UTF-8.</summary>
    Utf8Bytes,

    /// <summary>Unicode code points, as Python counts.</summary>
    CodePoints,
}
