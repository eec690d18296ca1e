using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Images;
using PreTrain.Torch;

namespace PreTrain.Objectives;

/// <summary>Rows that are images of a folder: where they come from in training, and which are held out.</summary>
internal sealed class ImageRows
{
    // Which images are held out does not depend on a run's seed.
    private const ulong SplitKey = 0x686F6C646F7574;

    private readonly ImageFolder _images;
    private readonly ImageOptions _options;
    private readonly IndexPermutation _order;
    private readonly int _trainCount;

    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All images would be held out.</exception>
    internal ImageRows(ImageFolder images, ImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(images);
        options.Validate();
        (_images, _options) = (images, options);
        _order = new IndexPermutation(images.Count, SplitKey);
        _trainCount = images.Count - (int)Math.Round(images.Count * options.ValidationFraction);
        if (_trainCount == 0)
        {
            throw new CorpusException(FormattableString.Invariant(
                $"The folder '{images.Folder}' holds {images.Count} images, and {nameof(ImageOptions.ValidationFraction)} ({options.ValidationFraction}) leaves none for training. Use more images, or a smaller share."), images.Folder);
        }
    }

    /// <summary>What must be the same for a run to be resumed.</summary>
    internal JsonObject Describe(string objective) => new()
    {
        ["objective"] = objective,
        ["images"] = _images.Count,
        ["fingerprint"] = _images.Fingerprint,
        ["validationFraction"] = _options.ValidationFraction,
        ["mean"] = new JsonArray([.. _options.Mean.Select(value => JsonValue.Create(value))]),
        ["deviation"] = new JsonArray([.. _options.Deviation.Select(value => JsonValue.Create(value))]),
        ["minCropArea"] = _options.MinCropArea,
        ["flipProbability"] = _options.FlipProbability,
        ["brightness"] = _options.Brightness,
        ["contrast"] = _options.Contrast,
    };

    /// <summary>Draws images for training, each changed anew whenever it comes.</summary>
    /// <param name="streams">The run's random streams.</param>
    /// <param name="state">From a checkpoint, or null.</param>
    /// <param name="size">Height and width of the model's images.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="batchSize">Images of a batch.</param>
    /// <param name="make">Makes a batch of images and a seed.</param>
    internal IBatchSource Open(RandomStreams streams, JsonObject? state, int size, int channels, int batchSize, Func<ImageBatch, long, Batch> make)
    {
        var preparation = new ImagePreparation(_options, size, channels);
        var sampler = new ImageSampler(_trainCount, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, seeds) =>
            make(Load(places, preparation, size, channels, (image, row, target) => preparation.Changed(image, seeds[row], target)), unchecked((long)seeds[0])));
    }

    /// <summary>The held-out images in order, unchanged; a batch's seed is the place of its first image.</summary>
    internal IEnumerable<Batch> Evaluation(int size, int channels, int batchSize, Func<ImageBatch, long, Batch> make)
    {
        var preparation = new ImagePreparation(_options, size, channels);
        for (int first = _trainCount; first < _images.Count; first += batchSize)
        {
            long[] places = [.. Enumerable.Range(first, Math.Min(batchSize, _images.Count - first)).Select(place => (long)place)];
            yield return make(Load(places, preparation, size, channels, (image, _, target) => preparation.Plain(image, target)), first - _trainCount);
        }
    }

    private delegate void Prepare(RasterImage image, int row, Span<float> target);

    private ImageBatch Load(long[] places, ImagePreparation preparation, int size, int channels, Prepare prepare)
    {
        float[] pixels = new float[(long)places.Length * preparation.Length];
        try
        {
            Parallel.For(0, places.Length, row => prepare(_images.Read((int)_order[places[row]]), row, pixels.AsSpan(row * preparation.Length, preparation.Length)));
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        return new ImageBatch(pixels, places.Length, channels, size, size);
    }
}
