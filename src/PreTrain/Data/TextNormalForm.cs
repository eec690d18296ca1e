namespace PreTrain.Data;

/// <summary>A normal form of Unicode (Standard Annex 15).</summary>
public enum TextNormalForm
{
    /// <summary>Texts stay as they are.</summary>
    None,

    /// <summary>Canonical composition: é is one character.</summary>
    Nfc,

    /// <summary>Canonical decomposition: é is e with a mark.</summary>
    Nfd,

    /// <summary>Composition after compatibility decomposition: ﬁ is fi, ① is 1, wide letters are plain ones.</summary>
    Nfkc,

    /// <summary>Compatibility decomposition.</summary>
    Nfkd,
}
