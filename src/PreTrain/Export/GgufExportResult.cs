namespace PreTrain.Export;

/// <summary>What <see cref="GgufExporter"/> wrote.</summary>
/// <param name="Architecture">llama.cpp's name of the family.</param>
/// <param name="TokenizerModel">llama.cpp's name of the tokenizer: <c>gpt2</c> for byte-level BPE, <c>llama</c> for BPE of SentencePiece's kind, <c>none</c> for no tokenizer.</param>
/// <param name="TensorTypes">The number of tensors of each type, by llama.cpp's names of these.</param>
/// <param name="Bytes">The length of the file.</param>
public sealed record GgufExportResult(string Architecture, string TokenizerModel, IReadOnlyDictionary<string, int> TensorTypes, long Bytes);
