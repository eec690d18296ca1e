namespace PreTrain.FineTuning;

/// <summary>Which vectors of a model are trained while its matrices stay (Ben Zaken, Goldberg and Ravfogel 2022, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked Language-models", section 3).</summary>
public sealed record BitFitOptions
{
    /// <summary>Patterns of the parameters that are trained.</summary>
    /// <value>The default is all biases, those of norms included, <c>*bias</c>.</value>
    public IReadOnlyList<string> Parameters { get; init; } = ["*bias"];

    /// <summary>Patterns of parameters that are trained besides and stay trained when the biases are taken back: a new head, for example.</summary>
    /// <value>The default is the heads of classification, <c>*classifier*</c>.</value>
    public IReadOnlyList<string> Trained { get; init; } = ["*classifier*"];
}
