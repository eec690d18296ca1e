namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Before which pieces <c>Metaspace</c> puts its blank.</summary>
internal enum PrependScheme
{
    /// <summary>Before each that does not begin with one.</summary>
    Always,

    /// <summary>Before the one that begins the text.</summary>
    First,

    /// <summary>Before none.</summary>
    Never,
}
