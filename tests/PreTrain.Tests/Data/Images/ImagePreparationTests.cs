using PreTrain.Data.Images;
using PreTrain.Data.Masking;

namespace PreTrain.Tests.Data.Images;

public sealed class ImagePreparationTests
{
    private static readonly ImageOptions s_still = new() { Mean = [0], Deviation = [1], MinCropArea = 1, FlipProbability = 0 };

    private static float[] Changed(ImageOptions options, RasterImage image, int size, ulong seed, int channels = 3)
    {
        var preparation = new ImagePreparation(options, size, channels);
        float[] result = new float[preparation.Length];
        preparation.Changed(image, seed, result);
        return result;
    }

    [Fact]
    public void Plain_AnImage_IsItsSquareInTheMiddleNormalizedByChannel()
    {
        RasterImage image = ImageFixture.Create(11, 7, 3);
        var preparation = new ImagePreparation(new() { Mean = [0.5, 0.25, 0.125], Deviation = [0.5, 0.25, 2] }, 7, 3);
        float[] actual = new float[preparation.Length];

        preparation.Plain(image, actual);

        double[] mean = [0.5, 0.25, 0.125], deviation = [0.5, 0.25, 2];
        for (int c = 0; c < 3; c++)
        {
            for (int y = 0; y < 7; y++)
                for (int x = 0; x < 7; x++) Assert.Equal((image.Pixels[(y * 11 + x + 2) * 3 + c] / 255.0 - mean[c]) / deviation[c], actual[(c * 7 + y) * 7 + x], 1e-5);
        }
    }

    [Fact]
    public void Plain_GreyAndColour_ComeToTheModelsChannels()
    {
        RasterImage grey = ImageFixture.Create(5, 5, 1), colour = ImageFixture.Create(5, 5, 3);
        float[] three = new float[75], one = new float[25];

        new ImagePreparation(s_still, 5, 3).Plain(grey, three);
        new ImagePreparation(s_still, 5, 1).Plain(colour, one);

        for (int i = 0; i < 25; i++)
        {
            Assert.All([three[i], three[25 + i], three[50 + i]], value => Assert.Equal(grey.Pixels[i] / 255f, value, 1e-6f));
            Assert.Equal((0.299 * colour.Pixels[3 * i] + 0.587 * colour.Pixels[3 * i + 1] + 0.114 * colour.Pixels[3 * i + 2]) / 255, one[i], 1e-5);
        }
    }

    [Fact]
    public void Changed_Flipped_IsTheMirrorOfTheImage()
    {
        RasterImage image = ImageFixture.Create(7, 7, 3);

        float[] still = Changed(s_still, image, 7, 3), turned = Changed(s_still with { FlipProbability = 1 }, image, 7, 3);

        for (int i = 0; i < still.Length; i++) Assert.Equal(still[i], turned[i / 7 * 7 + 6 - i % 7]);
        int flips = Enumerable.Range(0, 1000).Count(seed => !Changed(s_still with { FlipProbability = 0.3 }, image, 7, (ulong)seed).AsSpan().SequenceEqual(still));
        Assert.InRange(flips, 240, 360);
    }

    [Fact]
    public void Changed_BrightnessAndContrast_ScaleFromZeroAndFromTheMeanGrey()
    {
        RasterImage image = ImageFixture.Create(7, 7, 3);
        float[] still = Changed(s_still, image, 7, 3), bright = Changed(s_still with { Brightness = 0.5 }, image, 7, 3), contrast = Changed(s_still with { Contrast = 0.5 }, image, 7, 3);

        int place = Array.FindIndex(still, value => value is > 0.2f and < 0.5f);
        double factor = bright[place] / still[place];
        Assert.InRange(factor, 0.5, 1.5);
        Assert.NotEqual(1, factor, 1e-3);
        for (int i = 0; i < still.Length; i++) Assert.Equal(Math.Clamp(still[i] * factor, 0, 1), bright[i], 1e-5);

        double[] grey = [.. Enumerable.Range(0, 49).Select(i => 0.299 * still[i] + 0.587 * still[49 + i] + 0.114 * still[98 + i])];
        double mean = grey.Average(), stretch = (contrast[place] - mean) / (still[place] - mean);
        Assert.InRange(stretch, 0.5, 1.5);
        Assert.NotEqual(1, stretch, 1e-3);
        for (int i = 0; i < still.Length; i++) Assert.Equal(Math.Clamp(mean + stretch * (still[i] - mean), 0, 1), contrast[i], 1e-4);
    }

    [Fact]
    public void Changed_ColoursGreyBlurAndInversion_HappenAsOftenAsTheyShould()
    {
        RasterImage image = ImageFixture.Create(7, 7, 3);
        float[] still = Changed(s_still, image, 7, 3);
        foreach (ImageOptions options in new[]
        {
            s_still with { Saturation = 0.9, JitterProbability = 0.3 }, s_still with { Hue = 0.5, JitterProbability = 0.3 }, s_still with { GreyProbability = 0.3 }, s_still with { BlurProbability = 0.3 },
            s_still with { SolarizeProbability = 0.3 },
        })
            Assert.InRange(Enumerable.Range(0, 1000).Count(seed => !Changed(options, image, 7, (ulong)seed).AsSpan().SequenceEqual(still)), 240, 360);   // four deviations of a binomial
        float[] grey = Changed(s_still with { GreyProbability = 1 }, image, 7, 3);
        for (int i = 0; i < 49; i++) Assert.True(Math.Abs(grey[i] - grey[49 + i]) < 1e-6 && Math.Abs(grey[i] - grey[98 + i]) < 1e-6);
    }

