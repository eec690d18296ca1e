namespace PreTrain.Models;

/// <summary>A model that knows what Hugging Face calls its parameters.</summary>
internal interface IWeightNames
{
    /// <summary>A row for each parameter; tied ones have one.</summary>
    IEnumerable<WeightRow> Weights { get; }
}
