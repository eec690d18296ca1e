using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Data.Masking;

/// <summary>A small text, and tokenizers of each kind that were trained on it.</summary>
internal static class MaskingFixture
{
    internal static readonly string[] Documents =
    [
        .. Enumerable.Range(0, 60).Select(i => $"The collection number {i} returns unsupported elements. A reader doesn't copy them, and another reader waits! "
            + $"Does the writer {i * 7} wait too? Nobody knows whether asynchronous readers cooperate. The end of part {i} is here."),
    ];

    internal static PipelineTokenizer WordPiece { get; } = PipelineTokenizer.TrainWordPiece(Documents, new WordPieceOptions { VocabSize = 131 });

    internal static PipelineTokenizer Unigram { get; } = PipelineTokenizer.TrainUnigram(Documents, new UnigramOptions
    {
        VocabSize = 157,
        SpecialTokens = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, 31).Select(i => $"<extra_id_{i}>")],
    });

    internal static PipelineTokenizer Bpe { get; } = PipelineTokenizer.TrainBpe(Documents, new BpeOptions { VocabSize = 149, SpecialTokens = ["<unk>", "<pad>", "<s>", "</s>", "<mask>"] });

    internal static long[] Encode(TextTokenizer tokenizer, string text) => [.. tokenizer.Encode(text.AsSpan()).Select(id => (long)id)];

    internal static TokenStore Store(TextTokenizer tokenizer, string folder) => TokenStore.Build(Documents, tokenizer, folder);
}
