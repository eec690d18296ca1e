namespace PreTrain.Tests.Checkpoints.Gguf;

/// <summary>The search for the scales of blocks as its description says it, one element at a time and in 64 bits.</summary>
internal static class SlowBlocks
{
    /// <summary>The least weighted squared error of a block of 32 that the candidates of Q4_K or Q5_K reach, before scales are rounded to six bits.</summary>
    public static double AffineError(float[] x, float[] weights, int highest, double firstStretch, int guesses)
    {
        double lowest = Math.Min(0, x.Min()), top = x.Max();
        double best = Error(x, weights, Codes(highest / (top - lowest)), (top - lowest) / highest, lowest);
        for (int guess = 0; guess < guesses; guess++)
        {
            double[] codes = Codes((highest + firstStretch + 0.1 * guess) / (top - lowest));
            // The line through the points (code, element) with the least squares.
            double w = weights.Sum(v => (double)v), l = 0, l2 = 0, sum = 0, product = 0;
            for (int i = 0; i < x.Length; i++)
            {
                l += weights[i] * codes[i];
                l2 += weights[i] * codes[i] * codes[i];
                sum += (double)weights[i] * x[i];
                product += weights[i] * codes[i] * x[i];
            }
            if (w * l2 - l * l <= 0) continue;
            double slope = (w * product - l * sum) / (w * l2 - l * l), begin = (sum - slope * l) / w;
            if (begin > 0) (slope, begin) = (product / l2, 0);
            double error = Error(x, weights, codes, slope, begin);
            if (error < best) (best, lowest) = (error, begin);
        }
        return best;

        double[] Codes(double inverse) => [.. x.Select(value => Math.Clamp(Math.Round(inverse * (value - lowest)), 0, highest))];
    }

    /// <summary>The error of a scale and an offset, each element with the code that is best for it.</summary>
    public static double AffineError(float[] x, float[] weights, int highest, double scale, double offset) =>
        Error(x, weights, [.. x.Select(value => Math.Clamp(Math.Round((value - offset) / scale), 0, highest))], scale, offset);

    /// <summary>The least error of a block of 16 that the candidates of Q6_K reach, weighted with the squares.</summary>
    public static double SymmetricError(float[] x, int reach)
    {
        double extreme = x.MaxBy(value => Math.Abs(value)), best = double.PositiveInfinity;
        for (int attempt = -9; attempt <= 9; attempt++)
        {
            double inverse = -(reach + 0.1 * attempt) / extreme;
            double[] codes = [.. x.Select(value => Math.Clamp(Math.Round(inverse * value), -reach, reach - 1))];
            double product = x.Zip(codes, (value, code) => (double)value * value * value * code).Sum(), square = x.Zip(codes, (value, code) => (double)value * value * code * code).Sum();
            best = Math.Min(best, Error(x, [.. x.Select(value => value * value)], codes, product / square, 0));
        }
        return best;
    }

    /// <summary>The error of a scale, each element with the code that is best for it.</summary>
    public static double SymmetricError(float[] x, int reach, double scale) =>
        Error(x, [.. x.Select(value => value * value)], [.. x.Select(value => Math.Clamp(Math.Round(value / scale), -reach, reach - 1))], scale, 0);

    private static double Error(float[] x, float[] weights, double[] codes, double scale, double offset) =>
        Enumerable.Range(0, x.Length).Sum(i => weights[i] * Math.Pow(codes[i] * scale + offset - x[i], 2));
}
