using PreTrain.Data.Images;

namespace PreTrain.Tests.Data.Images;

public sealed class ImageColoursTests
{
    [Theory]
    // By Python's colorsys.
    [InlineData(new[] { 0.8f, 0.2f, 0.4f }, 0.1f, new[] { 0.8, 0.36, 0.2 })]
    [InlineData(new[] { 0.1f, 0.7f, 0.3f }, -0.25f, new[] { 0.7, 0.6, 0.1 })]
    [InlineData(new[] { 0.25f, 0.5f, 0.9f }, 0.4f, new[] { 0.9, 0.26, 0.25 })]
    [InlineData(new[] { 0.3f, 0.3f, 0.3f }, 0.4f, new[] { 0.3, 0.3, 0.3 })]
    public void Turn_APixel_HasTheHueOfTheOtherPlaceOfTheCircle(float[] pixel, float turn, double[] expected)
    {
        float[] planes = [.. pixel];
        ImageColours.Turn(planes, turn);
        for (int c = 0; c < 3; c++) Assert.Equal(expected[c], planes[c], 1e-5);
    }

    [Fact]
    public void Turn_AThirdOfTheCircle_ExchangesTheChannels()
    {
        float[] planes = [.. Enumerable.Range(0, 21).Select(i => i * 37 % 101 / 101f)], turned = [.. planes];
        ImageColours.Turn(turned, 1f / 3);
        for (int i = 0; i < 21; i++) Assert.Equal(planes[(i + 14) % 21], turned[i], 1e-5);
    }

    [Fact]
    public void Saturate_APixel_MovesFromItsGrey()
    {
        float[] planes = [0.5f, 0.9f, 0.25f, 0.1f, 0.75f, 0.4f];   // two pixels
        double[] grey = [0.299 * 0.5 + 0.587 * 0.25 + 0.114 * 0.75, 0.299 * 0.9 + 0.587 * 0.1 + 0.114 * 0.4];
        float[] strong = [.. planes], none = [.. planes];

        ImageColours.Saturate(strong, 1.2f);
        ImageColours.Saturate(none, 0);

        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(Math.Clamp(grey[i % 2] + 1.2 * (planes[i] - grey[i % 2]), 0, 1), strong[i], 1e-6);
            Assert.Equal(grey[i % 2], none[i], 1e-6);
        }
    }

    [Fact]
    public void Solarize_Values_AreInvertedFromOneHalf()
    {
        float[] planes = [0, 0.25f, 0.5f, 0.75f, 1];
        ImageColours.Solarize(planes);
        Assert.Equal([0, 0.25f, 0.5f, 0.25f, 0], planes);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.7)]
    [InlineData(2)]
    public void Blur_Planes_AreTheWeightedMeanOfTheNeighbours(double deviation)
    {
        const int size = 7;
        float[] planes = [.. Enumerable.Range(0, 2 * size * size).Select(i => i * 53 % 97 / 97f)], blurred = [.. planes];

        GaussianBlur.Apply(blurred, size, deviation);

        for (int c = 0; c < 2; c++)
        {
            for (int y = 0; y < size; y++)
            {
                for (int x = 0; x < size; x++)
                {
                    double sum = 0, total = 0;
                    for (int dy = -20; dy <= 20; dy++)
                    {
                        for (int dx = -20; dx <= 20; dx++)
                        {
                            double weight = Math.Exp(-(dy * dy + dx * dx) / (2 * deviation * deviation));
                            sum += weight * planes[(c * size + Math.Clamp(y + dy, 0, size - 1)) * size + Math.Clamp(x + dx, 0, size - 1)];
                            total += weight;
                        }
                    }
                    Assert.Equal(sum / total, blurred[(c * size + y) * size + x], 2e-4);   // beyond four deviations nothing counts
                }
            }
        }
    }
}
