// ViT: "An Image is Worth 16x16 Words" (Dosovitskiy et al. 2021), and "Masked Autoencoders Are Scalable Vision Learners" (He et al. 2022); references in
// PyTorch are transformers' models/vit/modeling_vit.py and models/vit_mae/modeling_vit_mae.py.
// B images, P patches of each, K of them visible, N rows (the class token and the patches of all images), C embedding
//
//   pixels ─► patches ─► map + position ─► (class token, patches) ─► [norm ─► attention ─► + ─► norm ─► feed-forward ─► +] × layers ─► norm ─► head
//
// A masked autoencoder's encoder sees the visible patches only; behind it, a narrower decoder sees them and a mask token in each other place.
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Vit;

/// <summary>A Vision Transformer with one of its heads; with <see cref="ModelHead.MaskedAutoencoder"/> it learns from images without labels. Hidden patches are not computed.</summary>
public sealed class VitModel : nn.Module, ITransformerModel, IWeightNames
{
    internal readonly Parameter class_token, position_embedding;
    internal readonly Projection patch_map;
    internal readonly VitStack encoder;
    internal readonly Projection? pooler, classifier;
    internal readonly Projection? decoder_map, prediction;
    internal readonly Parameter? mask_token, decoder_position_embedding;
    internal readonly VitStack? decoder;
    private readonly bool _pools;

    /// <summary>Creates a model with initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="head">What is computed from the last hidden states.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid, or ViT has no such head.</exception>
    public VitModel(VitConfig config, ModelHead head = ModelHead.ImageClassification, Generator? generator = null) : this(config, head, initialize: true, generator)
    {
    }

    /// <param name="config">The architecture.</param>
    /// <param name="head">The head.</param>
    /// <param name="initialize">Whether the values are set.</param>
    /// <param name="generator">Where they are drawn from.</param>
    /// <param name="pools">Without a pooler it is the encoder of contrastive pre-training, whose fixed positions and initial values are those of a masked autoencoder.</param>
    internal VitModel(VitConfig config, ModelHead head, bool initialize, Generator? generator = null, bool pools = true) : base(nameof(VitModel))
    {
        config.Validate(head);
        if (VitWeights.Architectures.All(a => a.Head != head))
            throw new ArgumentException($"A VitModel has no head {head}; it has {string.Join(", ", VitWeights.Architectures.Select(a => a.Head))}.", nameof(head));
        (Config, Head, _pools) = (config, head, pools);
        long c = config.EmbeddingDim, width = config.DecoderEmbeddingDim;
        bool masked = head == ModelHead.MaskedAutoencoder;
        class_token = Token(c);
        position_embedding = Positions(c);
        patch_map = new Projection(config.PatchDim, c);
        encoder = new VitStack(new(config.LayerCount, config.HeadCount, config.EmbeddingDim, config.InnerDim, config));
        if (head == ModelHead.None && pools) pooler = new Projection(c, c);
        if (head == ModelHead.ImageClassification) classifier = new Projection(c, config.LabelCount);
        if (masked)
        {
            decoder_map = new Projection(c, width);
            mask_token = Token(width);
            decoder_position_embedding = Positions(width);
            decoder = new VitStack(new(config.DecoderLayerCount, config.DecoderHeadCount, config.DecoderEmbeddingDim, config.DecoderInnerDim, config with { DropPath = 0 }));
            prediction = new Projection(width, config.PatchDim);
        }
        RegisterComponents();
        if (initialize) Initialize(_ => true, generator);

        Parameter Token(long columns) => new(empty([1, columns], dtype: ScalarType.Float32));

        Parameter Positions(long columns) => new(empty([config.PatchCount + 1, columns], dtype: ScalarType.Float32), requires_grad: !HasFixedPositions);
    }

    /// <summary>The architecture.</summary>
    public VitConfig Config { get; }

    /// <inheritdoc/>
    public string ModelType => VitWeights.ModelType(Head);

    /// <inheritdoc/>
    public ModelHead Head { get; }

    /// <inheritdoc/>
    public Device Device => class_token.device;

    /// <inheritdoc/>
    public bool RecomputeActivations { get; set; }

    /// <inheritdoc/>
    /// <remarks>The scores of an image are few, and always computed together.</remarks>
    public long MaxScoreBytes { get; set; } = ChunkedCrossEntropy.DefaultBytes;

