using System.Globalization;

namespace PreTrain.Tokenization.Json;

/// <summary>
/// Scores as Hugging Face's tokenizers read them: the digits as one whole number, divided by a power of ten. That rounds twice, so that about every fourth
/// score is the neighbour of the one that was written; and which of two equally good ways to cut a word wins hangs on that last bit.
/// </summary>
internal static class ScoreText
{
    private static readonly double[] s_powersOfTen = [.. Enumerable.Range(0, 309).Select(power => double.Parse($"1e{power}", CultureInfo.InvariantCulture))];

    /// <summary>Reads a number that is valid JSON.</summary>
    public static double Parse(ReadOnlySpan<byte> text)
    {
        bool isNegative = text[0] == '-';
        int at = isNegative ? 1 : 0, exponent = 0;
        ulong digits = 0;
        bool isFull = false, isFraction = false;   // full: no further digit fits, so that the rest is left out
        for (; at < text.Length && text[at] is not ((byte)'e' or (byte)'E'); at++)
        {
            if (text[at] == '.')
            {
                isFraction = true;
                continue;
            }

            ulong digit = (ulong)(text[at] - '0');
            isFull |= digits > (ulong.MaxValue - digit) / 10;
            if (!isFull)
                digits = (digits * 10) + digit;
            exponent += (isFull ? 1 : 0) - (isFraction ? 1 : 0);
        }

        if (at < text.Length && int.TryParse(text[(at + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int written))
            exponent += written;
        double value = digits;
        int largest = s_powersOfTen.Length - 1;
        for (; exponent < -largest && value != 0; exponent += largest)
            value /= s_powersOfTen[largest];
        value = exponent >= 0 ? value * s_powersOfTen[Math.Min(exponent, largest)] : value / s_powersOfTen[-Math.Max(exponent, -largest)];
        return isNegative ? -value : value;
    }

    /// <summary>What a score becomes in a file.</summary>
    public static double Reread(double score)
    {
        Span<byte> text = stackalloc byte[32];
        return score.TryFormat(text, out int length, "R", CultureInfo.InvariantCulture) ? Parse(text[..length]) : score;
    }
}
