// B rows, T tokens, V vocabulary
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Say in a conversation what the model should have said: the supervised tuning of assistants (Ouyang et al. 2022, section 3.5), where the loss counts the model's own tokens alone, with
/// those that end its answers. The rest of the conversation, as the template writes it, is read and not learned.
/// </summary>
public sealed class ChatTuning : IObjective<ICausalLanguageModel>
{
    private const int UnlimitedLength = 1024;

    private readonly Conversations _conversations, _train;
    private readonly Conversations? _validation;
    private readonly TextTokenizer _tokenizer;
    private readonly ChatTemplate _template;
    private readonly ChatTuningOptions _options;
    private readonly Lazy<ChatTokens[]> _trainTokens, _validationTokens;
    private (int Length, AnswerRows? Rows)? _heldOut;   // made once for all evaluations

    /// <summary>Splits conversations.</summary>
    /// <param name="conversations">The conversations.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">How the model is shown a conversation.</param>
    /// <param name="options">How to learn.</param>
    /// <exception cref="ArgumentOutOfRangeException">The held-out share is out of range.</exception>
    /// <exception cref="CorpusException">All conversations would be held out.</exception>
    public ChatTuning(Conversations conversations, TextTokenizer tokenizer, ChatTemplate template, ChatTuningOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(conversations);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        (_conversations, _tokenizer, _template, _options) = (conversations, tokenizer, template, options ?? new());
        (_train, _validation) = conversations.Split(_options.ValidationFraction);
        (_trainTokens, _validationTokens) = (new(() => Encode(_train)), new(() => _validation is null ? [] : Encode(_validation)));
    }

    /// <inheritdoc/>
    public string Name => "chat";

    /// <inheritdoc/>
    public bool IsTokenPrediction => true;

    /// <summary>The conversations that are held out; null where none are.</summary>
    public Conversations? Validation => _validation;

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["conversations"] = _conversations.Count,
        ["sha256"] = _conversations.Fingerprint,
        ["tokenizer"] = _tokenizer.Fingerprint,
        ["template"] = _template.Fingerprint,
        ["contextLength"] = _options.ContextLength,
        ["packs"] = _options.Packs,
        ["validationFraction"] = _options.ValidationFraction,
    };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model's vocabulary or context is too small, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">The template refuses a conversation, or no answer fits into a row.</exception>
    public IBatchSource Open(RandomStreams streams, ICausalLanguageModel model, int batchSize, JsonObject? state = null)
    {
        int length = Length(model);
        HeldOut(length);   // what is wrong with it is known before the first step
        return AnswerRows.Of(_trainTokens.Value, length, _options.Packs, Padding).Open(streams, state, batchSize);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ICausalLanguageModel model, int batchSize) => HeldOut(Length(model))?.All(batchSize) ?? [];

    /// <summary>How many conversations are longer than the longest row, those that are held out among them.</summary>
    /// <param name="model">The model to be trained, whose context decides how long that is.</param>
    /// <returns>Those whose end is cut off, and those that are left out because no answer begins before it.</returns>
    /// <exception cref="ArgumentException">The model's vocabulary or context is too small.</exception>
    /// <exception cref="CorpusException">The template refuses a conversation.</exception>
    public (int Cut, int LeftOut) Shortened(ICausalLanguageModel model)
    {
        int length = Length(model);
        return AnswerRows.Shortened([.. _trainTokens.Value, .. _validationTokens.Value], length);
    }

    /// <inheritdoc/>
    public Tensor Loss(ICausalLanguageModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        return scope.MoveToOuter(model.Loss(input, targets, normalizer));
    }

    private long Padding => _tokenizer.SpecialTokens.Padding ?? 0;

    private AnswerRows? HeldOut(int length)
    {
        if (_heldOut is not { } known || known.Length != length)
            _heldOut = known = (length, AnswerRows.OfFitting(_validationTokens.Value, length, _options.Packs, Padding));
        return known.Rows;
    }

    private int Length(ICausalLanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.VocabSize < _tokenizer.VocabSize)
            throw new ArgumentException($"The tokenizer's vocabulary ({_tokenizer.VocabSize}) exceeds the model's ({model.VocabSize}). Use the model's tokenizer.", nameof(model));
        return DataRules.Length(_options.ContextLength, model.ContextLength, UnlimitedLength);
    }

    private ChatTokens[] Encode(Conversations conversations)
    {
        var tokens = new ChatTokens[conversations.Count];
        for (int i = 0; i < tokens.Length; i++)
        {
            try
            {
                tokens[i] = _template.Encode(_tokenizer, conversations.Examples[i].Messages);
            }
            catch (ArgumentException fault)
            {
                throw new CorpusException($"The conversation that begins with '{Beginning(conversations.Examples[i])}' cannot be learned from. {fault.Message}", null, fault);
            }
        }
        return tokens;
    }

    private static string Beginning(Conversation conversation) => conversation.Messages[0].Content is { Length: > 40 } text ? text[..39] + "…" : conversation.Messages[0].Content;
}
