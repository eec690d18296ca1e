// "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks" (Reimers and Gurevych 2019), section 3.
// B texts, T tokens, C embedding
using System.Text.Json.Nodes;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>
/// A model without head whose hidden states are pooled: one vector for each text. It is trained as any model, and saved as a Hugging Face folder with the files beside it by which the library
/// sentence-transformers knows it.
/// </summary>
public sealed class SentenceEncoder : nn.Module, IPretrainedModel
{
    private const string ModelName = "model";
    private const int UnlimitedLength = 512;

    private readonly nn.Module _module;
    private readonly bool _knowsTypes;

    /// <summary>Pools a model.</summary>
    /// <param name="model">A model of the head <see cref="ModelHead.None"/>; it is disposed with this.</param>
    /// <param name="options">How its states are pooled.</param>
    /// <exception cref="ArgumentException">The model has another head or reads no text, or an option is out of range.</exception>
    public SentenceEncoder(ITransformerModel model, SentenceEncoderOptions? options = null) : base(nameof(SentenceEncoder))
    {
        ArgumentNullException.ThrowIfNull(model);
        (Model, Options) = (model, options ?? new());
        if (model.Head != ModelHead.None) throw new ArgumentException($"The model's head is {model.Head}, and a sentence encoder pools hidden states. Load the model with {nameof(ModelHead)}.{nameof(ModelHead.None)}.", nameof(model));
        _module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        (VocabSize, int context) = model switch
        {
            IMaskedLanguageModel encoder => (encoder.VocabSize, encoder.ContextLength),
            ITokenPredictor decoder => (decoder.VocabSize, decoder.ContextLength),
            _ => throw new ArgumentException($"A {model.ModelType} model reads no text.", nameof(model)),
        };
        if (!Enum.IsDefined(Options.Pooling)) throw new ArgumentException($"Pooling ({(int)Options.Pooling}) must be Mean, First, Max or Last.", nameof(options));
        if (Options.DefaultPrompt is { } prompt && !Options.Prompts.ContainsKey(prompt)) throw new ArgumentException($"DefaultPrompt ({prompt}) must be the name of one of the Prompts ({string.Join(", ", Options.Prompts.Keys)}).", nameof(options));
        if (Options.MaxLength is { } asked && (asked < 2 || asked > context)) throw new ArgumentException($"MaxLength ({asked}) must be at least 2 and at most the model's context ({context}).", nameof(options));
        MaxLength = Options.MaxLength ?? (context == int.MaxValue ? UnlimitedLength : context);
        _knowsTypes = new ConfigReader(model.ToConfigJson(), "config.json").Whole("type_vocab_size", 1) > 1;
        register_module(ModelName, _module);
        train(_module.training);
    }

    /// <summary>The model.</summary>
    public ITransformerModel Model { get; }

    /// <summary>How its states are pooled.</summary>
    public SentenceEncoderOptions Options { get; }

    /// <summary>The number of different tokens.</summary>
    public int VocabSize { get; }

    /// <summary>The longest text, in tokens.</summary>
    public int MaxLength { get; }

    /// <summary>The device of the weights.</summary>
    public Device Device => Model.Device;

    /// <summary>Loads a folder: a sentence encoder as it was saved here or by sentence-transformers, or any model that reads text.</summary>
    /// <param name="folder">Holds <c>config.json</c> and the weights.</param>
    /// <param name="options">How to pool; null for what the folder says, and where it says nothing the defaults.</param>
    /// <returns>The encoder, in evaluation mode.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit.</exception>
    /// <exception cref="ArgumentException">The model reads no text, or an option is out of range.</exception>
    public static SentenceEncoder FromPretrained(string folder, SentenceEncoderOptions? options = null)
    {
        options ??= SentenceEncoderOptions.FromFolder(folder);
        return new(AutoModel.FromPretrained(folder, ModelHead.None), options);
    }

    /// <summary>The vectors of texts.</summary>
    /// <param name="input">Their tokens; those that are there stand at the left.</param>
    /// <returns>(B, C) in 32 bits.</returns>
    public Tensor Forward(ModelInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        using DisposeScope scope = NewDisposeScope();
        Tensor pooled = Pool(Model, input, Options.Pooling);
        return scope.MoveToOuter(Options.Normalizes ? Normalize(pooled) : pooled);
    }

