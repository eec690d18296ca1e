using System.Numerics.Tensors;
using PreTrain.Generation;

namespace PreTrain.Tests.Generation;

public sealed class TokenSamplerTests
{
    /// <summary>Probabilities 0.4, 0.3, 0.2 and 0.1 at the places 5, 2, 7 and 0; the rest nearly nothing.</summary>
    private static float[] Logits()
    {
        float[] logits = [.. Enumerable.Repeat(-30f, 11)];
        (logits[5], logits[2], logits[7], logits[0]) = (MathF.Log(0.4f), MathF.Log(0.3f), MathF.Log(0.2f), MathF.Log(0.1f));
        return logits;
    }

    private static int[] Draw(float[] logits, GenerationOptions options, int count = 4000)
    {
        var sampler = new TokenSampler(options);
        return [.. Enumerable.Range(0, count).Select(_ => sampler.Next(logits))];
    }

    [Fact]
    public void Next_Temperature1_DrawsByProbability()
    {
        int[] drawn = Draw(Logits(), new() { Seed = 3 });

        foreach (var (token, probability) in new[] { (5, 0.4), (2, 0.3), (7, 0.2), (0, 0.1) })
        {
            // Four deviations of a binomial count.
            double expected = probability * drawn.Length, deviation = Math.Sqrt(expected * (1 - probability));
            Assert.InRange(drawn.Count(t => t == token), expected - 4 * deviation, expected + 4 * deviation);
        }
    }

    [Fact]
    public void Next_OtherTemperature_SharpensOrFlattens()
    {
        // At ½ the probabilities are squared: 16/30 for the first. At 10⁶ all eleven are equal.
        int sharp = Draw(Logits(), new() { Temperature = 0.5 }).Count(t => t == 5), flat = Draw(Logits(), new() { Temperature = 1e6 }).Count(t => t == 5);

        Assert.InRange(sharp, 4000 * (16.0 / 30) - 127, 4000 * (16.0 / 30) + 127);
        Assert.InRange(flat, 4000 / 11.0 - 73, 4000 / 11.0 + 73);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(1e-300, 0)]   // 1/temperature is beyond 32 bits
    public void Next_Greedy_TakesTheFirstOfTheBest(double temperature, int topK)
    {
        float[] logits = [1, 7, 3, 7, float.NegativeInfinity];

        Assert.All(Draw(logits, new() { Temperature = temperature, TopK = topK }, 50), t => Assert.Equal(1, t));
    }

    [Theory]
    [InlineData(2, new[] { 5, 2 })]
    [InlineData(3, new[] { 5, 2, 7 })]
    [InlineData(4, new[] { 5, 2, 7, 0 })]
    public void Next_TopK_DrawsFromThoseAlone(int topK, int[] expected) =>
        Assert.Equal(expected.Order(), Draw(Logits(), new() { TopK = topK }).Distinct().Order());

    [Theory]
    [InlineData(0.39, new[] { 5 })]
    [InlineData(0.41, new[] { 5, 2 })]
    [InlineData(0.69, new[] { 5, 2 })]
    [InlineData(0.71, new[] { 5, 2, 7 })]
    [InlineData(0.91, new[] { 5, 2, 7, 0 })]
    public void Next_TopP_DrawsFromTheFewestThatReachIt(double topP, int[] expected) =>
        Assert.Equal(expected.Order(), Draw(Logits(), new() { TopP = topP }).Distinct().Order());

    [Theory]
    [InlineData(2, 0.56, new[] { 5 })]   // of the two that top-k keeps, the first has 4/7
    [InlineData(2, 0.58, new[] { 5, 2 })]
    [InlineData(3, 0.79, new[] { 5, 2, 7 })]
    public void Next_TopKAndTopP_RestrictOneAfterTheOther(int topK, double topP, int[] expected) =>
        Assert.Equal(expected.Order(), Draw(Logits(), new() { TopK = topK, TopP = topP }).Distinct().Order());

