using PreTrain.Tests.Modules;
using PreTrain.Torch.Cpu;
using static PreTrain.Tests.Modules.Values;

namespace PreTrain.Tests.Torch.Cpu;

public sealed unsafe class BlockProductTests
{
    private static float[] Numbers(long count, int seed) => Array.ConvertAll(Doubles(Normal([count], seed)), x => (float)x);

    [Theory]
    [InlineData(1, 16, 1)]
    [InlineData(3, 16, 7)]
    [InlineData(4, 64, 5)]
    [InlineData(7, 80, 13)]
    [InlineData(13, 144, 31)]
    public void Multiply_AnyStrides_IsTheSumOfProducts(int rows, int columns, int inner)
    {
        Kernels.SkipWithoutKernels();
        int bRow = columns + 16, cRow = columns + 32;
        float[] a = Numbers(rows * inner, 3), b = Numbers(inner * bRow, 5), c = Numbers(rows * cRow, 7), before = [.. c];
        foreach (bool transposed in new[] { false, true })
        {
            foreach (bool add in new[] { false, true })
            {
                before.CopyTo(c, 0);
                fixed (float* pa = a, pb = b, pc = c)
                    BlockProduct.Multiply(rows, columns, inner, pa, transposed ? 1 : inner, transposed ? rows : 1, pb, bRow, pc, cRow, add);

                for (int i = 0; i < rows; i++)
                {
                    for (int j = 0; j < cRow; j++)
                    {
                        double sum = add || j >= columns ? before[i * cRow + j] : 0, size = 1;
                        for (int k = 0; k < inner && j < columns; k++)
                        {
                            double product = (double)(transposed ? a[k * rows + i] : a[i * inner + k]) * b[k * bRow + j];
                            sum += product;
                            size += Math.Abs(product);
                        }
                        Assert.InRange(c[i * cRow + j], sum - inner * size * Float32Rounding, sum + inner * size * Float32Rounding);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(12, 20)]
    public void Transpose_AnyStrides_SwapsRowsAndColumns(int rows, int columns)
    {
        Kernels.SkipWithoutKernels();
        int aRow = columns + 3, tRow = rows + 5;
        float[] a = Numbers(rows * aRow, 3), t = new float[columns * tRow];

        fixed (float* pa = a, pt = t) BlockProduct.Transpose(rows, columns, pa, aRow, pt, tRow);

        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) Assert.Equal(a[i * aRow + j], t[j * tRow + i]);
        }
        for (int j = 0; j < columns; j++) Assert.All(t[(j * tRow + rows)..((j + 1) * tRow)], x => Assert.Equal(0, x));
    }
}
