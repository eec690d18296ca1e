using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016) over characters or bytes, with all that Hugging Face's <c>BPE</c> knows: unknown characters,
/// byte fallback, a prefix inside words, a suffix at their end, whole words first, dropout. It takes n log n steps at most.
/// </summary>
internal sealed class BpeModel : ISamplingTokenModel
{
    private const int ShortLength = 64;   // symbols
    private readonly BpeAlphabet _alphabet;
    private readonly int[] _fallbackIds = new int[256];   // of <0x00> and so on
    private readonly int? _unknownId;
    private long _draws;

    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges in the order of their rank; of two with the same pair the later counts.</param>
    /// <param name="settings">What it does besides.</param>
    /// <exception cref="ArgumentException">The settings do not fit together.</exception>
    public BpeModel(TokenVocabulary vocabulary, IReadOnlyList<Merge> merges, BpeSettings settings)
    {
        if (settings.ByteLevel && settings.ByteFallback)
            throw new ArgumentException("ByteLevel and ByteFallback exclude each other: a byte-level vocabulary has no unknown bytes.", nameof(settings));
        if (!(settings.Dropout >= 0 && settings.Dropout <= 1))
            throw new ArgumentException($"Dropout ({settings.Dropout}) must be from 0 to 1.", nameof(settings));
        Vocabulary = vocabulary;
        Settings = settings;
        Merges = new MergeTable(merges is List<Merge> list ? CollectionsMarshal.AsSpan(list) : [.. merges]);
        // Of two of one pair the earlier has no effect, and is not kept.
        MergeList = Merges.HasDuplicates ? [.. merges.Reverse().DistinctBy(merge => (merge.Left, merge.Right)).Reverse()] : merges;
        _alphabet = new BpeAlphabet(vocabulary, settings.ContinuingPrefix ?? "", settings.EndOfWordSuffix ?? "");
        _unknownId = settings.UnknownToken is null ? null : vocabulary.IdOf(settings.UnknownToken);
        for (int b = 0; b < 256; b++)
            _fallbackIds[b] = vocabulary.IdOf(FallbackToken((byte)b)) ?? BpeAlphabet.Missing;
    }

    public TokenVocabulary Vocabulary { get; }

    /// <summary>The merges in the order of their rank.</summary>
    public IReadOnlyList<Merge> MergeList { get; }

    /// <summary>The same, for look-ups.</summary>
    public MergeTable Merges { get; }

    public BpeSettings Settings { get; }

    /// <inheritdoc/>
    public int Size => Vocabulary.Size;

    /// <summary>How byte fallback spells a byte.</summary>
    public static string FallbackToken(byte b) => string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>");

    /// <summary>Turns the tokens of a merge into ids.</summary>
    /// <exception cref="ArgumentException">The vocabulary lacks one of the two, or what they become.</exception>
    public static Merge Resolve(TokenVocabulary vocabulary, string left, string right, string? continuingPrefix = null)
    {
        ReadOnlySpan<char> rest = right.AsSpan(Math.Min(continuingPrefix?.Length ?? 0, right.Length));
        return new Merge(Id(left), Id(right), Id(string.Concat(left, rest)));

        int Id(string token) => vocabulary.IdOf(token)
            ?? throw new ArgumentException($"The merge of '{left}' and '{right}' needs the token '{token}', which the vocabulary lacks.");
    }

    /// <inheritdoc/>
    public string? TokenOf(int id) => Vocabulary.TokenOf(id);

