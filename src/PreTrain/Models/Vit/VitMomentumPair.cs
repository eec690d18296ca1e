// "An Empirical Study of Training Self-Supervised Vision Transformers" (Chen, Xie and He 2021), MoCo v3, algorithm 1 and section 4.
// B images, each in two views; C embedding, D width of queries and keys
//
//   a view ─► encoder ─► class token ─► projection ─► prediction ─► query
//   the other ─► momentum encoder ─► class token ─► momentum projection ─► key
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Vit;

/// <summary>
/// A Vision Transformer that learns to know an image again, and its momentum encoder, with the heads of both. Positions are sines and cosines, and stay so. Saved is the encoder, as
/// a ViT without a pooler, and in the folder <c>momentum</c> the momentum encoder with the heads.
/// </summary>
public sealed class VitMomentumPair : nn.Module, IPretrainedModel, IMomentumModel
{
    private const string MomentumFolder = "momentum", HeadsFile = "heads.safetensors";
    internal readonly VitModel encoder, momentum_encoder;
    internal readonly ProjectionMlp projection, momentum_projection, prediction;

    /// <summary>Creates all with initial values; those of the momentum encoder are the encoder's.</summary>
    /// <param name="config">The encoder's architecture, whose width must be a multiple of 4.</param>
    /// <param name="momentum">The heads and the momentum; null for the defaults.</param>
    /// <param name="random">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid.</exception>
    public VitMomentumPair(VitConfig config, VitMomentumConfig? momentum = null, Generator? random = null) : base(nameof(VitMomentumPair))
    {
        Momentum = momentum ?? new();
        var rules = new ConfigRules();
        rules.Require(config.EmbeddingDim % 4 == 0, $"{nameof(config.EmbeddingDim)} ({config.EmbeddingDim}) must be divisible by 4 in contrastive pre-training, for positions of rows and columns.");
        Momentum.Check(rules);
        rules.Finish();
        (encoder, momentum_encoder) = (CreateEncoder(initialize: true), CreateEncoder(initialize: false));
        (projection, momentum_projection) = (CreateProjection(), CreateProjection());
        prediction = new ProjectionMlp(Momentum.ProjectionDim, Momentum.HiddenDim, Momentum.ProjectionDim);
        projection.Initialize(random);
        prediction.Initialize(random);
        if (!Momentum.TrainsPatchMap)
        {
            encoder.patch_map.weight.requires_grad = false;
            encoder.patch_map.bias!.requires_grad = false;
        }
        RegisterComponents();

        using IDisposable mode = no_grad();
        var own = named_parameters().ToDictionary(p => p.name, p => p.parameter);
        var followed = new Dictionary<string, string>();
        foreach (var (name, p) in own)
        {
            if (!name.StartsWith("momentum_", StringComparison.Ordinal)) continue;
            Parameter leader = own[name["momentum_".Length..]];
            p.copy_(leader);
            p.requires_grad = false;
            if (leader.requires_grad) followed[name] = name["momentum_".Length..];
        }
        Followed = followed;

        VitModel CreateEncoder(bool initialize) => new(config, ModelHead.None, initialize, random, pools: false);

        ProjectionMlp CreateProjection() => new(config.EmbeddingDim, Momentum.HiddenDim, Momentum.HiddenDim, Momentum.ProjectionDim);
    }

    /// <summary>What learns, and is fine-tuned later.</summary>
    public VitModel Encoder => encoder;

    /// <summary>The average of its weights, which gives the keys.</summary>
    public VitModel MomentumEncoder => momentum_encoder;

    /// <summary>The heads and the momentum.</summary>
    public VitMomentumConfig Momentum { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Followed { get; }

    /// <inheritdoc/>
    public double MomentumAt(int step, int steps) => 1 - (1 - Momentum.Momentum) * (1 + Math.Cos(Math.PI * step / steps)) / 2;

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => new()
    {
        [nameof(encoder)] = encoder.ToConfigJson(),
        ["hiddenDim"] = Momentum.HiddenDim,
        ["projectionDim"] = Momentum.ProjectionDim,
        ["momentum"] = Momentum.Momentum,
        ["trainsPatchMap"] = Momentum.TrainsPatchMap,
    };

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        encoder.SavePretrained(folder, Of(nameof(encoder)));
        momentum_encoder.SavePretrained(Path.Combine(folder, MomentumFolder), Of(nameof(momentum_encoder)));
        using DisposeScope scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Combine(folder, MomentumFolder, HeadsFile), Heads().Select(head => (head.Name, (weights?.GetValueOrDefault(head.Name) ?? head.Value).to(ScalarType.Float32))));

        Dictionary<string, Tensor>? Of(string part) =>
            weights?.Where(weight => weight.Key.StartsWith(part + ".", StringComparison.Ordinal)).ToDictionary(weight => weight.Key[(part.Length + 1)..], weight => weight.Value);
    }

    /// <inheritdoc/>
    public void LoadPretrained(string folder)
    {
        encoder.LoadPretrained(folder);
        momentum_encoder.LoadPretrained(Path.Combine(folder, MomentumFolder));
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, MomentumFolder, HeadsFile));
        foreach (var (name, value) in Heads()) file.ReadInto(name, value);
    }

    /// <summary>What the trained side makes of two views, (B, channels, height, width) each: two queries of length 1 for each image, (B, D) in 32 bits.</summary>
    internal (Tensor First, Tensor Second) Queries(Tensor first, Tensor second) => Both(encoder, first, second, x => prediction.forward(projection.forward(x)));

    /// <summary>What the momentum encoder makes of them; no gradient goes there.</summary>
    internal (Tensor First, Tensor Second) Keys(Tensor first, Tensor second)
    {
        using IDisposable mode = no_grad();
        return Both(momentum_encoder, first, second, momentum_projection.forward);
    }

    /// <summary>The heads see one view at a time, whose rows are normalized together; to the encoder it is all the same.</summary>
    private static (Tensor First, Tensor Second) Both(VitModel encoder, Tensor first, Tensor second, Func<Tensor, Tensor> head)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = first.size(0);
        Tensor tokens = encoder.Forward(new() { PixelValues = cat([first, second], 0) }).Logits.select(1, 0);   // (2·B, C)
        return scope.MoveToOuter(Of(0), Of(batch));

        Tensor Of(long start)
        {
            Tensor x = head(tokens.narrow(0, start, batch));   // (B, D)
            return x * x.square().sum(1, keepdim: true).clamp_min(1e-24).rsqrt();
        }
    }

    private IEnumerable<(string Name, Tensor Value)> Heads() =>
        named_parameters().Where(p => !p.name.Contains("encoder.", StringComparison.Ordinal)).Select(p => (p.name, (Tensor)p.parameter));
}
