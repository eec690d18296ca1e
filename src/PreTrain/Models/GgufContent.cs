namespace PreTrain.Models;

/// <summary>What a GGUF file of a model holds, in llama.cpp's terms.</summary>
/// <param name="Architecture">The family, which the names of its facts begin with.</param>
/// <param name="LayerCount">The number of blocks.</param>
/// <param name="Facts">The metadata of the architecture, without the family before their names.</param>
/// <param name="Weights">The tensors in the order of the file.</param>
internal sealed record GgufContent(string Architecture, int LayerCount, IReadOnlyList<(string Key, object Value)> Facts, IReadOnlyList<GgufWeight> Weights);