    [Fact]
    public void Changed_GreyImages_HaveNoColourToChange()
    {
        RasterImage image = ImageFixture.Create(7, 7, 1);
        Assert.Equal(Changed(s_still, image, 7, 3, channels: 1), Changed(s_still with { Saturation = 0.5, Hue = 0.3, GreyProbability = 1 }, image, 7, 3, channels: 1));
    }

    [Fact]
    public void Changed_BrightnessAndSaturation_ComeInEitherOrder()
    {
        RasterImage image = ImageFixture.Create(7, 7, 3);
        // Clipping tells the orders of two changes apart.
        ImageOptions both = s_still with { Brightness = 1, Contrast = 1 };
        var orders = Enumerable.Range(0, 200).Select(seed =>
        {
            float[] still = Changed(s_still, image, 7, (ulong)seed), bright = Changed(both with { Contrast = 0 }, image, 7, (ulong)seed), end = Changed(both, image, 7, (ulong)seed);
            float[] contrasted = Changed(both with { Brightness = 0 }, image, 7, (ulong)seed);
            int at = Array.FindIndex(still, value => value is > 0.2f and < 0.45f);
            float factor = bright[at] / still[at];
            return bright[at] < 1 && Enumerable.Range(0, still.Length).All(i => Math.Abs(Math.Clamp(contrasted[i] * factor, 0, 1) - end[i]) < 1e-3);
        }).ToArray();
        Assert.InRange(orders.Count(brightnessLast => brightnessLast), 40, 160);
    }

    [Fact]
    public void Draw_ManyParts_LieInTheImageAndHaveTheAreasAndSides()
    {
        double least = 1, most = 0, narrowest = 9, widest = 0;
        for (ulong seed = 0; seed < 2000; seed++)
        {
            var random = new MaskRandom(seed * 7919);
            ImageCrop crop = ImageCrop.Draw(101, 83, 0.2, ref random);
            Assert.True(crop.Left >= 0 && crop.Top >= 0 && crop.Left + crop.Width <= 101 && crop.Top + crop.Height <= 83, $"{crop}");
            double area = crop.Width * crop.Height / (101.0 * 83), aspect = crop.Width / (double)crop.Height;
            (least, most, narrowest, widest) = (Math.Min(least, area), Math.Max(most, area), Math.Min(narrowest, aspect), Math.Max(widest, aspect));
        }
        Assert.InRange(least, 0.19, 0.22);
        Assert.InRange(most, 0.9, 1);
        Assert.InRange(narrowest, 0.72, 0.8);
        Assert.InRange(widest, 1.25, 1.38);
    }

    [Fact]
    public void Draw_AnImageThatIsTooNarrow_IsItsMiddle()
    {
        var random = new MaskRandom(3);
        Assert.Equal(new ImageCrop(48, 0, 5, 5), ImageCrop.Draw(101, 5, 0.9, ref random));
    }

    [Fact]
    public void Create_ChannelsThatDoNotFit_SaysSo()
    {
        ArgumentException channels = Assert.Throws<ArgumentException>(() => new ImagePreparation(s_still, 7, 2));
        Assert.StartsWith("A model of 2 channels cannot be trained on images of files; it must have 1 (grey) or 3 (red, green, blue).", channels.Message);
        ArgumentException mean = Assert.Throws<ArgumentException>(() => new ImagePreparation(new(), 7, 1));
        Assert.StartsWith("Mean has 3 numbers, and the model takes images of 1 channels. Give one number, or 1.", mean.Message);
    }

    [Fact]
    public void Validate_EveryFault_IsNamed()
    {
        var options = new ImageOptions { Mean = [], Deviation = [0], MinCropArea = 0, FlipProbability = 2, Brightness = -1, Contrast = 1.5, Saturation = 2, Hue = 0.6, JitterProbability = -1, GreyProbability = 2, BlurProbability = 2, SolarizeProbability = 2, ValidationFraction = 1 };

        string[] lines = Assert.Throws<ArgumentException>(options.Validate).Message.Split(Environment.NewLine);

        Assert.Equal(
        [
            "Mean () must be one number or a number for each channel, all finite.", "Deviation (0) must be one number or a number for each channel, all positive.",
            "MinCropArea (0) must be above 0 and at most 1.", "FlipProbability (2) must be from 0 to 1.", "Brightness (-1) must be from 0 to 1.", "Contrast (1.5) must be from 0 to 1.",
            "Saturation (2) must be from 0 to 1.", "Hue (0.6) must be from 0 to 0.5.", "JitterProbability (-1) must be from 0 to 1.", "GreyProbability (2) must be from 0 to 1.",
            "BlurProbability (2) must be from 0 to 1.", "SolarizeProbability (2) must be from 0 to 1.",
            "ValidationFraction (1) must be at least 0 and below 1.",
        ], lines);
    }
}
