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
    private const ulong ViewPurpose = 9;

    private readonly ImageFolder _images;
    private readonly ImageOptions _options;
    private readonly ImageOptions[] _views;
    private readonly IndexPermutation _order;
    private readonly int _trainCount;

    /// <param name="images">The images.</param>
    /// <param name="options">How they are prepared.</param>
    /// <param name="others">How further views of the same image are, which are changed in evaluation too: two that are the same could be told by anyone.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All images would be held out.</exception>
    internal ImageRows(ImageFolder images, ImageOptions options, params ImageOptions[] others)
    {
        ArgumentNullException.ThrowIfNull(images);
        (_images, _options, _views) = (images, options, [options, .. others]);
        foreach (ImageOptions view in _views) view.Validate();
        _order = new IndexPermutation(images.Count, SplitKey);
        _trainCount = images.Count - (int)Math.Round(images.Count * options.ValidationFraction);
        if (_trainCount == 0)
        {
            throw new CorpusException(FormattableString.Invariant(
                $"The folder '{images.Folder}' holds {images.Count} images, and {nameof(ImageOptions.ValidationFraction)} ({options.ValidationFraction}) leaves none for training. Use more images, or a smaller share."), images.Folder);
        }
    }

    /// <summary>The number of images that are held out.</summary>
    internal int HeldOutCount => _images.Count - _trainCount;

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
        ["saturation"] = _options.Saturation,
        ["hue"] = _options.Hue,
        ["jitterProbability"] = _options.JitterProbability,
        ["greyProbability"] = _options.GreyProbability,
        ["blurProbability"] = _options.BlurProbability,
        ["solarizeProbability"] = _options.SolarizeProbability,
    };

    /// <summary>Draws images for training, each changed anew whenever it comes.</summary>
    /// <param name="streams">The run's random streams.</param>
    /// <param name="state">From a checkpoint, or null.</param>
    /// <param name="size">Height and width of the model's images.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="batchSize">Images of a batch.</param>
    /// <param name="make">Makes a batch of the images, view by view, and a seed.</param>
    internal IBatchSource Open(RandomStreams streams, JsonObject? state, int size, int channels, int batchSize, Func<ImageBatch[], long, Batch> make)
    {
        ImagePreparation[] views = Prepare(size, channels);
        var sampler = new ItemSampler(_trainCount, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, seeds) =>
            make(Load(places, views, size, channels, (image, view, row, target) => views[view].Changed(image, SeedOf(seeds[row], view), target)), unchecked((long)seeds[0])));
    }

    /// <summary>The held-out images in order, a single view of each unchanged, several always changed alike; a batch's seed is the place of its first image.</summary>
    internal IEnumerable<Batch> Evaluation(int size, int channels, int batchSize, Func<ImageBatch[], long, Batch> make)
    {
        ImagePreparation[] views = Prepare(size, channels);
        for (int first = _trainCount; first < _images.Count; first += batchSize)
        {
            long[] places = [.. Enumerable.Range(first, Math.Min(batchSize, _images.Count - first)).Select(place => (long)place)];
            yield return make(Load(places, views, size, channels, (image, view, row, target) =>
            {
                if (views.Length == 1) views[0].Plain(image, target);
                else views[view].Changed(image, SeedOf(SplitMix.Mix((ulong)places[row]), view), target);
            }), first - _trainCount);
        }
    }

    private delegate void Fill(RasterImage image, int view, int row, Span<float> target);

    private static ulong SeedOf(ulong row, int view) => view == 0 ? row : SplitMix.Mix(row, (ulong)view, ViewPurpose);

    private ImagePreparation[] Prepare(int size, int channels) => [.. _views.Select(view => new ImagePreparation(view, size, channels))];

    /// <summary>Reads each image once.</summary>
    private ImageBatch[] Load(long[] places, ImagePreparation[] views, int size, int channels, Fill fill)
    {
        int length = views[0].Length;
        float[][] pixels = [.. views.Select(_ => new float[(long)places.Length * length])];
        try
        {
            Parallel.For(0, places.Length, row =>
            {
                RasterImage image = _images.Read((int)_order[places[row]]);
                for (int view = 0; view < views.Length; view++) fill(image, view, row, pixels[view].AsSpan(row * length, length));
            });
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        return [.. pixels.Select(view => new ImageBatch(view, places.Length, channels, size, size))];
    }
}