    [Fact]
    public void Next_EqualProbabilities_KeepsTheFirst()
    {
        float[] logits = new float[13];

        Assert.Equal([0, 1, 2, 3, 4], Draw(logits, new() { TopK = 5 }).Distinct().Order());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], Draw(logits, new() { TopP = 0.5 }).Distinct().Order());
    }

    [Theory]
    [InlineData(40, 1, 1)]
    [InlineData(0, 0.9, 1)]
    [InlineData(0, 0.9999, 3)]
    [InlineData(700, 0.9, 3)]
    [InlineData(7000, 1, 1)]
    [InlineData(2, 1e-9, 1)]
    public void Next_LargeVocabulary_DrawsWhatAFullSortDoes(int topK, double topP, double temperature)
    {
        var random = new System.Random(3);
        for (int trial = 0; trial < 20; trial++)
        {
            // Many ties, as from weights of 16 bits.
            float[] logits = [.. Enumerable.Range(0, 7919).Select(_ => MathF.Round((float)(random.NextDouble() * random.NextDouble()) * 300) / 16)];
            var options = new GenerationOptions { TopK = topK, TopP = topP, Temperature = temperature, Seed = trial };

            Assert.Equal(DrawWithFullSort(logits, options, 20), Draw(logits, options, 20));
        }
    }

    /// <summary>The plain way: sorts everything.</summary>
    private static int[] DrawWithFullSort(float[] logits, GenerationOptions options, int count)
    {
        float first = logits.Max();
        float[] p = [.. logits.Select(x => (x - first) * (float)(1 / options.Temperature))];
        TensorPrimitives.Exp(p, p);
        int[] kept = [.. Enumerable.Range(0, p.Length).OrderByDescending(i => p[i]).ThenBy(i => i)];
        if (options.TopK > 0) kept = kept[..Math.Min(options.TopK, kept.Length)];
        double total = kept.Sum(i => (double)p[i]), reached = 0;
        int most = 0;
        while (most < kept.Length && reached < options.TopP * total) reached += p[kept[most++]];
        kept = kept[..most];
        total = kept.Sum(i => (double)p[i]);

        ulong state = (ulong)options.Seed;
        var result = new int[count];
        for (int i = 0; i < count; i++)
        {
            // SplitMix64's next number, its upper 53 bits as a fraction.
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
            z = (z ^ z >> 27) * 0x94D049BB133111EB;
            double draw = Math.ScaleB((z ^ z >> 31) >> 11, -53) * total;
            int at = 0;
            while ((draw -= p[kept[at]]) >= 0) at++;
            result[i] = kept[at];
        }
        return result;
    }

    [Fact]
    public void Next_SameSeed_DrawsTheSame()
    {
        Assert.Equal(Draw(Logits(), new() { Seed = 7 }, 100), Draw(Logits(), new() { Seed = 7 }, 100));
        Assert.NotEqual(Draw(Logits(), new() { Seed = 7 }, 100), Draw(Logits(), new() { Seed = 11 }, 100));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 0.99)]
    [InlineData(11, 1)]
    [InlineData(5, 1)]
    public void Next_ImpossibleTokens_AreNeverDrawn(int topK, double topP)
    {
        float[] logits = [float.NegativeInfinity, 1, 1, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, 1, float.NegativeInfinity];
        foreach (double temperature in new[] { 1, 1e-30, 1e30, 1e300 })
            Assert.All(Draw(logits, new() { TopK = topK, TopP = topP, Temperature = temperature }, 500), t => Assert.Contains(t, new[] { 1, 2, 6 }));
    }

    [Theory]
    [InlineData(float.NaN, 3)]
    [InlineData(float.PositiveInfinity, 3)]
    [InlineData(float.NegativeInfinity, 0)]
    public void Next_NothingToChoose_Throws(float value, int place)
    {
        float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 5)];
        logits[place] = value;

        var e = Assert.Throws<InvalidOperationException>(() => new TokenSampler(new()).Next(logits));

        Assert.Equal($"The model's logits are not finite (logit {place} is {value}); its weights are broken, or training diverged.", e.Message);
    }
}
