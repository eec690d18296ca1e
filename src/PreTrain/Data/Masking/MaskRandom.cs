namespace PreTrain.Data.Masking;

/// <summary>The numbers that decide what happens to one row. They follow from the row's seed alone.</summary>
internal struct MaskRandom(ulong seed)
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;
    private ulong _state = seed;

    /// <summary>The seed of a row that a sampler drew, from that of the stream.</summary>
    internal static ulong SeedOf(ulong stream, SamplerState row) => SplitMix.Mix(SplitMix.Mix(stream, (ulong)row.Epoch, 3), (ulong)row.Position, 4);

    /// <summary>64 random bits.</summary>
    internal ulong Next()
    {
        ulong value = SplitMix.Mix(_state);
        _state += GoldenGamma;
        return value;
    }

    /// <summary>A whole number from 0 to below <paramref name="bound"/>.</summary>
    internal int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>A number from 0 to below 1.</summary>
    internal double NextDouble() => (Next() >> 11) * (1.0 / (1L << 53));

    /// <summary>The first place at which sums of probabilities exceed a draw.</summary>
    internal int NextOf(ReadOnlySpan<double> sums)
    {
        double draw = NextDouble();
        for (int i = 0; i < sums.Length - 1; i++)
            if (draw < sums[i]) return i;
        return sums.Length - 1;
    }

    /// <summary>A Poisson number (Knuth, "The Art of Computer Programming", volume 2, section 3.4.1).</summary>
    internal int NextPoisson(double mean)
    {
        double limit = Math.Exp(-mean), product = NextDouble();
        int count = 0;
        for (; product > limit; count++) product *= NextDouble();
        return count;
    }

    /// <summary>0 … <paramref name="count"/> − 1 in a random order.</summary>
    internal int[] Permutation(int count)
    {
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j = Next(i + 1);
            (order[i], order[j]) = (order[j], i);
        }
        return order;
    }
}
