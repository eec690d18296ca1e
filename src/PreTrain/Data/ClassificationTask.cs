namespace PreTrain.Data;

/// <summary>What a text is labelled with.</summary>
public enum ClassificationTask
{
    /// <summary>One class of several.</summary>
    SingleLabel,

    /// <summary>Any number of classes, none included.</summary>
    MultiLabel,

    /// <summary>A number.</summary>
    Regression,
}
