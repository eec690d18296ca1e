namespace PreTrain.Models;

/// <summary>A tensor of a GGUF file.</summary>
/// <param name="Theirs">Its name in the file.</param>
/// <param name="Ours">The parameter's name in the model; null for numbers that are given.</param>
internal sealed record GgufWeight(string Theirs, string? Ours)
{
    /// <summary>
    /// The heads whose rows change their order; 0 for none. The pairs that a rotary position turns are the components i and i + D/2 of a head here, and 2i and 2i + 1 where llama.cpp computes Llama.
    /// </summary>
    internal int PairedHeads { get; init; }

    /// <summary>The numbers of a tensor that is no parameter.</summary>
    internal float[] Numbers { get; init; } = [];
}
