using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace PreTrain.Tokenization;

/// <summary>
/// GPT-2's tokenizer: byte-level byte-pair encoding (Radford et al. 2019; Sennrich et al. 2016). Every text can be encoded, and decodes to
/// itself. Training, ids and files are those of Hugging Face's tokenizers with <c>ByteLevel(add_prefix_space=False)</c>. Safe for concurrent use.
/// </summary>
public sealed class ByteLevelBpeTokenizer : TextTokenizer
{
    private const string TokenizerJson = "tokenizer.json";
    private const string ConfigurationJson = "tokenizer_config.json";

    private readonly BytePairModel _model;
    private readonly AddedTokenFinder? _first;    // looked for first
    private readonly AddedTokenFinder? _second;   // then, in what is left: those marked as normalized
    private readonly BytePairEncoder?[] _idle = new BytePairEncoder?[Environment.ProcessorCount];
    private readonly Lazy<string> _fingerprint;

    private ByteLevelBpeTokenizer(BytePairModel model)
    {
        _model = model;
        _first = AddedTokenFinder.Create([.. model.AddedTokens.Where(token => !token.Normalized)]);
        _second = AddedTokenFinder.Create([.. model.AddedTokens.Where(token => token.Normalized)]);
        EndOfTextId = model.EndOfText is null ? null : model.IdOf(model.EndOfText);
        _fingerprint = new Lazy<string>(() => Convert.ToHexStringLower(SHA256.HashData(BytePairJson.Write(_model))));
    }

    /// <inheritdoc/>
    public override int VocabSize => _model.Size;

    /// <inheritdoc/>
    public override int? EndOfTextId { get; }

    /// <inheritdoc/>
    public override string Fingerprint => _fingerprint.Value;

    /// <summary>GPT-2's pattern.</summary>
    public override PreTokenizer PreTokenizer => Gpt2PreTokenizer.Instance;

