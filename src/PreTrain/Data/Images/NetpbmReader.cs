namespace PreTrain.Data.Images;

/// <summary>Reads binary portable grey and colour maps (netpbm's pgm(5) and ppm(5)) with one byte for each sample.</summary>
internal static class NetpbmReader
{
    internal static bool IsNetpbm(ReadOnlySpan<byte> bytes) => bytes is [(byte)'P', (byte)'5' or (byte)'6', ..] && bytes.Length > 2 && (IsSpace(bytes[2]) || bytes[2] == '#');

    /// <exception cref="CorpusException">The file is damaged, or its samples are of 16 bits.</exception>
    internal static RasterImage Read(string file, byte[] bytes)
    {
        int channels = bytes[1] == '5' ? 1 : 3, place = 2;
        long width = Number("width"), height = Number("height"), largest = Number("largest value");
        ImageFile.RequireSize(file, width, height);
        if (largest is < 1 or > 255) throw new CorpusException($"The largest value ({largest}) of the image '{file}' must be from 1 to 255. Convert it to 8 bits.", file);
        if (place >= bytes.Length || !IsSpace(bytes[place])) throw ImageFile.Damaged(file, "no white space ends its header.");
        place++;   // a single one; what follows are pixels, whatever they look like
        long size = width * height * channels;
        if (bytes.Length - place < size) throw ImageFile.Damaged(file, $"{bytes.Length - place} bytes follow its header, and {width} × {height} pixels of {channels} channels need {size}.");
        byte[] pixels = bytes[place..(int)(place + size)];
        if (largest == 255) return new RasterImage((int)width, (int)height, channels, pixels);
        for (int i = 0; i < pixels.Length; i++)
        {
            if (pixels[i] > largest) throw ImageFile.Damaged(file, $"the sample {i} ({pixels[i]}) exceeds the largest value ({largest}).");
            pixels[i] = (byte)((pixels[i] * 255 + largest / 2) / largest);
        }
        return new RasterImage((int)width, (int)height, channels, pixels);

        long Number(string name)
        {
            while (place < bytes.Length && (IsSpace(bytes[place]) || bytes[place] == '#'))
            {
                if (bytes[place] != '#') place++;
                else while (place < bytes.Length && bytes[place] is not ((byte)'\n' or (byte)'\r')) place++;
            }
            int start = place;
            long number = 0;
            for (; place < bytes.Length && char.IsAsciiDigit((char)bytes[place]); place++)
            {
                if (place - start >= 10) throw ImageFile.Damaged(file, $"its {name} has more than 10 digits.");
                number = number * 10 + (bytes[place] - '0');
            }
            return place > start ? number : throw ImageFile.Damaged(file, $"its header has no {name} at byte {start}.");
        }
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or >= 9 and <= 13;
}
