// B images, each in two views; D width of queries and keys
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Images;
using PreTrain.Models.Vit;
using PreTrain.Modules;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Know an image again: of two views of it, changed by chance, the query of one must be nearer to the key of the other than to the keys of all other images of the batch (Chen, Xie and
/// He 2021, "An Empirical Study of Training Self-Supervised Vision Transformers", algorithm 1). Keys are made by a momentum encoder. An image is one target.
/// </summary>
/// <remarks>
/// The images that a query is compared with are those of its micro-batch, so that a batch cannot be computed in pieces; several micro-batches of a step do not see each other. In evaluation
/// images are compared in whole batches, and what is left over is not.
/// </remarks>
public sealed class MomentumContrast : IObjective<VitMomentumPair>
{
    private readonly ImageRows _rows;
    private readonly MomentumContrastOptions _options;

    /// <summary>Splits the images of a folder.</summary>
    /// <param name="images">The images.</param>
    /// <param name="options">How views are made and compared.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All images would be held out.</exception>
    public MomentumContrast(ImageFolder images, MomentumContrastOptions? options = null)
    {
        _options = options ?? new();
        _options.Validate();
        _rows = new ImageRows(images, _options.Images, _options.OtherView);
    }

    /// <inheritdoc/>
    public string Name => "momentum-contrast";

    /// <inheritdoc/>
    public bool CanSplit => false;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = _rows.Describe(Name);
        description["otherBlurProbability"] = _options.OtherBlurProbability;
        description["otherSolarizeProbability"] = _options.OtherSolarizeProbability;
        description["temperature"] = _options.Temperature;
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model takes other channels, a batch has a single image, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, VitMomentumPair model, int batchSize, JsonObject? state = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (batchSize < 2) throw new ArgumentException($"A batch of {batchSize} image has none to compare with; it must have at least 2. Momentum contrast learns better the more there are.", nameof(batchSize));
        VitConfig config = model.Encoder.Config;
        return _rows.Open(streams, state, config.ImageSize, config.ChannelCount, batchSize, (views, seed) => Make(config, views, seed));
    }

    /// <inheritdoc/>
    /// <remarks>Of each held-out image, the two views are always the same.</remarks>
    public IEnumerable<Batch> Evaluation(VitMomentumPair model, int batchSize)
    {
        ArgumentNullException.ThrowIfNull(model);
        VitConfig config = model.Encoder.Config;
        int size = Math.Min(batchSize, _rows.HeldOutCount);
        return size < 2 ? [] : _rows.Evaluation(config.ImageSize, config.ChannelCount, size, (views, seed) => Make(config, views, seed)).Where(batch => batch.Rows == size);
    }

    /// <inheritdoc/>
    public Tensor Loss(VitMomentumPair model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (batch.Images is not { } images || batch.OtherViews is not { } others)
            throw new ArgumentException("A batch of momentum contrast must hold two views of each image. Use the batches of this objective.", nameof(batch));
        using DisposeScope scope = NewDisposeScope();
        Device device = model.Encoder.Device;
        Tensor first = tensor(images.Pixels, images.Shape).to(device), second = tensor(others.Pixels, others.Shape).to(device);
        var (firstQueries, secondQueries) = model.Queries(first, second);   // (B, D)
        var (firstKeys, secondKeys) = model.Keys(first, second);            // (B, D)
        return scope.MoveToOuter(Contrast(firstQueries, secondKeys, _options.Temperature, normalizer) + Contrast(secondQueries, firstKeys, _options.Temperature, normalizer));
    }

    /// <summary>2 τ times the cross entropy of each query's own key among all keys; the factor makes the gradient's size depend less on τ (algorithm 1).</summary>
    private static Tensor Contrast(Tensor queries, Tensor keys, double temperature, double normalizer)
    {
        Tensor scores = queries.matmul(keys.t()) / temperature;   // (B, B)
        Tensor own = arange(queries.size(0), dtype: ScalarType.Int64, device: queries.device);
        TargetCounter.Count(scores, own);
        return CrossEntropy.Apply(scores, own, normalizer) * (2 * temperature);
    }

    private static Batch Make(VitConfig config, ImageBatch[] views, long seed) => new()
    {
        Inputs = [],
        Targets = [],
        Rows = views[0].Count,
        Length = 2 * config.PatchCount,
        ValidTargets = views[0].Count,
        Images = views[0],
        OtherViews = views[1],
        Seed = seed,
    };
}
