using System.Text.Json.Nodes;
using PreTrain.Optimization;

namespace PreTrain.Tests.Optimization;

public sealed class GradientNoiseScaleTests
{
    [Fact]
    public void Value_GradientsOfKnownNoise_IsTheNoiseOverTheSignal()
    {
        // Gradients of single examples: a mean of norm 2 and noise of variance 0.09 in each of 500 directions, so that tr(Σ) / |G|² = 45 / 4.
        const int Directions = 500, Small = 3, Large = 24;
        var random = new Random(7);
        var scale = new GradientNoiseScale(0.99);
        for (int step = 0; step < 400; step++)
        {
            double[] small = new double[Directions], large = new double[Directions];
            for (int example = 0; example < Large; example++)
            {
                for (int d = 0; d < Directions; d++)
                {
                    double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()), g = (d == 0 ? 2 : 0) + 0.3 * normal;
                    large[d] += g / Large;
                    if (example < Small) small[d] += g / Small;
                }
            }
            scale.Observe(Math.Sqrt(small.Sum(x => x * x)), Small, Math.Sqrt(large.Sum(x => x * x)), Large);
        }
        Assert.InRange(scale.Value!.Value, 0.95 * 45 / 4, 1.05 * 45 / 4);
    }

    [Fact]
    public void Observe_Once_SolvesTheTwoEquations()
    {
        // |G_B|² = |G|² + tr(Σ) / B with |G|² = 9 and tr(Σ) = 40.
        var scale = new GradientNoiseScale();
        Assert.Null(scale.Value);
        scale.Observe(Math.Sqrt(9 + 40.0 / 5), 5, Math.Sqrt(9 + 40.0 / 20), 20);
        Assert.Equal(40.0 / 9, scale.Value!.Value, 9);

        var again = new GradientNoiseScale(state: JsonNode.Parse(scale.State.ToJsonString())!.AsObject());
        foreach (GradientNoiseScale s in new[] { scale, again }) s.Observe(4, 5, 3.5, 20);
        Assert.Equal(scale.Value, again.Value);
        Assert.Throws<ArgumentException>(() => scale.Observe(1, 5, 1, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GradientNoiseScale(1));
    }
}
