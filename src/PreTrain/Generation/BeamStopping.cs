namespace PreTrain.Generation;

/// <summary>When a search with beams that has found as many ended texts as it has beams stops looking for better ones.</summary>
public enum BeamStopping
{
    /// <summary>When the best text that is still being written, scored as if it ended now, is no better than the worst ended one: a good guess.</summary>
    WhenUnlikely,

    /// <summary>At once.</summary>
    AtOnce,

    /// <summary>When no text can become better, however long it grows.</summary>
    WhenImpossible,
}
