using PreTrain.Data.Masking;

namespace PreTrain.Data.Images;

/// <summary>A part of an image.</summary>
internal readonly record struct ImageCrop(int Left, int Top, int Width, int Height)
{
    private const int Attempts = 10;
    private const double MaxAspect = 4.0 / 3;

    /// <summary>The largest square in the middle.</summary>
    internal static ImageCrop Middle(int width, int height)
    {
        int side = Math.Min(width, height);
        return new ImageCrop((width - side) / 2, (height - side) / 2, side, side);
    }

    /// <summary>A part whose area is between a share of the image and all of it, and whose sides are as 3 : 4 to 4 : 3 (Szegedy et al. 2015, section 6).</summary>
    internal static ImageCrop Draw(int width, int height, double minArea, ref MaskRandom random)
    {
        if (minArea >= 1) return Middle(width, height);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            double area = (minArea + (1 - minArea) * random.NextDouble()) * width * height;
            double aspect = Math.Pow(MaxAspect, 2 * random.NextDouble() - 1);   // as likely wide as high
            int w = (int)Math.Round(Math.Sqrt(area * aspect)), h = (int)Math.Round(Math.Sqrt(area / aspect));
            if (w < 1 || h < 1 || w > width || h > height) continue;
            return new ImageCrop(random.Next(width - w + 1), random.Next(height - h + 1), w, h);
        }
        return Middle(width, height);
    }
}
