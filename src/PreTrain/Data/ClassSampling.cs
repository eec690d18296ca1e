namespace PreTrain.Data;

/// <summary>How often the examples of each class are drawn.</summary>
public enum ClassSampling
{
    /// <summary>Each once in an epoch.</summary>
    AsIs,

    /// <summary>Those of rarer classes several times, so that an epoch has as many of each class as there are of the most frequent one.</summary>
    Oversample,

    /// <summary>As many of each class as there are of the rarest one, always the same.</summary>
    Undersample,
}
