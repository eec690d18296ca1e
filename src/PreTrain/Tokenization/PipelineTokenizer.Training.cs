using System.Text;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Normalizers;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PostProcessors;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization;

public partial class PipelineTokenizer
{
    private static readonly Rune s_blank = new('▁');

    /// <summary>
    /// Trains BERT's kind of tokenizer: WordPiece over cleaned words, <c>[CLS] A [SEP] B [SEP]</c> around texts where these tokens are among the special ones.
    /// The result depends on the corpus and the options alone, not on the number of threads.
    /// </summary>
    /// <param name="corpus">The documents; read once, on the calling thread.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told about every million characters read and every 64 merges, from any thread.</param>
    /// <param name="cancellation">Stops the training.</param>
    /// <exception cref="ArgumentException">An option is not valid, the corpus is empty, or the vocabulary is smaller than the alphabet.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    public static PipelineTokenizer TrainWordPiece(
        IEnumerable<string> corpus, WordPieceOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var parts = new TokenizerParts
        {
            Model = NoModel.Instance,
            Normalizer = new BertNormalizer(cleanText: true, handleChinese: true, stripAccents: null, options.Lowercase),
            PreTokenizer = new BertSplitter(),
            Decoder = new WordPieceDecoder(options.ContinuingPrefix, cleansUp: true),
        };
        WordCounter words = Count(corpus, parts, options.Threads, options.MemoryLimitBytes, progress, cancellation);
        return Create(parts, TokenModelTrainer.TrainWordPiece(words, options, progress, cancellation), options.SpecialTokens, options.UnknownToken);
    }

    /// <summary>
    /// Trains Llama 2's kind of tokenizer: BPE over characters, with <c>▁</c> in the place of blanks and before a text. The result depends on the corpus and the
    /// options alone, not on the number of threads.
    /// </summary>
    /// <param name="corpus">The documents; read once, on the calling thread.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told about every million characters read and every 64 merges, from any thread.</param>
    /// <param name="cancellation">Stops the training.</param>
    /// <exception cref="ArgumentException">An option is not valid, the corpus is empty, or the vocabulary is smaller than the alphabet.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    public static PipelineTokenizer TrainBpe(
        IEnumerable<string> corpus, BpeOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var parts = new TokenizerParts
        {
            Model = NoModel.Instance,
            PreTokenizer = new MetaspaceSplitter(s_blank, PrependScheme.Always, splits: true),
            Decoder = new DecoderSequence(
            [
                new ReplaceDecoder(new LiteralPattern("▁"), " "), new ByteFallbackDecoder(), new FuseDecoder(), new StripDecoder(new Rune(' '), 1, 0),
            ]),
        };
        WordCounter words = Count(corpus, parts, options.Threads, options.MemoryLimitBytes, progress, cancellation);
        return Create(parts, TokenModelTrainer.TrainBpe(words, options, progress, cancellation), options.SpecialTokens, options.UnknownToken);
    }

    /// <summary>
    /// Trains T5's kind of tokenizer: the unigram language model over text in NFKC, with <c>▁</c> in the place of blanks and before a text. The result depends on
    /// the corpus and the options alone, not on the number of threads.
    /// </summary>
    /// <param name="corpus">The documents; read once, on the calling thread.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told about every million characters read and every step, from any thread.</param>
    /// <param name="cancellation">Stops the training.</param>
    /// <exception cref="ArgumentException">An option is not valid, the corpus is empty, or the vocabulary is smaller than the alphabet.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    public static PipelineTokenizer TrainUnigram(
        IEnumerable<string> corpus, UnigramOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var parts = new TokenizerParts
        {
            Model = NoModel.Instance,
            Normalizer = new NormalizerSequence([new NmtNormalizer(), new UnicodeFormNormalizer("NFKC"), new ReplaceNormalizer(ScannerPattern.ForRegex(" {2,}"), " ")]),
            PreTokenizer = new MetaspaceSplitter(s_blank, PrependScheme.Always, splits: true),
            Decoder = options.ByteFallback
                ? new DecoderSequence([new ByteFallbackDecoder(), new MetaspaceDecoder(s_blank, PrependScheme.Always, splits: true)])
                : new MetaspaceDecoder(s_blank, PrependScheme.Always, splits: true),
        };
        WordCounter words = Count(corpus, parts, options.Threads, options.MemoryLimitBytes, progress, cancellation);
        return Create(parts, UnigramTrainer.Train(words, options, progress, cancellation), options.SpecialTokens, options.UnknownToken);
    }

    /// <summary>Trains a vocabulary of whole words: runs of word characters and runs of punctuation.</summary>
    /// <param name="corpus">The documents; read once, on the calling thread.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told about every million characters read, from any thread.</param>
    /// <param name="cancellation">Stops the training.</param>
    /// <exception cref="ArgumentException">An option is not valid, or the corpus is empty.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    public static PipelineTokenizer TrainWordLevel(
        IEnumerable<string> corpus, WordLevelOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var parts = new TokenizerParts { Model = NoModel.Instance, PreTokenizer = new WhitespaceSplitter() };
        WordCounter words = Count(corpus, parts, options.Threads, options.MemoryLimitBytes, progress, cancellation);
        return Create(parts, TokenModelTrainer.TrainWordLevel(words, options), options.SpecialTokens, options.UnknownToken);
    }

    private static WordCounter Count(
        IEnumerable<string> corpus, TokenizerParts parts, int threads, long memoryLimit, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        return CorpusWords.Count(corpus, new PipelineWordSplitter(parts.Normalizer, parts.PreTokenizer), threads, progress, cancellation, memoryLimit);
    }

    private static PipelineTokenizer Create(TokenizerParts parts, ITokenModel model, IReadOnlyList<string> specials, string? unknown)
    {
        AddedToken[] added = [.. specials.Select(token => new AddedToken(model.IdOf(token)!.Value, token)).OrderBy(token => token.Id)];
        var roles = new Dictionary<string, string>();
        if (unknown is not null)
            roles["unk_token"] = unknown;
        foreach ((string token, string role) in UsualTokens.Roles)
        {
            if (specials.Contains(token))
                roles.TryAdd(role, token);
        }

        return new PipelineTokenizer(parts with
        {
            Model = model,
            AddedTokens = added,
            PostProcessor = UsualTokens.Template(model),
            Settings = TokenizerSettings.Empty with { Roles = roles },
        });
    }

    /// <summary>Stands where a model is yet to be trained.</summary>
    private sealed class NoModel : ITokenModel
    {
        public static NoModel Instance { get; } = new();

        public int Size => 0;

        public string? TokenOf(int id) => null;

        public int? IdOf(string token) => null;

        public void Encode(ReadOnlySpan<char> piece, TokenBuffer output) => throw new InvalidOperationException("The model is not trained.");
    }
}
