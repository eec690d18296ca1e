namespace PreTrain.Data;

/// <summary>How many bits a <see cref="TokenStore"/> spends on a token.</summary>
public enum TokenIdWidth
{
    /// <summary>16 bits where the vocabulary allows it (at most 65,536 tokens), else 32.</summary>
    Auto,

    /// <summary>Two bytes a token.</summary>
    Bits16,

    /// <summary>Four bytes a token.</summary>
    Bits32,
}
