namespace PreTrain.Data;

/// <summary>The mixing function of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).</summary>
internal static class SplitMix
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    /// <summary>Spreads every input bit over all output bits; a bijection.</summary>
    public static ulong Mix(ulong value)
    {
        value += GoldenGamma;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>One value from several.</summary>
    public static ulong Mix(ulong seed, ulong index, ulong purpose) => Mix(Mix(Mix(seed) ^ index) ^ purpose);
}
