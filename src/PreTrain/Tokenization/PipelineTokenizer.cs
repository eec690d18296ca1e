using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization;

/// <summary>
/// The tokenizer of a <c>tokenizer.json</c>: added tokens are found, the text between them is normalized, cut into pieces and encoded by a model (BPE,
/// WordPiece, Unigram, whole words), and special tokens are put around it. Ids, places and decoded texts are those of Hugging Face's tokenizers.
/// <see cref="TextTokenizer.Load"/> makes one. Safe for concurrent use.
/// </summary>
public partial class PipelineTokenizer : TextTokenizer
{
    private readonly AddedTokenFinder? _first;    // looked for first
    private readonly AddedTokenFinder? _second;   // then, in what is left and normalized: those marked as normalized
    private readonly Dictionary<int, AddedToken> _addedById = [];
    private readonly Dictionary<string, int> _addedIds = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _normalizedContents = [];
    private readonly HashSet<string> _specials = new(StringComparer.Ordinal);
    private readonly PipelineState?[] _idle = new PipelineState?[Environment.ProcessorCount];
    private readonly Lazy<string> _fingerprint;
    private readonly ITokenDecoder _decoder;
    private readonly bool _needsPlaces;

    internal PipelineTokenizer(TokenizerParts parts)
    {
        Parts = parts;
        _decoder = parts.Decoder ?? new BlankDecoder();
        _needsPlaces = parts.PreTokenizer is { NeedsPlaces: true } && (parts.Normalizer is not null || parts.PreTokenizer is PreTokenizers.SplitterSequence);
        int size = parts.Model.Size;
        foreach (AddedToken token in parts.AddedTokens)
        {
            _addedById[token.Id] = token;
            _addedIds[token.Content] = token.Id;
            if (token.Special)
                _specials.Add(token.Content);
            if (token.Normalized && parts.Normalizer is not null && Normalized(token.Content) is var normalized && normalized != token.Content)
                _normalizedContents[token.Id] = normalized;
            size = Math.Max(size, token.Id + 1);
        }

        VocabSize = size;
        _first = AddedTokenFinder.Create([.. parts.AddedTokens.Where(token => !token.Normalized)]);
        _second = AddedTokenFinder.Create([.. parts.AddedTokens.Where(token => token.Normalized)
            .Select(token => token with { Content = _normalizedContents.GetValueOrDefault(token.Id, token.Content) })
            .Where(token => token.Content.Length > 0).DistinctBy(token => token.Content)]);
        _fingerprint = new Lazy<string>(() => Convert.ToHexStringLower(SHA256.HashData(TokenizerJsonWriter.Write(Parts))));
        SpecialTokens = new SpecialTokenIds
        {
            BeginOfText = Role("bos_token"),
            EndOfText = Role("eos_token"),
            Unknown = Role("unk_token"),
            Separator = Role("sep_token"),
            Padding = Role("pad_token"),
            Classification = Role("cls_token"),
            Mask = Role("mask_token"),
        };
    }

    /// <inheritdoc/>
    public override int VocabSize { get; }

    /// <inheritdoc/>
    public override SpecialTokenIds SpecialTokens { get; }

    /// <inheritdoc/>
    public override int? EndOfTextId => SpecialTokens.EndOfText;

    /// <inheritdoc/>
    public override string Fingerprint => _fingerprint.Value;

    /// <summary>What the tokenizer is made of.</summary>
    internal TokenizerParts Parts { get; }

    internal override IPostProcessor? PostProcessor => Parts.PostProcessor;

    internal override TruncationOptions Truncation => Parts.Truncation ?? TruncationOptions.None;

    internal override PaddingOptions Padding => Parts.Padding ?? PaddingOptions.None;

