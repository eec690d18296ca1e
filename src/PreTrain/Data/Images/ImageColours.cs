using System.Numerics.Tensors;

namespace PreTrain.Data.Images;

/// <summary>Changes of an image's values, in planes of numbers from 0 to 1, where they stay. What needs colours takes three planes: red, green, blue.</summary>
internal static class ImageColours
{
    /// <summary>How much red, green and blue count in grey (ITU-R BT.601).</summary>
    internal static ReadOnlySpan<float> GreyWeights => [0.299f, 0.587f, 0.114f];

    /// <summary>factor · value + (1 − factor) · centre.</summary>
    internal static void Stretch(float[] planes, float centre, float factor)
    {
        for (int i = 0; i < planes.Length; i++) planes[i] = Math.Clamp(centre + factor * (planes[i] - centre), 0, 1);
    }

    /// <summary>The mean of all pixels' grey.</summary>
    internal static float MeanGrey(float[] planes, int channels)
    {
        float sum = 0;
        int plane = planes.Length / channels;
        for (int c = 0; c < channels; c++) sum += (channels == 1 ? 1 : GreyWeights[c]) * TensorPrimitives.Sum<float>(planes.AsSpan(c * plane, plane));
        return sum / plane;
    }

    /// <summary>factor · value + (1 − factor) · the pixel's grey; 0 leaves no colour.</summary>
    internal static void Saturate(float[] planes, float factor)
    {
        int plane = planes.Length / 3;
        for (int i = 0; i < plane; i++)
        {
            float grey = GreyWeights[0] * planes[i] + GreyWeights[1] * planes[plane + i] + GreyWeights[2] * planes[2 * plane + i];
            for (int c = 0; c < 3; c++) planes[c * plane + i] = Math.Clamp(grey + factor * (planes[c * plane + i] - grey), 0, 1);
        }
    }

    /// <summary>Turns the hue; 1 is once around the circle from red over green and blue (Smith, "Color gamut transform pairs", 1978).</summary>
    internal static void Turn(float[] planes, float turn)
    {
        int plane = planes.Length / 3;
        Span<float> red = planes.AsSpan(0, plane), green = planes.AsSpan(plane, plane), blue = planes.AsSpan(2 * plane, plane);
        for (int i = 0; i < plane; i++)
        {
            float r = red[i], g = green[i], b = blue[i], high = Math.Max(r, Math.Max(g, b)), range = high - Math.Min(r, Math.Min(g, b));
            if (range == 0) continue;   // grey has no hue
            float sixths = high == r ? (g - b) / range : high == g ? 2 + (b - r) / range : 4 + (r - g) / range;
            sixths += 6 * turn + 12;   // positive, and the circle is closed
            (red[i], green[i], blue[i]) = (Value(5), Value(3), Value(1));

            float Value(int start)
            {
                float place = (start + sixths) % 6;
                return high - range * Math.Clamp(Math.Min(place, 4 - place), 0, 1);
            }
        }
    }

    /// <summary>Inverts the values from one half on.</summary>
    internal static void Solarize(float[] planes)
    {
        for (int i = 0; i < planes.Length; i++)
            if (planes[i] >= 0.5f) planes[i] = 1 - planes[i];
    }
}
