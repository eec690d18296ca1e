using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Torch;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>What a model of whatever family was pre-trained for: to predict the next token, hidden tokens, or what a text has lost.</summary>
public static class AutoObjective
{
    private const double DenoisingRate = 0.3;

    /// <summary>The objective's name for a model: <c>causal-lm</c>, <c>masked-lm</c> or <c>sequence-to-sequence</c>.</summary>
    /// <param name="model">A model whose head predicts tokens.</param>
    /// <exception cref="ArgumentException">Its head predicts none.</exception>
    public static string NameFor(ITransformerModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model switch
        {
            ISequenceToSequenceModel when model.Head == ModelHead.SequenceToSequence => "sequence-to-sequence",
            ICausalLanguageModel when model.Head == ModelHead.CausalLanguageModel => "causal-lm",
            IMaskedLanguageModel when model.Head is ModelHead.MaskedLanguageModel or ModelHead.PreTraining => "masked-lm",
            _ => throw new ArgumentException($"A {model.ModelType} model with the head {model.Head} predicts no tokens; load it with a head that does.", nameof(model)),
        };
    }

    /// <summary>What a model that reads and writes learns where nobody chooses: T5's spans where the tokenizer has sentinels, BART's whole text where it has a mask, and else the rest of a text.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    public static WritingObjective WritingFor(TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return SpanCorruption.HasSentinels(tokenizer) ? WritingObjective.SpanCorruption
            : tokenizer.SpecialTokens.Mask is not null ? WritingObjective.Denoising
            : WritingObjective.PrefixLanguageModel;
    }

    /// <summary>The objective of a model on a text.</summary>
    /// <param name="model">A model whose head predicts tokens.</param>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">What is hidden, and what is held out.</param>
    /// <exception cref="ArgumentException">The head predicts no tokens, an option is out of range, or another tokenizer made the store.</exception>
    public static IObjective<ITransformerModel> Create(ITransformerModel model, TokenStore tokens, TextTokenizer tokenizer, AutoObjectiveOptions? options = null)
    {
        options ??= new();
        switch (NameFor(model))
        {
            case "causal-lm":
                DataRules.RequireTokenizer(tokens, tokenizer);
                return new Adapter<ICausalLanguageModel>(new CausalLanguageModeling(tokens, options.ValidationFraction) { ContextLength = options.ContextLength });
            case "masked-lm":
                return new Adapter<IMaskedLanguageModel>(new MaskedLanguageModeling(tokens, tokenizer, Masked(options)));
            default:
                ISequenceCorruption corruption = (options.Writing ?? WritingFor(tokenizer)) switch
                {
                    WritingObjective.SpanCorruption => new SpanCorruption(tokenizer, new() { Rate = options.Masking?.Rate ?? new SpanCorruptionOptions().Rate, MeanSpanLength = options.MeanSpanLength }),
                    WritingObjective.Denoising => new Denoising(tokenizer, new() { InfillingRate = options.Masking?.Rate ?? DenoisingRate, MeanSpanLength = options.MeanSpanLength }),
                    WritingObjective.PrefixLanguageModel => new PrefixSplit(),
                    var other => throw new ArgumentException($"{nameof(options.Writing)} ({other}) must be {string.Join(", ", Enum.GetNames<WritingObjective>())}.", nameof(options)),
                };
                return new Adapter<ISequenceToSequenceModel>(new SequenceDenoising(tokens, tokenizer, corruption, new() { ContextLength = options.ContextLength, ValidationFraction = options.ValidationFraction }));
        }
    }

    /// <summary>The objective of a model on documents that are packed.</summary>
    /// <param name="model">A model that predicts the next token or hidden ones.</param>
    /// <param name="text">The documents and how they are packed.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">What is hidden, and what is held out.</param>
    /// <exception cref="ArgumentException">The model is of another kind, an option is out of range, or another tokenizer made the stores.</exception>
    public static IObjective<ITransformerModel> Create(ITransformerModel model, PackedText text, TextTokenizer tokenizer, AutoObjectiveOptions? options = null)
    {
        options ??= new();
        return NameFor(model) switch
        {
            "causal-lm" => new Adapter<ICausalLanguageModel>(new CausalLanguageModeling(text, options.ValidationFraction) { ContextLength = options.ContextLength }),
            "masked-lm" => new Adapter<IMaskedLanguageModel>(new MaskedLanguageModeling(text, tokenizer, Masked(options))),
            _ => throw new ArgumentException($"A {model.ModelType} model reads windows of a token store; it takes no packed documents.", nameof(model)),
        };
    }

    private static MaskedLanguageModelingOptions Masked(AutoObjectiveOptions options) =>
        new() { Masking = options.Masking ?? new(), ContextLength = options.ContextLength, ValidationFraction = options.ValidationFraction };

    /// <summary>An objective of one kind of models for a model that is known to be one.</summary>
    private sealed class Adapter<TModel>(IObjective<TModel> objective) : IObjective<ITransformerModel> where TModel : class
    {
        public string Name => objective.Name;

        public bool CanSplit => objective.CanSplit;

        public bool IsTokenPrediction => objective.IsTokenPrediction;

        public int ProcessCount => objective.ProcessCount;

        public JsonObject Describe() => objective.Describe();

        public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null) => objective.Open(streams, Of(model), batchSize, state);

        public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize) => objective.Evaluation(Of(model), batchSize);

        public Tensor Loss(ITransformerModel model, Batch batch, double normalizer) => objective.Loss(Of(model), batch, normalizer);

        private TModel Of(ITransformerModel model) =>
            model as TModel ?? throw new ArgumentException($"A {model.ModelType} model does not learn {Name}; make the objective for this model.", nameof(model));
    }
}