    /// <inheritdoc/>
    public override void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        TokenizerFolder.Save(Parts, folder);
    }

    /// <inheritdoc/>
    public override TokenizerDescription Describe() => new(
        TokenizerJsonWriter.TypeOf(json => ModelWriter.WriteType(json, Parts.Model))!,
        TokenizerJsonWriter.TypeOf(Parts.Normalizer is null ? null : Parts.Normalizer.Write),
        TokenizerJsonWriter.TypeOf(Parts.PreTokenizer is null ? null : Parts.PreTokenizer.Write),
        TokenizerJsonWriter.TypeOf(Parts.PostProcessor is null ? null : Parts.PostProcessor.Write),
        TokenizerJsonWriter.TypeOf(Parts.Decoder is null ? null : Parts.Decoder.Write));

    /// <inheritdoc/>
    public override string? IdToToken(int id) =>
        _addedById.TryGetValue(id, out AddedToken? added) ? _normalizedContents.GetValueOrDefault(id, added.Content) : Parts.Model.TokenOf(id);

    /// <inheritdoc/>
    public override int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _addedIds.TryGetValue(token, out int id) ? id : Parts.Model.IdOf(token);
    }

    /// <inheritdoc/>
    public override bool IsSpecial(int id) => _addedById.TryGetValue(id, out AddedToken? added) && _specials.Contains(_normalizedContents.GetValueOrDefault(id, added.Content));

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst)
    {
        string token = TokenOf(id);
        if (Parts.Decoder is ByteLevelDecoder)
            return ByteAlphabet.Unspell(token);
        if (Parts.Decoder is DecoderSequence { Steps: var steps } && steps.Any(step => step is ByteFallbackDecoder) && ByteFallbackDecoder.ByteOf(token) is { } b)
            return new[] { b };
        if (isFirst)
            return Encoding.UTF8.GetBytes(Decode([id]));
        // What it adds to a text that another token has begun: one that no decoder knows, so that none changes it or what follows it.
        const string before = "\uE000";
        var text = new StringBuilder();
        TokenDecoding decoding = new StepDecoding(_decoder, i => i < 0 ? before : token);
        decoding.Push(-1, text);
        decoding.Push(id, text);
        decoding.Flush(text);
        string whole = text.ToString();
        return Encoding.UTF8.GetBytes(whole[(whole.IndexOf(before, StringComparison.Ordinal) + before.Length)..]);
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var sink = new IdSink(ids);
        Run(text, ref sink, normalizes: true, cuts: true);
    }

    /// <summary>
    /// Encodes a text in one of the ways in which its words can be cut, at random: BPE dropout (Provilkov et al. 2020) or subword regularization (Kudo 2018).
    /// The same text, options and seed give the same ids; another seed for each epoch shows a model the same words in other parts.
    /// </summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <param name="ids">Where the ids are appended.</param>
    /// <param name="options">How much is left to chance, and the seed.</param>
    /// <exception cref="ArgumentException">An option is not valid.</exception>
    /// <exception cref="InvalidOperationException">The model knows one way to cut a word: it is neither BPE nor Unigram.</exception>
    public void Sample(ReadOnlySpan<char> text, List<int> ids, SubwordSamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (Parts.Model is not ISamplingTokenModel)
            throw new InvalidOperationException($"A {Describe().Model} model cuts a word in one way only; sampling needs BPE or Unigram.");
        var sink = new IdSink(ids);
        Run(text, ref sink, normalizes: true, cuts: true, new Sampling(options, new SampleStream(options.Seed)));
    }

    internal override void Encode(string text, int sequence, EncodingDraft draft)
    {
        var sink = new DraftSink(draft, sequence, int.MaxValue, Parts.Model);
        Run(text, ref sink, normalizes: true, cuts: true);
    }

    internal override TokenDecoding BeginDecoding(bool skipSpecialTokens) =>
        new StepDecoding(_decoder, id => TokenOf(id) is var token && skipSpecialTokens && IsSpecial(id) ? null : token);

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount != int.MaxValue)
            return base.CountTokens(text, textSpan, settings);
        var sink = new IdSink(null);
        Run(text ?? textSpan, ref sink, settings.ConsiderNormalization, settings.ConsiderPreTokenization);
        return checked((int)sink.Count);
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount != int.MaxValue)
            return base.EncodeToIds(text, textSpan, settings);
        ReadOnlySpan<char> span = text ?? textSpan;
        var ids = new List<int>();
        var sink = new IdSink(ids);
        Run(span, ref sink, settings.ConsiderNormalization, settings.ConsiderPreTokenization);
        return new EncodeResults<int> { Tokens = ids, CharsConsumed = span.Length };
    }

    /// <summary>Encodes to tokens with the characters of the original text that they stand for. A limit on their number never cuts within a character.</summary>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount < 0)
            throw new ArgumentOutOfRangeException(nameof(settings), settings.MaxTokenCount, $"The number of tokens ({settings.MaxTokenCount}) must not be negative.");
        ReadOnlySpan<char> span = text ?? textSpan;
        var draft = new EncodingDraft();
        var sink = new DraftSink(draft, 0, settings.MaxTokenCount, Parts.Model);
        Run(span, ref sink, settings.ConsiderNormalization, settings.ConsiderPreTokenization);
        int keep = Math.Min(draft.Count, settings.MaxTokenCount);
        // Back to where a token ends and the next one does not begin within its last character.
        while (keep > 0 && keep < draft.Count && draft.Offsets[keep].Start < draft.Offsets[keep - 1].End)
            keep--;
        var tokens = new EncodedToken[keep];
        for (int i = 0; i < keep; i++)
            tokens[i] = new EncodedToken(draft.Ids[i], draft.Tokens[i], draft.Offsets[i].Start..draft.Offsets[i].End);
        int consumed = keep == draft.Count ? span.Length : keep > 0 ? draft.Offsets[keep - 1].End : 0;
        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = consumed };
    }

    /// <summary>Whether the text holds an added token.</summary>
    private protected bool HasAddedTokens(ReadOnlySpan<char> text) => (_first is not null && _first.IsIn(text)) || (_second is not null && _second.IsIn(text));

    private protected void Run<TSink>(ReadOnlySpan<char> text, ref TSink sink, bool normalizes, bool cuts, Sampling? sampling = null) where TSink : struct, ITokenSink
    {
        if (text.IsEmpty)
            return;
        PipelineState state = Rent();
        state.Sampling = sampling;
        if (_first is null || !_first.IsIn(text))
        {
            RunPart(state, text, 0, ref sink, normalizes, cuts);
        }
        else
        {
            var parts = new List<TextPart>();
            _first.Split(text, new TextPart(0, text.Length, null), parts);
            foreach (TextPart part in parts)
            {
                if (sink.IsFull)
                    break;
                ReadOnlySpan<char> span = text[part.Start..part.End];
                if (part.Id is { } id)
                    sink.AddToken(id, span, new TokenSpan(part.Start, part.End));
                else
                    RunPart(state, span, part.Start, ref sink, normalizes, cuts);
            }
        }

        Return(state);
    }

    private void RunPart<TSink>(PipelineState state, ReadOnlySpan<char> part, int origin, ref TSink sink, bool normalizes, bool cuts) where TSink : struct, ITokenSink
    {
        WorkText text = state.Text;
        text.Load(part, origin, sink.NeedsPlaces || _needsPlaces);
        if (normalizes)
            Parts.Normalizer?.Normalize(text);
        if (_second is null || !_second.IsIn(text.Chars))
        {
            RunPieces(state, state.WholePieces, ref sink, cuts);
            return;
        }

        var parts = new List<TextPart>();
        _second.Split(text.Chars, new TextPart(0, text.Length, null), parts);
        foreach (TextPart inner in parts)
        {
            if (sink.IsFull)
                break;
            if (inner.Id is { } id)
            {
                sink.AddToken(id, text.Chars[inner.Start..inner.End], new TokenSpan(text.OriginalStart(inner.Start), text.OriginalEnd(inner.End - 1)));
                continue;
            }

            state.Pieces.Text.Load(text, inner.Start, inner.End);
            RunPieces(state, state.Pieces, ref sink, cuts);
        }
    }

    private void RunPieces<TSink>(PipelineState state, PieceList pieces, ref TSink sink, bool cuts) where TSink : struct, ITokenSink
    {
        pieces.Reset(new Piece(0, pieces.Text.Length));
        if (cuts)
            Parts.PreTokenizer?.Split(pieces);
        TokenBuffer tokens = state.Tokens;
        foreach (Piece piece in pieces.Pieces)
        {
            tokens.Clear();
            ReadOnlySpan<char> chars = pieces.Text.Chars[piece.Start..piece.End];
            if (state.Sampling is { } sampling)
                ((ISamplingTokenModel)Parts.Model).Sample(chars, tokens, sampling.Options, sampling.Random);
            else
                Parts.Model.Encode(chars, tokens);
            sink.AddPiece(pieces.Text, piece, tokens);
            if (sink.IsFull)
                break;
        }
    }

    private string TokenOf(int id) =>
        IdToToken(id) ?? throw new ArgumentOutOfRangeException(nameof(id), id, $"The id {id} stands for no token; this vocabulary has the ids 0 to {VocabSize - 1}.");

    private int? Role(string role) => Parts.Settings[role] is { } token ? TokenToId(token) : null;

    private string Normalized(string content)
    {
        var text = new WorkText();
        text.Load(content, 0, tracks: false);
        Parts.Normalizer!.Normalize(text);
        return text.Chars.ToString();
    }

    private PipelineState Rent()
    {
        for (int i = 0; i < _idle.Length; i++)
        {
            if (_idle[i] is not null && Interlocked.Exchange(ref _idle[i], null) is { } state)
                return state;
        }

        return new PipelineState();
    }

    private void Return(PipelineState state)
    {
        for (int i = 0; i < _idle.Length; i++)
        {
            if (Interlocked.CompareExchange(ref _idle[i], state, null) is null)
                return;
        }
    }
}
