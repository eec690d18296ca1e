namespace PreTrain.Tokenization;

/// <summary>Random numbers from a seed (SplitMix64; Steele, Lea and Flood 2014): the same seed gives the same numbers everywhere.</summary>
internal sealed class SampleStream(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next number, at least 0 and less than 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    private ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
