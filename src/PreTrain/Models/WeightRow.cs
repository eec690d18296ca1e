namespace PreTrain.Models;

/// <summary>One row of the table between a model's parameters and the tensors of its family's checkpoints.</summary>
/// <param name="Ours">The parameter's name in the model.</param>
/// <param name="Theirs">The tensor's name in the checkpoint.</param>
/// <param name="Shape">The parameter's shape.</param>
internal sealed record WeightRow(string Ours, string Theirs, params long[] Shape)
{
    /// <summary>Whether the checkpoint keeps the matrix transposed.</summary>
    internal bool Transposed { get; init; }

    /// <summary>Other names under which checkpoints have the tensor, in the order in which they are looked for. One that has it under several has the same values under each.</summary>
    internal string[] Aliases { get; init; } = [];

    /// <summary>Whether the tensor is kept with these axes in the checkpoint, all others of 1 (a convolution's kernel as a matrix).</summary>
    internal long[]? KeptAs { get; init; }

    /// <summary>Whether it has an output for each label, so that it is made anew for other labels.</summary>
    internal bool IsOfLabels { get; init; }

    /// <summary>Whether it is a buffer: saved with the parameters, and not trained.</summary>
    internal bool IsBuffer { get; init; }

    /// <summary>The linear map of transformers whose weight is the token embedding, and whose bias this is; null for the others.</summary>
    internal string? TiedMap { get; init; }

    /// <summary>The tensor's shape in the checkpoint.</summary>
    internal long[] StoredShape => KeptAs ?? (Transposed ? [Shape[1], Shape[0]] : Shape);
}
