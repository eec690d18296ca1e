namespace PreTrain.Data.Images;

/// <summary>An image as it stands in a file: 8 bits of each channel of each pixel.</summary>
/// <param name="Width">Pixels of a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="ChannelCount">1 for grey, 3 for red, green and blue.</param>
/// <param name="Pixels">Row by row, each pixel's channels side by side: <see cref="Height"/> × <see cref="Width"/> × <see cref="ChannelCount"/>.</param>
public sealed record RasterImage(int Width, int Height, int ChannelCount, byte[] Pixels);
