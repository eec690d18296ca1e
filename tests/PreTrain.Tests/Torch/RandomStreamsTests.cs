using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch;

public sealed class RandomStreamsTests
{
    [Theory]
    [InlineData(17, "data", 5, -7696205889782669792)]   // the first 8 bytes of SHA-256 over the three, computed elsewhere
    [InlineData(-3, "init", 0, 3438096234519082413)]
    public void SeedOf_SeedNameAndStep_IsAlwaysTheSame(long seed, string stream, long step, long expected) =>
        Assert.Equal(expected, new RandomStreams(seed).SeedOf(stream, step));

    [Fact]
    public void SeedOf_AnyDifference_GivesAnotherSeed()
    {
        var seeds = new HashSet<long>();
        for (long seed = 0; seed < 5; seed++)
            foreach (string stream in new[] { "init", "data", "mask", "dropout" })
                for (long step = 0; step < 7; step++) Assert.True(seeds.Add(new RandomStreams(seed).SeedOf(stream, step)));
    }

    [Fact]
    public void CreateGenerator_SameStream_DrawsTheSame()
    {
        var streams = new RandomStreams(17);
        Assert.Equal(17, streams.Seed);

        Assert.Equal(Draw(streams.CreateGenerator("data", 5)), Draw(streams.CreateGenerator("data", 5)));
        Assert.NotEqual(Draw(streams.CreateGenerator("data", 5)), Draw(streams.CreateGenerator("data", 6)));

        static float[] Draw(Generator generator)
        {
            using (generator)
            {
                using Tensor t = rand(7, generator: generator);
                return t.data<float>().ToArray();
            }
        }
    }

    [Fact]
    public void SeedOf_NoName_Throws() => Assert.Throws<ArgumentException>(() => new RandomStreams(17).SeedOf(""));
}
