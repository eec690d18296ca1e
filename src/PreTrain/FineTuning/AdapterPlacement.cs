namespace PreTrain.FineTuning;

/// <summary>Behind which sub-layers of a block there is an adapter.</summary>
public enum AdapterPlacement
{
    /// <summary>Behind attention and behind the feed-forward layer (Houlsby et al. 2019, section 2.1).</summary>
    Houlsby,

    /// <summary>Behind the feed-forward layer alone (Pfeiffer et al. 2020, "AdapterFusion", section 3.2.1).</summary>
    Pfeiffer,
}
