using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PostProcessors;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization;

/// <summary>
/// Byte-level byte-pair encoding (Radford et al. 2019; Sennrich et al. 2016): the tokenizer of GPT-2, RoBERTa, Llama 3 and Qwen 2. Every text can be encoded,
/// and decodes to itself. A <see cref="PipelineTokenizer"/> whose ids come from a path of their own, several times as fast. Training, ids and files are
/// those of Hugging Face's tokenizers with <c>ByteLevel(add_prefix_space=False)</c>. Safe for concurrent use.
/// </summary>
public sealed class ByteLevelBpeTokenizer : PipelineTokenizer
{
    private readonly BytePairModel _model;
    private readonly ScannerPattern _pattern;
    private readonly bool _addPrefixSpace;
    private readonly BytePairEncoder?[] _idleEncoders = new BytePairEncoder?[Environment.ProcessorCount];

    private ByteLevelBpeTokenizer(BytePairModel model, TokenizerParts parts, ScannerPattern pattern, bool addPrefixSpace)
        : base(parts)
    {
        _model = model;
        _pattern = pattern;
        _addPrefixSpace = addPrefixSpace;
    }

    /// <summary>The pattern that cuts words.</summary>
    public override PreTokenizer PreTokenizer => ReferenceEquals(_pattern, ScannerPattern.Gpt2) ? Gpt2PreTokenizer.Instance : new PatternPreTokenizer(_pattern);

    /// <summary>The merges in the order in which they were found, each as the two tokens that become one.</summary>
    public IEnumerable<(string Left, string Right)> Merges => _model.Model.MergeList.Select(m => (_model.Model.TokenOf(m.Left)!, _model.Model.TokenOf(m.Right)!));

    /// <summary>
    /// Trains a tokenizer. The ids are: special tokens, the 256 bytes in the order of their spelling, then the merges in the order in which
    /// they were found: always the most frequent pair and, among equals, that of the smallest ids. The result depends on the corpus
    /// and the options alone, not on the number of threads. Special tokens inside the corpus count as plain text.
    /// </summary>
    /// <param name="corpus">The documents; read once, on the calling thread. No word reaches over the end of a document.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told about every million characters read and every 64 merges, from any thread.</param>
    /// <param name="cancellation">Stops the training.</param>
    /// <exception cref="ArgumentException">An option is not valid, or the corpus is empty.</exception>
    /// <exception cref="OperationCanceledException">The training was stopped.</exception>
    public static ByteLevelBpeTokenizer Train(
        IEnumerable<string> corpus, ByteLevelBpeOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        WordCounter words = CorpusWords.Count(corpus, Gpt2WordSplitter.Instance, options.Threads, progress, cancellation, options.MemoryLimitBytes);
        if (words.Count == 0)
            throw new ArgumentException("The corpus holds no text; give at least one document that is not empty.", nameof(corpus));
        BytePairModel model = BytePairTrainer.Train(words, options, progress, cancellation);
        return TryCreate(PartsOf(model.Model, model.AddedTokens, UsualTokens.EndOfText(options.SpecialTokens), addPrefixSpace: false))!;
    }