    /// <summary>Whether positions are sines and cosines, and stay so.</summary>
    private bool HasFixedPositions => Head == ModelHead.MaskedAutoencoder || !_pools;

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it, be it of a ViT or of a masked autoencoder.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <param name="head">The head; null for the one that the folder was saved with. What the head needs and the folder lacks is initialized.</param>
    /// <param name="generator">Where the initial values of what is missing are drawn from.</param>
    /// <param name="options">What the head is to tell; null for what the folder says. A classifier of other labels is initialized.</param>
    /// <returns>The model, in evaluation mode as transformers gives it; <see cref="Training.Trainer"/> trains it all the same.</returns>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static VitModel FromPretrained(string folder, ModelHead? head = null, Generator? generator = null, HeadOptions? options = null)
    {
        ConfigReader json = ConfigReader.OfFolder(folder, options);
        ModelHead chosen = head ?? json.HeadOf(VitWeights.Architectures, ModelHead.None);
        VitConfig config = VitWeights.ToConfig(json, chosen);
        return PretrainedFolder.Load(folder, json, [.. VitWeights.Table(config, chosen)], VitWeights.IsIgnored, missing =>
        {
            var model = new VitModel(config, chosen, initialize: false);
            model.Initialize(missing.Contains, generator);
            return model;
        }, VitWeights.IsOfHead);
    }

    IEnumerable<WeightRow> IWeightNames.Weights => Weights;

