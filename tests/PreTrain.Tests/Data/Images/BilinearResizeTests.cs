using PreTrain.Data.Images;

namespace PreTrain.Tests.Data.Images;

public sealed class BilinearResizeTests
{
    /// <summary>From torch.nn.functional.interpolate(mode="bilinear", antialias=True) of PyTorch 2.14 on the same parts of the same images: smaller, both, larger.</summary>
    public static TheoryData<int, int, int, int[], int, float[]> References => new()
    {
        { 13, 17, 1, [0, 0, 13, 17], 3, [0.429633f, 0.441619f, 0.485018f, 0.490637f, 0.441867f, 0.530019f, 0.529079f, 0.465881f, 0.470045f] },
        {
            13, 11, 3, [2, 3, 7, 5], 2,
            [0.434341f, 0.565854f, 0.511429f, 0.494922f, 0.487004f, 0.404361f, 0.513531f, 0.493156f, 0.451337f, 0.518062f, 0.450301f, 0.485043f]
        },
        {
            5, 3, 1, [1, 0, 3, 2], 5,
            [
                0.149020f, 0.211765f, 0.305882f, 0.404706f, 0.470588f, 0.134902f, 0.199216f, 0.295686f, 0.396863f, 0.464314f, 0.078431f, 0.149020f, 0.254902f, 0.365490f, 0.439216f,
                0.021961f, 0.098824f, 0.214118f, 0.334118f, 0.414118f, 0.007843f, 0.086275f, 0.203922f, 0.326275f, 0.407843f,
            ]
        },
    };

    [Theory]
    [MemberData(nameof(References))]
    public void Apply_PartsOfImages_GivesTheReferencesPixels(int width, int height, int channels, int[] crop, int size, float[] expected)
    {
        float[] actual = BilinearResize.Apply(ImageFixture.Create(width, height, channels), new ImageCrop(crop[0], crop[1], crop[2], crop[3]), size);

        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-6f);
    }

    [Fact]
    public void Apply_TheSameSize_IsTheImage()
    {
        RasterImage image = ImageFixture.Create(7, 7, 3);

        float[] actual = BilinearResize.Apply(image, ImageCrop.Middle(7, 7), 7);

        for (int i = 0; i < actual.Length; i++) Assert.Equal(image.Pixels[i % 49 * 3 + i / 49] / 255f, actual[i], 1e-6f);
    }
}
