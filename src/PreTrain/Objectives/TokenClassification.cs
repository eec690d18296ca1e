// B rows, T tokens, L tags
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Tell the tag of each word of a text, as of named entities (Devlin et al. 2019, section 5.3), with a model whose head is <see cref="ModelHead.TokenClassification"/>. The loss is the
/// cross entropy of the tag at the first token of each word; the other tokens do not count.
/// </summary>
public sealed class TokenClassification : ILabelledObjective
{
    private const string Task = "a tagging of words";

    private readonly TaggedTexts _texts;
    private readonly TextTokenizer _tokenizer;
    private readonly TokenClassificationOptions _options;
    private readonly LabelledRows _rows;

    /// <summary>Splits tagged texts.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="tokenizer">The model's tokenizer, which puts its special tokens around each text.</param>
    /// <param name="options">How to learn.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All texts would be held out.</exception>
    public TokenClassification(TaggedTexts texts, TextTokenizer tokenizer, TokenClassificationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_texts, _tokenizer, _options) = (texts, tokenizer, options ?? new());
        _options.Validate();
        var (train, validation) = texts.Split(_options.ValidationFraction);
        _rows = new(length => Cut(train, length), length => validation is null ? [] : Cut(validation, length), tokenizer.SpecialTokens.Padding ?? 0);
    }

    /// <inheritdoc/>
    public string Name => "token-classification";

    /// <inheritdoc/>
    public ModelHead Head => ModelHead.TokenClassification;

    /// <summary>The tokens that two rows of one text share, so that every word has some text around it.</summary>
    internal static int StrideOf(int length) => length / 4;

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["texts"] = _texts.Count,
        ["sha256"] = _texts.Fingerprint,
        ["tokenizer"] = _tokenizer.Fingerprint,
        ["contextLength"] = _options.ContextLength,
        ["validationFraction"] = _options.ValidationFraction,
        ["labelsAllPieces"] = _options.LabelsAllPieces,
    };

    /// <inheritdoc/>
    public int TrainingRows(ITransformerModel model) => _rows.Train(Limits(model).Length).Length;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head, other labels or too small a vocabulary or context, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null)
    {
        var (length, knowsTypes) = Limits(model);
        return _rows.Open(streams, length, knowsTypes, batchSize, state);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head, other labels or too small a vocabulary or context.</exception>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize)
    {
        var (length, knowsTypes) = Limits(model);
        return _rows.Evaluation(length, knowsTypes, batchSize);
    }

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        Tensor logits = model.Forward(input).Logits;   // (B, T, L)
        if (logits.ndim != 3 || logits.size(2) != _texts.Tags.Count)
            throw new ArgumentException($"The model's scores ({string.Join(", ", logits.shape)}) must be (B, T, {_texts.Tags.Count}), one for each tag.", nameof(model));
        return scope.MoveToOuter(CrossEntropy.Apply(logits.reshape(-1, _texts.Tags.Count), targets.reshape(-1), normalizer).to(ScalarType.Float32));
    }

    private (int Length, bool KnowsTypes) Limits(ITransformerModel model) =>
        HeadRules.Require(model, _tokenizer, Head, Task, _options.ContextLength, _texts.Tags.Count, _texts.Tags);

    private LabelledRow[] Cut(TaggedTexts texts, int length)
    {
        Func<int, int>? continued = _options.LabelsAllPieces ? tag => TagScheme.Continued(texts.Tags, tag) : null;
        return [.. texts.Examples.AsParallel().AsOrdered().SelectMany(example =>
        {
            TextWindow[] windows = TextWindow.Cut(_tokenizer, example.Text, null, length, StrideOf(length));
            return windows.Zip(WordPieces.Targets(windows, example.Words, example.Tags, continued), (window, targets) => new LabelledRow(window, targets));
        })];
    }
}