    /// <summary>Pools the hidden states of a model without head.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The texts' tokens; those that are there stand at the left.</param>
    /// <param name="pooling">What becomes of the tokens' states.</param>
    /// <returns>(B, C) in 32 bits.</returns>
    public static Tensor Pool(ITransformerModel model, ModelInput input, SentencePooling pooling)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        using DisposeScope scope = NewDisposeScope();
        Tensor states = model.Forward(input).Logits.to(ScalarType.Float32);   // (B, T, C), 0 where there is no token
        Tensor mask = input.AttentionMask ?? ones_like(input.Ids!), lengths = mask.sum([1]);   // (B, T), (B)
        return scope.MoveToOuter(pooling switch
        {
            SentencePooling.Mean => states.sum([1]) / lengths.unsqueeze(1),
            SentencePooling.First => states[.., 0],
            SentencePooling.Max => states.masked_fill(mask.eq(0).unsqueeze(2), float.NegativeInfinity).amax(1L),
            SentencePooling.Last => states[arange(states.size(0), device: states.device), lengths - 1],
            _ => throw new ArgumentOutOfRangeException(nameof(pooling), pooling, "The pooling must be Mean, First, Max or Last."),
        });   // (B, C)
    }

    /// <summary>Divides vectors by their lengths; what has no length stays 0.</summary>
    /// <param name="vectors">(B, C).</param>
    /// <returns>(B, C).</returns>
    public static Tensor Normalize(Tensor vectors)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(vectors / vectors.norm(1, keepdim: true, p: 2f).clamp_min(1e-12));
    }

    /// <summary>The vectors of texts, without dropout and gradients.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="texts">The texts; what is longer than <see cref="MaxLength"/> is cut.</param>
    /// <param name="batchSize">Texts that are computed together; those of like length are.</param>
    /// <param name="cancellationToken">Ends the computing.</param>
    /// <returns>A vector for each text, in their order.</returns>
    /// <exception cref="ArgumentException">A text has no token.</exception>
    public IReadOnlyList<float[]> Embed(TextTokenizer tokenizer, IReadOnlyList<string> texts, int batchSize = 32, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        bool wasTraining = training;
        eval();
        try
        {
            using IDisposable mode = no_grad();
            float[][] vectors = new float[texts.Count][];
            foreach (int[] some in Enumerable.Range(0, texts.Count).OrderBy(i => texts[i].Length).Chunk(batchSize))
            {
                cancellationToken.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                using TokenBatch rows = Tokenize(tokenizer, [.. some.Select(i => Options.WithPrompt(texts[i]))]);
                Tensor Rows(Memory<long> values) => tensor(values.ToArray(), [rows.RowCount, rows.Length], device: Device);
                float[] all = Forward(new() { Ids = Rows(rows.Ids), AttentionMask = Rows(rows.AttentionMask), TokenTypeIds = _knowsTypes ? Rows(rows.TypeIds) : null }).cpu().contiguous().data<float>().ToArray();
                int width = all.Length / some.Length;
                for (int row = 0; row < some.Length; row++) vectors[some[row]] = all[(row * width)..((row + 1) * width)];
            }
            return vectors;
        }
        finally
        {
            train(wasTraining);
        }
    }

    /// <summary>The tokens of texts as rows, each with at least one.</summary>
    internal TokenBatch Tokenize(TextTokenizer tokenizer, IReadOnlyList<string> texts)
    {
        TokenBatch rows = tokenizer.TokenizeBatch([.. texts.Select(Options.Prepare)], options: new() { Truncation = new() { MaxLength = MaxLength }, Padding = new() });
        for (int row = 0; row < rows.RowCount; row++)
        {
            if (rows.AttentionMask.Span[row * rows.Length] == 0) throw new ArgumentException($"The text '{texts[row]}' has no token, and there is nothing to pool.", nameof(texts));
        }
        return rows;
    }

    /// <summary>Whether the model tells segments apart.</summary>
    internal bool KnowsTypes => _knowsTypes;

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new() { ["model"] = Model.ToConfigJson(), ["pooling"] = Options.Pooling.ToString(), ["normalizes"] = Options.Normalizes, ["maxLength"] = Options.MaxLength };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        const string Prefix = ModelName + ".";
        Model.SavePretrained(folder, weights?.Where(w => w.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(w => w.Key[Prefix.Length..], w => w.Value));
        SavePooling(folder);
    }

    /// <summary>Writes the files of sentence-transformers without the model, such as beside an adapter of it.</summary>
    /// <param name="folder">Created where it is missing.</param>
    public void SavePooling(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        SentenceFolder.Write(folder, Options, Width());
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => Model.LoadPretrained(folder);

    /// <summary>C: that of the states of one token, since every family calls it otherwise.</summary>
    private int Width()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        bool wasTraining = training;
        eval();
        long width = Model.Forward(new() { Ids = zeros([1, 1], dtype: ScalarType.Int64, device: Device) }).Logits.size(-1);
        train(wasTraining);
        return (int)width;
    }
}
