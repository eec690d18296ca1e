namespace PreTrain.FineTuning;

/// <summary>Low-rank adaptation (Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1): W·x becomes W·x + s·B·A·x, of which A and B alone are trained.</summary>
public sealed record LoraOptions
{
    /// <summary>The rank r of the update: A is (r, inputs), B is (outputs, r).</summary>
    /// <value>The default is 8.</value>
    public int Rank { get; init; } = 8;

    /// <summary>The scale of the update is s = <see cref="Alpha"/> / <see cref="Rank"/>.</summary>
    /// <value>The default is 16.</value>
    public double Alpha { get; init; } = 16;

    /// <summary>Whether the scale is <see cref="Alpha"/> / √<see cref="Rank"/> instead, so that high ranks learn as fast as low ones (rsLoRA, Kalajdzievski 2023, section 3).</summary>
    /// <value>The default is false.</value>
    public bool IsRankStabilized { get; init; }

    /// <summary>
    /// Whether each output's length is a trained number of its own, and the update gives its direction alone (DoRA, Liu et al. 2024, "Weight-Decomposed Low-Rank Adaptation", section 4).
    /// </summary>
    /// <value>The default is false.</value>
    public bool IsWeightDecomposed { get; init; }

    /// <summary>
    /// Whether the update is W ⊙ (B·A), every weight times a factor, instead of s·B·A (HiRA, Huang et al. 2025, "HiRA: Parameter-Efficient Hadamard High-Rank Adaptation for Large Language Models", section 3). As
    /// many trained values make updates that are not held to the rank, and learn more where that is what holds them back; a step computes as much as one of whole fine-tuning in 32 bits, and more with <see cref="Dropout"/> or in fewer.
    /// </summary>
    /// <value>The default is false.</value>
    /// <remarks>B is trained as a part of itself: what is added to a weight of the map's root mean square is then s·B·A, so that the rates of low-rank updates serve, and <see cref="Alpha"/> counts as there.</remarks>
    public bool IsHadamard { get; init; }

    /// <summary>The probability with which an element of x is dropped before A in training.</summary>
    /// <value>The default is 0.</value>
    public double Dropout { get; init; }

    /// <summary>Patterns of the linear maps that are adapted, such as <c>blocks.*.query</c>; <c>*</c> stands for any characters.</summary>
    /// <value>
    /// The default, null, is all linear maps of the blocks, and the one between them and the head of a task (ModernBERT's <c>transform</c>, BERT's <c>pooler</c>), unless it is trained as a whole: where the model's
    /// folder lacked it, or <see cref="Trained"/> names it.
    /// </value>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>Patterns of parameters that are trained as a whole beside the updates, and saved with them. What was initialized because the model's folder lacked it is trained in any case. They are the model's: adapters of one model that train the same ones change them for each other.</summary>
    /// <value>The default is the heads of classification, <c>*classifier*</c>.</value>
    public IReadOnlyList<string> Trained { get; init; } = ["*classifier*"];

    /// <summary>What the update is multiplied with.</summary>
    public double Scale => IsRankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Rank < 1) faults.Add($"{nameof(Rank)} ({Rank}) must be at least 1.");
        if (!(Alpha > 0 && double.IsFinite(Alpha))) faults.Add($"{nameof(Alpha)} ({Alpha}) must be positive.");
        if (!(Dropout >= 0 && Dropout < 1)) faults.Add($"{nameof(Dropout)} ({Dropout}) must be at least 0 and below 1.");
        if (IsHadamard && IsWeightDecomposed) faults.Add($"{nameof(IsHadamard)} and {nameof(IsWeightDecomposed)} exclude each other; set one of them.");
        if (Targets is { Count: 0 }) faults.Add($"{nameof(Targets)} must name at least one linear map; '*' fits all.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}
