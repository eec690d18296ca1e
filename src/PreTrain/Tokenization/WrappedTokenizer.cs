using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace PreTrain.Tokenization;

/// <summary>Any tokenizer of <c>Microsoft.ML.Tokenizers</c> as one that a model can be trained with. It encodes and decodes as that does. Safe for concurrent use if that is.</summary>
public sealed class WrappedTokenizer : TextTokenizer
{
    private readonly Tokenizer _inner;
    private readonly WrappedTokenizerOptions _options;
    private readonly Dictionary<int, string> _specials;

    /// <summary>Wraps a tokenizer.</summary>
    /// <param name="inner">The tokenizer.</param>
    /// <param name="options">What its base class cannot say.</param>
    /// <exception cref="ArgumentException">An option is not valid.</exception>
    public WrappedTokenizer(Tokenizer inner, WrappedTokenizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _inner = inner;
        _options = options;
        _specials = options.SpecialTokens.ToDictionary(entry => entry.Value, entry => entry.Key);
    }

    /// <inheritdoc/>
    public override Normalizer? Normalizer => _inner.Normalizer;

    /// <inheritdoc/>
    public override PreTokenizer? PreTokenizer => _inner.PreTokenizer;

    /// <inheritdoc/>
    public override int VocabSize => _options.VocabSize;

    /// <inheritdoc/>
    public override SpecialTokenIds SpecialTokens => _options.Roles;

    /// <inheritdoc/>
    public override int? EndOfTextId => _options.Roles.EndOfText;

    /// <summary>The SHA-256 of the name, the number of tokens and how they decode.</summary>
    public override string Fingerprint
    {
        get
        {
            var text = new StringBuilder(_options.Name).Append('\n').Append(VocabSize).Append('\n');
            for (int id = 0; id < VocabSize; id++)
                text.Append(IdToToken(id)).Append('\n');
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }

    /// <summary>The text of a token; <see langword="null"/> if it stands for none.</summary>
    public override string? IdToToken(int id)
    {
        if ((uint)id >= (uint)VocabSize)
            return null;
        return _specials.TryGetValue(id, out string? special) ? special : _inner.Decode([id]);
    }

    /// <summary>The id of a special token, or of a text that is one token.</summary>
    public override int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (_options.SpecialTokens.TryGetValue(token, out int special))
            return special;
        return _inner.EncodeToIds(token) is [int id] ? id : null;
    }

    /// <inheritdoc/>
    public override bool IsSpecial(int id) => _specials.ContainsKey(id);

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> GetTokenBytes(int id, bool isFirst) =>
        Encoding.UTF8.GetBytes(IdToToken(id) ?? throw new ArgumentOutOfRangeException(nameof(id), id, $"The id {id} stands for no token; this vocabulary has the ids 0 to {VocabSize - 1}."));

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ids.AddRange(_inner.EncodeToIds(text));
    }

    /// <summary>False: see <see cref="Save"/>.</summary>
    public override bool CanSave => false;

    /// <summary>Not possible: the base class of the tokenizer cannot be written.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void Save(string folder) =>
        throw new NotSupportedException($"A tokenizer of type {_inner.GetType().Name} cannot be written as tokenizer.json; copy the files that it was made from.");

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids) => _inner.Decode(ids);

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten) =>
        _inner.Decode(ids, destination, out idsConsumed, out charsWritten);

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ReadOnlySpan<char> span = text ?? textSpan;
        IReadOnlyList<EncodedToken> tokens = _inner.EncodeToTokens(span, out string? normalized, settings.ConsiderPreTokenization, settings.ConsiderNormalization);
        int consumed = normalized?.Length ?? span.Length;
        if (tokens.Count > settings.MaxTokenCount)
        {
            tokens = [.. tokens.Take(settings.MaxTokenCount)];
            consumed = tokens.Count == 0 ? 0 : tokens[^1].Offset.End.Value;
        }

        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = normalized, CharsConsumed = consumed };
    }
}
