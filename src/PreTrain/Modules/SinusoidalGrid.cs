// P places of a grid, C embedding
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Positions in a grid that are not learned: sines and cosines whose wavelengths grow from 2π to 2π times the base (Vaswani et al. 2017, section 3.5), for columns
/// in one half of the embedding and for rows in the other (He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners", appendix A.1).
/// </summary>
public static class SinusoidalGrid
{
    /// <summary>Computes the positions, row by row of the grid.</summary>
    /// <param name="height">The rows of the grid.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="embeddingDim">C, divisible by 4.</param>
    /// <param name="frequencyBase">The base.</param>
    /// <returns>(P, C) in 32 bits; of C, the first quarter are sines of the column, the next its cosines, and then the same of the row.</returns>
    public static Tensor Create(int height, int width, int embeddingDim, double frequencyBase = 10_000)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (embeddingDim <= 0 || embeddingDim % 4 != 0)
            throw new ArgumentOutOfRangeException(nameof(embeddingDim), embeddingDim, $"The width of the embedding ({embeddingDim}) must be positive and divisible by 4.");
        if (!(frequencyBase > 0)) throw new ArgumentOutOfRangeException(nameof(frequencyBase), frequencyBase, $"The base ({frequencyBase}) must be positive.");
        int quarter = embeddingDim / 4;
        float[] values = new float[height * width * embeddingDim];
        for (int place = 0; place < height * width; place++)
        {
            Span<float> row = values.AsSpan(place * embeddingDim, embeddingDim);
            for (int i = 0; i < quarter; i++)
            {
                double frequency = Math.Pow(frequencyBase, -(double)i / quarter);
                var (ofColumn, ofRow) = (Math.SinCos(place % width * frequency), Math.SinCos(place / width * frequency));
                (row[i], row[quarter + i]) = ((float)ofColumn.Sin, (float)ofColumn.Cos);
                (row[2 * quarter + i], row[3 * quarter + i]) = ((float)ofRow.Sin, (float)ofRow.Cos);
            }
        }
        return tensor(values, [height * width, embeddingDim]);
    }
}