    /// <summary>
    /// Loads a byte-level BPE tokenizer. Ids, and the added tokens that are recognised inside a text, are as in Hugging Face's tokenizers.
    /// </summary>
    /// <param name="path">A folder with <c>tokenizer.json</c>, or with <c>vocab.json</c> and <c>merges.txt</c>; or a <c>tokenizer.json</c>
    /// itself. A <c>tokenizer_config.json</c> beside it says which token ends a document.</param>
    /// <exception cref="TokenizerException">A file is missing, broken, or of another kind, which <see cref="TextTokenizer.Load"/> reads.</exception>
    public static new ByteLevelBpeTokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return TokenizerFolder.Load(path) as ByteLevelBpeTokenizer ?? throw new TokenizerException(
            path, "The tokenizer is no byte-level BPE with the pattern of GPT-2, Llama 3 or Qwen 2; load it with TextTokenizer.Load.");
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst)
    {
        if (IdToToken(id) is null)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The id {id} stands for no token; this vocabulary has the ids 0 to {VocabSize - 1}.");
        return _model.BytesOf(id);
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Encode(text, ids, cutsWords: true);
    }

    /// <summary>The parts of a byte-level BPE tokenizer of GPT-2's kind.</summary>
    internal static TokenizerParts PartsOf(BpeModel model, IReadOnlyList<AddedToken> addedTokens, string? endOfText, bool addPrefixSpace)
    {
        var roles = new Dictionary<string, string>();
        if (endOfText is not null)
            roles["eos_token"] = endOfText;
        foreach ((string token, string role) in UsualTokens.Roles)
        {
            if (addedTokens.Any(added => added.Content == token))
                roles.TryAdd(role, token);
        }

        if (endOfText is not null)
            roles.TryAdd("bos_token", endOfText);
        return new TokenizerParts
        {
            Model = model,
            AddedTokens = addedTokens,
            PreTokenizer = new ByteLevelSplitter(addPrefixSpace, trimOffsets: true, usesPattern: true, spells: false),
            PostProcessor = UsualTokens.Template(model) ?? new ByteLevelPostProcessor(addPrefixSpace, trimOffsets: true, usesPattern: true),
            Decoder = new ByteLevelDecoder(addPrefixSpace, trimOffsets: true, usesPattern: true),
            Settings = TokenizerSettings.Empty with { Roles = roles },
        };
    }

    /// <summary>The fast tokenizer for parts that it does justice to; <see langword="null"/> for others.</summary>
    internal static ByteLevelBpeTokenizer? TryCreate(TokenizerParts parts)
    {
        if (parts.Normalizer is not null || parts.Decoder is not (null or ByteLevelDecoder) || !BytePairModel.Fits(parts.Model))
            return null;
        (ScannerPattern? pattern, bool addPrefixSpace) = parts.PreTokenizer switch
        {
            ByteLevelSplitter { UsesPattern: true } words => (ScannerPattern.Gpt2, words.AddPrefixSpace),
            SplitterSequence { Steps: [PatternSplitter { IsIsolated: true, Pattern: ScannerPattern known }, ByteLevelSplitter { UsesPattern: false, AddPrefixSpace: false }] } => (known, false),
            _ => ((ScannerPattern?)null, false),
        };
        return pattern is null ? null : new ByteLevelBpeTokenizer(new BytePairModel((BpeModel)parts.Model, parts.AddedTokens), parts, pattern, addPrefixSpace);
    }

    internal override TokenDecoding BeginDecoding(bool skipSpecialTokens) => new ByteDecoding(this, skipSpecialTokens);

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        settings.MaxTokenCount == int.MaxValue
            ? checked((int)Encode(text ?? textSpan, null, settings.ConsiderPreTokenization))
            : base.CountTokens(text, textSpan, settings);

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount != int.MaxValue)
            return base.EncodeToIds(text, textSpan, settings);
        ReadOnlySpan<char> span = text ?? textSpan;
        var ids = new List<int>();
        Encode(span, ids, settings.ConsiderPreTokenization);
        return new EncodeResults<int> { Tokens = ids, CharsConsumed = span.Length };
    }

    private long Encode(ReadOnlySpan<char> text, List<int>? ids, bool cutsWords)
    {
        if (HasAddedTokens(text))
        {
            var sink = new IdSink(ids);
            Run(text, ref sink, normalizes: true, cutsWords);
            return sink.Count;
        }

        if (text.IsEmpty)
            return 0;
        BytePairEncoder encoder = RentEncoder();
        encoder.Begin(ids);
        if (_addPrefixSpace && text[0] != ' ')
            text = " " + text.ToString();
        if (cutsWords)
            _pattern.Encode(encoder, text);
        else
            encoder.MergeWord(text);
        long count = encoder.End();
        ReturnEncoder(encoder);
        return count;
    }

    private BytePairEncoder RentEncoder()
    {
        for (int i = 0; i < _idleEncoders.Length; i++)
        {
            if (_idleEncoders[i] is not null && Interlocked.Exchange(ref _idleEncoders[i], null) is { } encoder)
                return encoder;
        }

        return new BytePairEncoder(_model);
    }

    private void ReturnEncoder(BytePairEncoder encoder)
    {
        for (int i = 0; i < _idleEncoders.Length; i++)
        {
            if (Interlocked.CompareExchange(ref _idleEncoders[i], encoder, null) is null)
                return;
        }
    }
}
