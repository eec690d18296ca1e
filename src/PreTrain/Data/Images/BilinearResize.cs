namespace PreTrain.Data.Images;

/// <summary>
/// Brings a part of an image to another size, in planes of numbers from 0 to 1. Each pixel is the mean of those around its place, weighted by a triangle that is as wide as the larger
/// of both pixels, so that an image that becomes smaller loses no rows; as <c>torch.nn.functional.interpolate(mode="bilinear", antialias=True)</c>.
/// </summary>
internal static class BilinearResize
{
    /// <summary>Computes the planes, (channels, size, size).</summary>
    internal static float[] Apply(RasterImage image, ImageCrop crop, int size)
    {
        int channels = image.ChannelCount;
        Taps across = new(crop.Width, size), down = new(crop.Height, size);
        float[] rows = new float[crop.Height * size], result = new float[channels * size * size];
        for (int c = 0; c < channels; c++)
        {
            for (int y = 0; y < crop.Height; y++)
            {
                int start = ((crop.Top + y) * image.Width + crop.Left) * channels + c;
                for (int x = 0; x < size; x++)
                {
                    ReadOnlySpan<float> weights = across.Weights(x);
                    int place = start + across.First(x) * channels;
                    float sum = 0;
                    for (int t = 0; t < weights.Length; t++, place += channels) sum += weights[t] * image.Pixels[place];
                    rows[y * size + x] = sum / 255;
                }
            }
            for (int y = 0; y < size; y++)
            {
                ReadOnlySpan<float> weights = down.Weights(y);
                Span<float> target = result.AsSpan((c * size + y) * size, size);
                for (int t = 0; t < weights.Length; t++)
                {
                    ReadOnlySpan<float> source = rows.AsSpan((down.First(y) + t) * size, size);
                    for (int x = 0; x < size; x++) target[x] += weights[t] * source[x];
                }
            }
        }
        return result;
    }

    /// <summary>Which old pixels make each new one along a side, and how much each counts.</summary>
    private sealed class Taps
    {
        private readonly (int First, int Count)[] _places;
        private readonly float[] _weights;
        private readonly int _width;

        internal Taps(int from, int to)
        {
            double scale = (double)from / to, radius = Math.Max(scale, 1);
            _width = 2 * (int)Math.Ceiling(radius) + 1;
            _places = new (int, int)[to];
            _weights = new float[to * _width];
            for (int i = 0; i < to; i++)
            {
                double centre = scale * (i + 0.5), sum = 0;
                int first = Math.Max(0, (int)(centre - radius + 0.5)), end = Math.Min(from, (int)(centre + radius + 0.5));
                for (int j = first; j < end; j++) sum += Weight(j);
                for (int j = first; j < end; j++) _weights[i * _width + j - first] = (float)(Weight(j) / sum);
                _places[i] = (first, end - first);

                double Weight(int j) => Math.Max(0, 1 - Math.Abs((j + 0.5 - centre) / radius));
            }
        }

        internal int First(int i) => _places[i].First;

        internal ReadOnlySpan<float> Weights(int i) => _weights.AsSpan(i * _width, _places[i].Count);
    }
}