    /// <summary>The merges in the order in which they were found, each as the two tokens that become one.</summary>
    public IEnumerable<(string Left, string Right)> Merges => _model.MergeList.Select(m => (_model.TokenOf(m.Left)!, _model.TokenOf(m.Right)!));

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
        WordCounter words = CorpusWords.Count(corpus, Gpt2WordSplitter.Instance, options.Threads, progress, cancellation);
        if (words.Count == 0)
            throw new ArgumentException("The corpus holds no text; give at least one document that is not empty.", nameof(corpus));
        return new ByteLevelBpeTokenizer(BytePairTrainer.Train(words, options, progress, cancellation));
    }

    /// <summary>
    /// Loads a tokenizer of GPT-2's kind. Ids, and the added tokens that are recognised inside a text, are as in Hugging Face's tokenizers.
    /// </summary>
    /// <param name="path">A folder with <c>tokenizer.json</c>, or with <c>vocab.json</c> and <c>merges.txt</c>; or a <c>tokenizer.json</c>
    /// itself. A <c>tokenizer_config.json</c> beside it says which token ends a document.</param>
    /// <exception cref="TokenizerException">A file is missing, broken, or of another kind.</exception>
    public static ByteLevelBpeTokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        bool isFolder = Directory.Exists(path);
        string folder = isFolder ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        string configuration = Path.Combine(folder, ConfigurationJson);
        string json = isFolder ? Path.Combine(path, TokenizerJson) : path;
        if (!File.Exists(json) && !isFolder)
            throw new TokenizerException(path, "There is no such file or folder.");
        string? endOfText = File.Exists(configuration) ? BytePairJson.ReadEndOfText(configuration) : null;
        if (File.Exists(json))
            return new ByteLevelBpeTokenizer(BytePairJson.Read(json, endOfText));

        string vocabulary = Path.Combine(path, "vocab.json"), merges = Path.Combine(path, "merges.txt");
        if (File.Exists(vocabulary) && File.Exists(merges))
            return new ByteLevelBpeTokenizer(BytePairJson.ReadPair(vocabulary, merges, endOfText));
        throw new TokenizerException(path, "The folder holds neither tokenizer.json nor vocab.json with merges.txt.");
    }

    /// <inheritdoc/>
    public override void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        WriteWhole(Path.Combine(folder, ConfigurationJson), BytePairJson.WriteConfiguration(_model));
        WriteWhole(Path.Combine(folder, TokenizerJson), BytePairJson.Write(_model));
    }

    /// <inheritdoc/>
    public override string? IdToToken(int id) => _model.TokenOf(id);

    /// <inheritdoc/>
    public override int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _model.IdOf(token);
    }

    /// <inheritdoc/>
    public override bool IsSpecial(int id) => _model.AddedTokenOf(id) is { Special: true };

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst)
    {
        if (_model.TokenOf(id) is null)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The id {id} stands for no token; this vocabulary has the ids 0 to {VocabSize - 1}.");
        return _model.BytesOf(id);
    }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Encode(text, ids, cutWords: true);
    }

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

    /// <summary>Encodes to tokens with the characters that they touch. A limit on their number never cuts within a character.</summary>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount < 0)
            throw new ArgumentOutOfRangeException(nameof(settings), settings.MaxTokenCount, $"The number of tokens ({settings.MaxTokenCount}) must not be negative.");
        ReadOnlySpan<char> span = text ?? textSpan;
        var tokens = new List<EncodedToken>();
        var ids = new List<int>();
        BytePairEncoder encoder = Rent();
        int consumed = 0;
        foreach (TextPart part in Parts(span))
        {
            if (part.Id is { } added)
            {
                if (tokens.Count >= settings.MaxTokenCount)
                    break;
                tokens.Add(new EncodedToken(added, _model.TokenOf(added)!, part.Start..part.End));
                consumed = part.End;
                continue;
            }

            bool prefixed = NeedsPrefix(span[part.Start..part.End]);
            ReadOnlySpan<char> content = prefixed ? " " + span[part.Start..part.End].ToString() : span[part.Start..part.End];
            int shift = part.Start - (prefixed ? 1 : 0);
            for (int start = 0, end; start < content.Length && tokens.Count < settings.MaxTokenCount; start = end)
            {
                end = settings.ConsiderPreTokenization ? Gpt2PreTokenizer.EndOfWord(content, start) : content.Length;
                ids.Clear();
                encoder.Begin(ids);
                encoder.MergeWord(content[start..end]);
                encoder.End();
                AddTokens(content, start, shift, part.Start, ids, tokens);
            }

            if (tokens.Count > settings.MaxTokenCount)
                break;
            consumed = tokens.Count == 0 ? consumed : Math.Max(consumed, tokens[^1].Offset.End.Value);
        }

        Return(encoder);
        if (tokens.Count > settings.MaxTokenCount)
        {
            // Back to where a token ends and the next one does not begin within its last character.
            int keep = settings.MaxTokenCount;
            while (keep > 0 && tokens[keep].Offset.Start.Value < tokens[keep - 1].Offset.End.Value)
                keep--;
            tokens.RemoveRange(keep, tokens.Count - keep);
            consumed = keep > 0 ? tokens[^1].Offset.End.Value : 0;
        }

        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = consumed };
    }

    private static void WriteWhole(string path, byte[] content)
    {
        // Beside it first, so that a reader never sees a part of it.
        string draft = path + ".tmp";
        try
        {
            using (var stream = new FileStream(draft, FileMode.Create, FileAccess.Write))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(draft, path, overwrite: true);
        }
        catch
        {
            File.Delete(draft);
            throw;
        }
    }

    private long Encode(ReadOnlySpan<char> text, List<int>? ids, bool cutWords)
    {
        BytePairEncoder encoder = Rent();
        encoder.Begin(ids);
        if (HasAddedTokens(text))
        {
            foreach (TextPart part in Parts(text))
            {
                if (part.Id is { } id)
                    encoder.Add(id);
                else
                    EncodePart(encoder, text[part.Start..part.End], cutWords);
            }
        }
        else if (!text.IsEmpty)
        {
            EncodePart(encoder, text, cutWords);
        }

        long count = encoder.End();
        Return(encoder);
        return count;
    }

    private void EncodePart(BytePairEncoder encoder, ReadOnlySpan<char> text, bool cutWords)
    {
        if (NeedsPrefix(text))
            text = " " + text.ToString();
        if (cutWords)
            encoder.EncodeText(text);
        else
            encoder.MergeWord(text);
    }

    private bool NeedsPrefix(ReadOnlySpan<char> text) => _model.AddPrefixSpace && text[0] != ' ';

    private bool HasAddedTokens(ReadOnlySpan<char> text) => (_first is not null && _first.IsIn(text)) || (_second is not null && _second.IsIn(text));

    private List<TextPart> Parts(ReadOnlySpan<char> text)
    {
        List<TextPart> parts = text.IsEmpty ? [] : [new TextPart(0, text.Length, null)];
        foreach (AddedTokenFinder? finder in (AddedTokenFinder?[])[_first, _second])
        {
            if (finder is null)
                continue;
            var finer = new List<TextPart>();
            foreach (TextPart part in parts)
            {
                if (part.Id is null)
                    finder.Split(text, part, finer);
                else
                    finer.Add(part);
            }

            parts = finer;
        }

        return parts;
    }

    /// <summary>Adds the tokens of one word, each with the characters that its bytes belong to.</summary>
    private void AddTokens(ReadOnlySpan<char> text, int start, int shift, int smallest, List<int> ids, List<EncodedToken> tokens)
    {
        int charAt = start, byteAt = 0;        // the character that the next byte belongs to, and the bytes before it
        (int charWidth, int byteWidth) = Width(text, charAt);
        int bytes = 0;
        foreach (int id in ids)
        {
            while (byteAt + byteWidth <= bytes)
                Advance(text);
            int from = charAt;
            bytes += _model.BytesOf(id).Length;
            while (byteAt + byteWidth < bytes)
                Advance(text);
            int to = charAt + charWidth;
            tokens.Add(new EncodedToken(id, _model.TokenOf(id)!, Math.Max(from + shift, smallest)..(to + shift)));
        }

        void Advance(ReadOnlySpan<char> text)
        {
            byteAt += byteWidth;
            charAt += charWidth;
            (charWidth, byteWidth) = Width(text, charAt);
        }
    }

    private static (int Chars, int Bytes) Width(ReadOnlySpan<char> text, int at)
    {
        Rune.DecodeFromUtf16(text[at..], out Rune rune, out int chars);   // a lone surrogate gives U+FFFD, as encoding does
        return (chars, rune.Utf8SequenceLength);
    }

    private BytePairEncoder Rent()
    {
        for (int i = 0; i < _idle.Length; i++)
        {
            if (_idle[i] is not null && Interlocked.Exchange(ref _idle[i], null) is { } encoder)
                return encoder;
        }

        return new BytePairEncoder(_model);
    }

    private void Return(BytePairEncoder encoder)
    {
        for (int i = 0; i < _idle.Length; i++)
        {
            if (Interlocked.CompareExchange(ref _idle[i], encoder, null) is null)
                return;
        }
    }
}