    /// <inheritdoc/>
    public int? IdOf(string token) => Vocabulary.IdOf(token);

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> piece, TokenBuffer output)
    {
        if (piece.IsEmpty)
            return;
        if (Settings.Dropout > 0)
        {
            Merge(piece, output, Settings.Dropout, new SampleStream((ulong)Interlocked.Increment(ref _draws) * 0x9E3779B97F4A7C15));
            return;
        }

        if (piece.Length > WordCache.LongestWord)
        {
            EncodeWord(piece, output);
            return;
        }

        WordCache cache = output.CacheOf(this);
        if (cache.TryGet(piece, output))
            return;
        int before = output.Count;
        EncodeWord(piece, output);
        cache.Keep(piece, output, before);
    }

    /// <inheritdoc/>
    public void Sample(ReadOnlySpan<char> piece, TokenBuffer output, SubwordSamplingOptions options, SampleStream random)
    {
        if (piece.IsEmpty)
            return;
        if (options.Dropout > 0)
            Merge(piece, output, options.Dropout, random);
        else
            EncodeWord(piece, output);
    }

    private void EncodeWord(ReadOnlySpan<char> piece, TokenBuffer output)
    {
        if (Settings.IgnoreMerges && TryFindWhole(piece, out int id))
            output.Add(id, 0, piece.Length);
        else
            Merge(piece, output, 0, null);
    }

    /// <summary>The token that a piece is as a whole.</summary>
    public bool TryFindWhole(ReadOnlySpan<char> piece, out int id)
    {
        if (!Settings.ByteLevel)
            return Vocabulary.TryFind(piece, out id);
        int count = Encoding.UTF8.GetByteCount(piece);
        if (count > ShortLength * 3)
            return Vocabulary.TryFind(ByteAlphabet.Spell(Encoding.UTF8.GetBytes(piece.ToArray())), out id);
        Span<byte> bytes = stackalloc byte[count];
        Encoding.UTF8.GetBytes(piece, bytes);
        Span<char> spelled = stackalloc char[count];
        for (int i = 0; i < count; i++)
            spelled[i] = ByteAlphabet.ToChar(bytes[i]);
        return Vocabulary.TryFind(spelled, out id);
    }

    private void Merge(ReadOnlySpan<char> piece, TokenBuffer output, double dropout, SampleStream? random)
    {
        // One symbol more than bytes is never needed: each comes from one byte at least, but for the affixes of a fallback.
        int room = checked(piece.Length * 3 + (Settings.ByteFallback ? AffixBytes(piece.Length) : 0));
        byte[]? rentedBytes = null;
        int[]? rented = null;
        Span<byte> bytes = room <= ShortLength ? stackalloc byte[ShortLength] : rentedBytes = ArrayPool<byte>.Shared.Rent(room);
        bytes = bytes[..Encoding.UTF8.GetBytes(piece, bytes)];
        Span<int> both = room <= ShortLength ? stackalloc int[2 * ShortLength] : rented = ArrayPool<int>.Shared.Rent(checked(2 * room));
        Span<int> symbols = both[..(both.Length / 2)];
        Span<int> starts = both[(both.Length / 2)..];
        int count = Settings.ByteLevel ? ReadBytes(bytes, symbols, starts, out int end) : ReadCharacters(bytes, symbols, starts, out end);
        symbols = symbols[..count];
        starts = starts[..count];
        count = random is null
            ? SymbolMerger.Merge(Merges, symbols, starts)
            : SymbolMerger.MergeAtRandom(Merges, symbols, starts, dropout, random);
        var places = new PlaceReader(bytes, piece.Length);
        for (int i = 0; i < count; i++)
            output.Add(symbols[i], places.StartOf(starts[i]), places.EndOf(i + 1 < count ? starts[i + 1] : end));
        if (rented is not null)
            ArrayPool<int>.Shared.Return(rented);
        if (rentedBytes is not null)
            ArrayPool<byte>.Shared.Return(rentedBytes);
    }

    private int AffixBytes(int length) =>
        Encoding.UTF8.GetByteCount(Settings.ContinuingPrefix ?? "") * length + Encoding.UTF8.GetByteCount(Settings.EndOfWordSuffix ?? "");

    private int ReadBytes(ReadOnlySpan<byte> bytes, Span<int> symbols, Span<int> starts, out int end)
    {
        var writer = new SymbolWriter(this, symbols, starts);
        for (int i = 0; i < bytes.Length; i++)
        {
            int id = _alphabet.Find(ByteAlphabet.ToChar(bytes[i]), i == 0, i + 1 == bytes.Length);
            if (id != BpeAlphabet.Missing)
                writer.AddKnown(id, 1);
            else
                writer.AddUnknown(1);
        }

        return writer.End(out end);
    }

    private int ReadCharacters(ReadOnlySpan<byte> bytes, Span<int> symbols, Span<int> starts, out int end)
    {
        var writer = new SymbolWriter(this, symbols, starts);
        for (int at = 0, width; at < bytes.Length; at += width)
        {
            Rune.DecodeFromUtf8(bytes[at..], out Rune rune, out width);
            bool isFirst = at == 0, isLast = at + width == bytes.Length;
            int id = _alphabet.Find(rune.Value, isFirst, isLast);
            if (id != BpeAlphabet.Missing)
                writer.AddKnown(id, width);
            else if (!Settings.ByteFallback || !TryFallBack(ref writer, bytes.Slice(at, width), isFirst, isLast))
                writer.AddUnknown(width);
        }

        return writer.End(out end);
    }

    private bool TryFallBack(ref SymbolWriter writer, ReadOnlySpan<byte> character, bool isFirst, bool isLast)
    {
        string prefix = isFirst ? "" : Settings.ContinuingPrefix ?? "", suffix = isLast ? Settings.EndOfWordSuffix ?? "" : "";
        byte[]? affixed = prefix.Length + suffix.Length == 0 ? null : [.. Encoding.UTF8.GetBytes(prefix), .. character, .. Encoding.UTF8.GetBytes(suffix)];
        ReadOnlySpan<byte> all = affixed ?? character;
        foreach (byte b in all)
        {
            if (_fallbackIds[b] == BpeAlphabet.Missing)
                return false;
        }

        foreach (byte b in all)
            writer.Add(_fallbackIds[b], 1);
        return true;
    }

    /// <summary>
    /// Writes symbols side by side. An unknown character waits until the next known one, as in Hugging Face's tokenizers, so that the bytes of
    /// a fallback come before it; and one that vanishes leaves no gap in the places.
    /// </summary>
    private ref struct SymbolWriter(BpeModel model, Span<int> symbols, Span<int> starts)
    {
        private readonly Span<int> _symbols = symbols;
        private readonly Span<int> _starts = starts;
        private int _count;
        private int _at;        // in bytes
        private int _unknown;   // the length of the unknown that waits

        public void Add(int id, int length)
        {
            (_symbols[_count], _starts[_count]) = (id, _at);
            _count++;
            _at += length;
        }

        public void AddKnown(int id, int length)
        {
            if (_unknown > 0)
                Flush();
            Add(id, length);
        }

        public void AddUnknown(int length)
        {
            if (model.Settings.UnknownToken is null)
                return;
            if (_unknown > 0 && !model.Settings.FuseUnknown)
                Flush();
            _unknown += length;
        }

        public int End(out int end)
        {
            if (_unknown > 0)
                Flush();
            end = _at;
            return _count;
        }

        private void Flush()
        {
            Add(
                model._unknownId ?? throw new InvalidOperationException($"A character is not in the vocabulary, and neither is the unknown token '{model.Settings.UnknownToken}'; add it to the vocabulary."),
                _unknown);
            _unknown = 0;
        }
    }
}
