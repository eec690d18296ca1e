namespace PreTrain.Data.Images;

/// <summary>Blurs square planes, along rows and then along columns. Beyond the edge the values are those of the edge.</summary>
internal static class GaussianBlur
{
    /// <summary>How many deviations the kernel reaches to either side.</summary>
    private const double Reach = 4;

    /// <summary>Blurs.</summary>
    /// <param name="planes">Planes of size × size numbers.</param>
    /// <param name="size">Height and width.</param>
    /// <param name="deviation">Of the Gaussian, in pixels.</param>
    internal static void Apply(float[] planes, int size, double deviation)
    {
        int radius = (int)Math.Ceiling(Reach * deviation);
        double[] weights = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(t => Math.Exp(-t * t / (2 * deviation * deviation)))];
        float[] kernel = [.. weights.Select(weight => (float)(weight / weights.Sum()))];
        float[] rows = new float[planes.Length];
        Along(planes, rows, step: 1, line: size);
        Along(rows, planes, step: size, line: 1);

        void Along(float[] source, float[] target, int step, int line)
        {
            for (int plane = 0; plane < source.Length; plane += size * size)
            {
                for (int i = 0; i < size; i++)
                {
                    int start = plane + i * line;
                    for (int j = 0; j < size; j++)
                    {
                        float sum = 0;
                        for (int t = -radius; t <= radius; t++) sum += kernel[t + radius] * source[start + Math.Clamp(j + t, 0, size - 1) * step];
                        target[start + j * step] = sum;
                    }
                }
            }
        }
    }
}
