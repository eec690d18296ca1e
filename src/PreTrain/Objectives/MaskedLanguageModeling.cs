using System.Security.Cryptography;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Predict hidden tokens from both sides (Devlin et al. 2019, section 3.1), hidden anew each time that a text comes (Liu et al. 2019, section 4.1). Rows are windows of a token
/// store that may hold the end of one document and the beginning of the next, as "full sentences" of Liu et al. 2019, section 4.2, or packed documents; the tokenizer's tokens stand
/// around each.
/// </summary>
public sealed class MaskedLanguageModeling : IObjective<IMaskedLanguageModel>
{
    private const int UnlimitedLength = 512;

    private readonly TokenStore _tokens;
    private readonly PackedText? _text;
    private readonly TokenWindows? _windows;
    private readonly PackedRows? _packed;
    private readonly MaskedLanguageModelingOptions _options;
    private readonly TokenMasker _masker;
    private readonly TextFrame _frame;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">How to mask.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer has no mask token, or another tokenizer made the store.</exception>
    /// <exception cref="CorpusException">The lexicon cannot be read.</exception>
    public MaskedLanguageModeling(TokenStore tokens, TextTokenizer tokenizer, MaskedLanguageModelingOptions? options = null)
        : this(tokenizer, tokens, options ?? new()) => _windows = new TokenWindows(tokens, _options.ValidationFraction);

    /// <summary>Splits the stores of a text.</summary>
    /// <param name="text">The documents and how they are packed; the tokens around each come on top of the contexts.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">How to mask.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer has no mask token, or another tokenizer made the stores.</exception>
    /// <exception cref="CorpusException">The lexicon cannot be read.</exception>
    public MaskedLanguageModeling(PackedText text, TextTokenizer tokenizer, MaskedLanguageModelingOptions? options = null)
        : this(tokenizer, (text ?? throw new ArgumentNullException(nameof(text))).Sources[0].Tokens, options ?? new()) =>
        (_text, _packed) = (text, new PackedRows(text, _options.ValidationFraction));

    private MaskedLanguageModeling(TextTokenizer tokenizer, TokenStore tokens, MaskedLanguageModelingOptions options)
    {
        DataRules.RequireTokenizer(tokens, tokenizer);
        (_options, _tokens) = (options, tokens);
        _masker = new TokenMasker(tokenizer, _options.Masking);
        _frame = TextFrame.Of(tokenizer);
    }

    /// <inheritdoc/>
    public string Name => "masked-lm";

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <inheritdoc/>
    public int ProcessCount => _text?.Options.RankCount ?? 1;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = _text is null ? DataRules.Describe(Name, _tokens, _options.ValidationFraction) : DataRules.Describe(Name, _text, _options.ValidationFraction);
        description["contextLength"] = _options.ContextLength;
        description["masking"] = Describe(_options.Masking);
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary or context is too small, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The store holds less than one row.</exception>
    public IBatchSource Open(RandomStreams streams, IMaskedLanguageModel model, int batchSize, JsonObject? state = null)
    {
        DataRules.RequireVocabulary(_tokens, model.VocabSize);
        return _packed?.Open(streams, state, TextLength(model), batchSize, Make) ?? _windows!.Open(streams, state, TextLength(model), batchSize, Make);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(IMaskedLanguageModel model, int batchSize) =>
        _packed?.Evaluation(TextLength(model), batchSize, Make) ?? _windows!.Evaluation(TextLength(model), batchSize, Make);

    /// <inheritdoc/>
    public Tensor Loss(IMaskedLanguageModel model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    internal static JsonObject Describe(MaskingOptions masking) => new()
    {
        ["unit"] = masking.Unit.ToString(),
        ["rate"] = masking.Rate,
        ["maskShare"] = masking.MaskShare,
        ["randomShare"] = masking.RandomShare,
        ["maxNGram"] = masking.MaxNGram,
        ["spanProbability"] = masking.SpanProbability,
        ["maxSpanLength"] = masking.MaxSpanLength,
        ["lexicon"] = masking.LexiconFile is { } file && masking.Unit == MaskingUnit.Entity ? Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))) : null,
    };

    private int TextLength(IMaskedLanguageModel model) => _frame.TextLength(DataRules.Length(_options.ContextLength, model.ContextLength, UnlimitedLength));

    private Batch Make(IReadOnlyList<PackedRow> rows) => Make([.. rows.Select(row => row.Inputs)], [.. rows.Select(row => row.Seed)]);

    private Batch Make(long[][] windows, ulong[] seeds)
    {
        long[][] inputs = [.. windows.Select(_frame.Around)];
        long[][] targets = [.. inputs.Select(row => new long[row.Length])];
        for (int row = 0; row < inputs.Length; row++) _masker.Mask(inputs[row], targets[row], seeds[row]);
        return RowBatch.Of(inputs, targets, _frame.Padding) with { Seed = unchecked((long)seeds[0]) };
    }
}