    private IEnumerable<WeightRow> Weights => VitWeights.Table(Config, Head, _pools);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) =>
        PretrainedFolder.Save(this, Weights, ToConfigJson(), folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => PretrainedFolder.LoadInto(this, folder, [.. Weights], VitWeights.IsIgnored);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => VitWeights.ToConfigJson(Config, Head);

    /// <inheritdoc/>
    public ModelOutput Forward(ModelInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        var trace = new LayerTrace(input.WantHiddenStates, input.WantAttentions, input.WantValues);
        Tensor patches = Patches(VitInput.Pixels(input, Config, ModelType, Head));   // (B, P, channels·pixels)
        if (Head == ModelHead.MaskedAutoencoder) return ModelOutput.Leave(scope, Reconstruct(patches, input.MaskNoise, trace));
        long batch = patches.size(0);
        var sequences = PackedSequences.Full(batch, Config.PatchCount + 1);
        Tensor embedded = patch_map.forward(patches.flatten(0, 1)).view(batch, Config.PatchCount, -1) + position_embedding.narrow(0, 1, Config.PatchCount);
        Tensor rows = Encode(embedded, sequences, trace);
        Tensor first = rows.index_select(0, sequences.FirstRows(rows.device));                          // (B, C)
        Tensor? pooled = pooler is null ? null : tanh(pooler.forward(first));                           // (B, C)
        Tensor logits = classifier is null ? sequences.Unpack(rows) : classifier.forward(first);        // (B, 1 + P, C) or (B, labels)
        return ModelOutput.Leave(scope, new() { Logits = logits, Pooled = pooled, HiddenStates = trace.HiddenStates, Attentions = trace.Attentions, Values = trace.Values });
    }

    /// <summary>(B, patches, C) → the last hidden states of the class tokens and patches, normalized, (N, C).</summary>
    private Tensor Encode(Tensor embedded, PackedSequences sequences, LayerTrace trace)
    {
        Tensor start = (class_token + position_embedding.narrow(0, 0, 1)).expand(embedded.size(0), 1, -1);
        Tensor rows = cat([start, embedded], 1).flatten(0, 1);   // (N, C)
        if (training && Config.Dropout > 0) rows = CounterDropout.Apply(rows, Config.Dropout);
        return encoder.Forward(rows, sequences, trace, RecomputeActivations);
    }

    /// <summary>Hides patches and predicts their pixels (He et al. 2022, section 3).</summary>
    private ModelOutput Reconstruct(Tensor patches, Tensor? noise, LayerTrace trace)
    {
        long batch = patches.size(0), count = Config.PatchCount, visible = Config.VisibleCount;
        noise ??= rand([batch, count], device: patches.device);
        Tensor order = argsort(noise, 1), places = argsort(order, 1);                                              // (B, P): the patches as shuffled, and each one's place there
        Tensor firsts = arange(batch, dtype: ScalarType.Int64, device: patches.device).unsqueeze(1);               // (B, 1)
        Tensor kept = order.narrow(1, 0, visible);                                                                  // (B, K)
        Tensor embedded = patch_map.forward(patches.flatten(0, 1).index_select(0, (kept + firsts * count).flatten()))
            + position_embedding.index_select(0, (kept + 1).flatten());                                             // (B·K, C)
        Tensor latent = Encode(embedded.view(batch, visible, -1), PackedSequences.Full(batch, visible + 1), trace);   // (B·(1 + K), C)

        // What the decoder sees at each place: the row of the encoder's output, or behind all of them the mask token.
        Tensor hidden = places.ge(visible);                                                                         // (B, P)
        Tensor sources = where(hidden, full_like(places, batch * (visible + 1)), places + 1 + firsts * (visible + 1));
        Tensor table = cat([decoder_map!.forward(latent), mask_token!], 0);
        Tensor rows = table.index_select(0, cat([firsts * (visible + 1), sources], 1).flatten());                   // (B·(1 + P), decoder)
        rows = (rows.view(batch, count + 1, -1) + decoder_position_embedding!).flatten(0, 1);
        rows = decoder!.Forward(rows, PackedSequences.Full(batch, count + 1), new LayerTrace(false, false), RecomputeActivations);
        rows = rows.view(batch, count + 1, -1).narrow(1, 1, count).reshape(batch * count, -1);                      // (B·P, decoder)
        Tensor logits = prediction!.forward(rows).view(batch, count, -1);                                           // (B, P, pixels·channels)
        Tensor mask = hidden.to(ScalarType.Float32);
        return new()
        {
            Logits = logits,
            Mask = mask,
            Loss = ReconstructionLoss(logits, patches, mask),
            HiddenStates = trace.HiddenStates,
            Attentions = trace.Attentions,
            Values = trace.Values,
        };
    }

    /// <summary>The mean square over the hidden patches, in 32 bits (He et al. 2022, section 3, "Reconstruction target").</summary>
    private Tensor ReconstructionLoss(Tensor logits, Tensor patches, Tensor mask)
    {
        int pixels = Config.PatchSize * Config.PatchSize;
        // A patch is predicted pixel by pixel, each pixel's channels side by side.
        Tensor target = patches.to(ScalarType.Float32).view(patches.size(0), patches.size(1), Config.ChannelCount, pixels).transpose(2, 3).flatten(2);   // (B, P, pixels·channels)
        if (Config.NormalizesPixels)
            target = (target - target.mean([-1], keepdim: true)) / (target.var(-1, unbiased: true, keepdim: true) + 1e-6).sqrt();
        Tensor squares = (logits.to(ScalarType.Float32) - target).square().mean([-1]);   // (B, P)
        return (squares * mask).sum() / mask.sum();
    }

    /// <summary>(B, channels, height, width) → (B, P, channels·pixels), the patches row by row.</summary>
    private Tensor Patches(Tensor pixels)
    {
        long batch = pixels.size(0), grid = Config.GridSize, size = Config.PatchSize;
        return pixels.to(class_token.dtype).reshape(batch, Config.ChannelCount, grid, size, grid, size).permute(0, 2, 4, 1, 3, 5).reshape(batch, grid * grid, Config.PatchDim);
    }

    private void Initialize(Func<string, bool> chosen, Generator? generator)
    {
        InitialValues.Set(this, Config.InitializerRange, chosen, generator);
        if (!HasFixedPositions) return;
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (var (name, p) in named_parameters())
        {
            if (!chosen(name)) continue;
            if (name.EndsWith("position_embedding", StringComparison.Ordinal))
            {
                p.zero_();   // the class token's row stays so
                p.narrow(0, 1, Config.PatchCount).copy_(SinusoidalGrid.Create(Config.GridSize, Config.GridSize, (int)p.size(1)));
            }
            else if (p.ndim == 2 && !name.EndsWith("_token", StringComparison.Ordinal))
            {
                double bound = Math.Sqrt(6.0 / (p.size(0) + p.size(1)));   // He et al. 2022, appendix A.1, after Glorot and Bengio 2010
                p.uniform_(-bound, bound, generator);
            }
        }
    }
}
