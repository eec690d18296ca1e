using PreTrain.Data;
using PreTrain.Data.Images;

namespace PreTrain.Tests.Data.Images;

public sealed class ImageFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private RasterImage Read(byte[] file)
    {
        _folder.Write("a/image", file);
        return ImageFolder.Open(_folder.File("a")).Read(0);
    }

    private static void Same(RasterImage expected, RasterImage actual)
    {
        Assert.Equal((expected.Width, expected.Height, expected.ChannelCount), (actual.Width, actual.Height, actual.ChannelCount));
        Assert.Equal(expected.Pixels, actual.Pixels);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Read_PgmAndPpm_GivesThePixels(int channels)
    {
        RasterImage image = ImageFixture.Create(7, 5, channels);
        Same(image, Read(ImageFixture.Netpbm(image)));
    }

    [Fact]
    public void Read_PgmOfFewerGreys_IsStretched() => Assert.Equal([0, 17, 255], Read([.. "P5 3 1 15 "u8, 0, 1, 15]).Pixels);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Read_PngOfEveryFilterAndColour_GivesThePixels(int filter)
    {
        for (int stored = 1; stored <= 4; stored++)
        {
            RasterImage image = ImageFixture.Create(7, 5, stored);
            int kept = stored < 3 ? 1 : 3;
            byte[] pixels = [.. image.Pixels.Where((_, i) => i % stored < kept)];
            Same(new RasterImage(7, 5, kept, pixels), Read(ImageFixture.Png(image, filter)));
        }
    }

    // Written by Pillow 13.0.0 of images whose pixels are (3x + 5y(c + 1) + xy).
    [Theory]
    [InlineData(1, "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAAAAACs8akEAAAAI0lEQVR4nCXBwREAMAjDsHImzv4b94E0DwAme3I2qrqxbfsBDDMAuAfuVYkAAAAASUVORK5CYII=")]
    [InlineData(2, "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAQAAAAjkz5TAAAAJElEQVR4nGNkYGBGAoysXCzIgJWLFQmwsHKxIQEWVi42dgQAAC5SAXbny/naAAAAAElFTkSuQmCC")]
    [InlineData(3, "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAJ0lEQVR4nGXBsQ0AMAwCMKJCKrHw/7fdiz0AThk5bHJUKGcL5ez9PWp1AkjgVtsZAAAAAElFTkSuQmCC")]
    [InlineData(4, "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAYAAACJmvbYAAAAKklEQVR4nGNkYGBgYMYBGFm5+EVYcAFWLn4RVhyAhZWLX4QNB4BIsmMHAMSOAy5qzUP0AAAAAElFTkSuQmCC")]
    public void Read_PngOfAnotherProgram_GivesThePixels(int stored, string file)
    {
        int kept = stored < 3 ? 1 : 3;
        byte[] pixels = [.. Enumerable.Range(0, 35 * kept).Select(i => (X: i / kept % 7, Y: i / kept / 7, C: i % kept)).Select(p => (byte)(3 * p.X + 5 * p.Y * (p.C + 1) + p.X * p.Y))];
        Same(new RasterImage(7, 5, kept, pixels), Read(Convert.FromBase64String(file)));
    }

    [Fact]
    public void Open_AFolder_ListsFilesOfAllFoldersByName()
    {
        foreach (string name in new[] { "b/1.ppm", "a/2.png", "a/10.png", ".hidden", ".git/x" }) _folder.Write($"images/{name}", ImageFixture.Netpbm(ImageFixture.Create(2, 3, 3)));

        ImageFolder images = ImageFolder.Open(_folder.File("images"));

        Assert.Equal(3, images.Count);
        Assert.Equal(["a/10.png", "a/2.png", "b/1.ppm"], Enumerable.Range(0, 3).Select(i => Path.GetRelativePath(images.Folder, images.FileOf(i)).Replace('\\', '/')));
        string before = images.Fingerprint;
        _folder.Write("images/b/1.ppm", ImageFixture.Netpbm(ImageFixture.Create(2, 5, 3)));
        Assert.NotEqual(before, ImageFolder.Open(_folder.File("images")).Fingerprint);
    }

    [Fact]
    public void Open_AFileThatIsNoImage_IsNamed()
    {
        _folder.Write("a/1.ppm", ImageFixture.Netpbm(ImageFixture.Create(2, 3, 3)));
        string file = _folder.Write("a/photo.png", "GIF89a");

        CorpusException fault = Assert.Throws<CorpusException>(() => ImageFolder.Open(_folder.File("a")));

        Assert.Equal(file, fault.File);
        Assert.Equal($"The file '{file}' is no image of a known format; it must be a PNG file, or a binary PGM or PPM file (P5, P6). Convert it, or move it out of the folder.", fault.Message);
        _folder.Write("a/photo.png", "");
        Assert.Equal($"The file '{file}' is empty; it must be an image. Remove it.", Assert.Throws<CorpusException>(() => ImageFolder.Open(_folder.File("a"))).Message);
    }

    [Fact]
    public void Open_NoFolderOrNoImage_SaysSo()
    {
        Directory.CreateDirectory(_folder.File("empty"));
        Assert.EndsWith("holds no image. Put PNG, PGM or PPM files there.", Assert.Throws<CorpusException>(() => ImageFolder.Open(_folder.File("empty"))).Message);
        Assert.Contains("does not exist", Assert.Throws<CorpusException>(() => ImageFolder.Open(_folder.File("none"))).Message);
    }

    [Theory]
    [InlineData("P5 3 2 255 12345", "5 bytes follow its header, and 3 × 2 pixels of 1 channels need 6.")]
    [InlineData("P6 3 x", "its header has no height at byte 5.")]
    [InlineData("P6 12345678901 2", "its width has more than 10 digits.")]
    [InlineData("P5 1 1 65535 ab", "The largest value (65535)")]
    [InlineData("P5 1 1 255", "no white space ends its header.")]
    [InlineData("P5 1 1 7 x", "the sample 0 (120) exceeds the largest value (7).")]
    [InlineData("P5 0 1 255 ", "has 0 × 1 pixels; it must have at least one")]
    [InlineData("P5 99999 99999 255 ", "has 99999 × 99999 pixels; it must have at least one and at most 268435456.")]
    public void Read_BrokenMaps_SaysWhatIsWrong(string file, string fault) =>
        Assert.Contains(fault, Assert.Throws<CorpusException>(() => Read(System.Text.Encoding.ASCII.GetBytes(file))).Message);

    [Fact]
    public void Read_PngCutAnywhere_IsDamaged()
    {
        byte[] whole = ImageFixture.Png(ImageFixture.Create(7, 5, 3), 4);
        for (int length = 8; length < whole.Length; length++)
        {
            CorpusException fault = Assert.Throws<CorpusException>(() => Read(whole[..length]));
            Assert.Contains("is damaged", fault.Message);
            Assert.EndsWith("image", fault.File);
        }
    }

    [Fact]
    public void Read_PngWithAnyByteChanged_IsDamaged()
    {
        byte[] whole = ImageFixture.Png(ImageFixture.Create(7, 5, 3), 2);
        for (int place = 8; place < whole.Length; place++)
        {
            byte[] changed = [.. whole];
            changed[place] ^= 0x40;
            Assert.Contains("is damaged", Assert.Throws<CorpusException>(() => Read(changed)).Message);
        }
    }

    [Fact]
    public void Read_PngWithMoreOrFewerRowsThanItSays_IsDamaged()
    {
        RasterImage image = ImageFixture.Create(7, 5, 3);
        Assert.Contains("it has more pixels than 7 × 4.", Assert.Throws<CorpusException>(() => Read(ImageFixture.Png(image, 2, header => header[7] = 4))).Message);
        Assert.Contains("its pixels end in row 6 of 6.", Assert.Throws<CorpusException>(() => Read(ImageFixture.Png(image, 2, header => header[7] = 6))).Message);
    }

    [Theory]
    [InlineData(8, 16, "has 16 bits, colour type 2 and interlacing 0")]
    [InlineData(9, 3, "has 8 bits, colour type 3 and interlacing 0")]
    [InlineData(12, 1, "has 8 bits, colour type 2 and interlacing 1")]
    [InlineData(10, 1, "its compression (1) and filtering (0) must be 0.")]
    public void Read_PngOfAKindThatIsNotRead_SaysWhich(int place, byte value, string fault)
    {
        byte[] file = ImageFixture.Png(ImageFixture.Create(7, 5, 3), 0, header => header[place] = value);
        Assert.Contains(fault, Assert.Throws<CorpusException>(() => Read(file)).Message);
    }
}
