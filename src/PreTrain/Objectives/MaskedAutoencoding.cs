// B images, P patches of each
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Images;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Vit;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Predict the pixels of hidden patches from the few that are seen (He et al. 2022, section 3). The mean squared error counts in the hidden patches alone, of pixels or, with
/// <see cref="VitConfig.NormalizesPixels"/>, of pixels less their patch's mean and divided by its deviation ("Reconstruction target"). Each image hides as many patches, chosen anew
/// whenever it comes; a patch is one target.
/// </summary>
public sealed class MaskedAutoencoding : IObjective<VitModel>
{
    private const ulong NoisePurpose = 0x70617463686573;

    private readonly ImageRows _rows;

    /// <summary>Splits the images of a folder.</summary>
    /// <param name="images">The images.</param>
    /// <param name="options">How they are prepared.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All images would be held out.</exception>
    public MaskedAutoencoding(ImageFolder images, ImageOptions? options = null) => _rows = new ImageRows(images, options ?? new());

    /// <inheritdoc/>
    public string Name => "masked-autoencoding";

    /// <inheritdoc/>
    public JsonObject Describe() => _rows.Describe(Name);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model is no masked autoencoder or takes other channels, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, VitModel model, int batchSize, JsonObject? state = null)
    {
        Require(model);
        return _rows.Open(streams, state, model.Config.ImageSize, model.Config.ChannelCount, batchSize, (views, seed) => Make(model.Config, views[0], seed));
    }

    /// <inheritdoc/>
    /// <remarks>Of each held-out image, always the same patches are hidden.</remarks>
    public IEnumerable<Batch> Evaluation(VitModel model, int batchSize)
    {
        Require(model);
        return _rows.Evaluation(model.Config.ImageSize, model.Config.ChannelCount, batchSize, (views, seed) => Make(model.Config, views[0], seed));
    }

    /// <inheritdoc/>
    public Tensor Loss(VitModel model, Batch batch, double normalizer)
    {
        Require(model);
        if (batch.Images is not { } images) throw new ArgumentException("A batch of masked autoencoding must hold images. Use the batches of this objective.", nameof(batch));
        using DisposeScope scope = NewDisposeScope();
        ModelOutput output = model.Forward(new()
        {
            PixelValues = tensor(images.Pixels, images.Shape).to(model.Device),
            MaskNoise = tensor(Noise(batch, model.Config.PatchCount), [batch.Rows, model.Config.PatchCount]).to(model.Device),
        });
        return scope.MoveToOuter(output.Loss! * (batch.ValidTargets / normalizer));   // the model's is the mean over the batch's hidden patches
    }

    /// <summary>(B, P): an image's numbers follow from the batch's seed and its row, so that a piece of a batch hides what the whole one does.</summary>
    internal static float[] Noise(Batch batch, int patches)
    {
        float[] noise = new float[batch.Rows * patches];
        for (int row = 0; row < batch.Rows; row++)
        {
            var random = new MaskRandom(MaskRandom.SeedOf(NoisePurpose, new SamplerState(0, 0, unchecked(batch.Seed + row))));
            int[] order = random.Permutation(patches);   // no two numbers are equal, so that any sort agrees
            for (int patch = 0; patch < patches; patch++) noise[row * patches + patch] = order[patch];
        }
        return noise;
    }

    private static Batch Make(VitConfig config, ImageBatch images, long seed) => new()
    {
        Inputs = [],
        Targets = [],
        Rows = images.Count,
        Length = config.PatchCount,
        ValidTargets = (long)images.Count * (config.PatchCount - config.VisibleCount),
        Images = images,
        Seed = seed,
    };

    private static void Require(VitModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Head != ModelHead.MaskedAutoencoder)
            throw new ArgumentException($"The model's head is {model.Head}, and masked autoencoding needs {nameof(ModelHead.MaskedAutoencoder)}. Create the model with it.", nameof(model));
    }
}
