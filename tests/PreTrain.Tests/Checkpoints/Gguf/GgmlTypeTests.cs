using System.Runtime.InteropServices;
using System.Text.Json;
using PreTrain.Checkpoints.Gguf;

namespace PreTrain.Tests.Checkpoints.Gguf;

/// <summary>The blocks of GGUF files against ggml's own code: fixtures/gguf/make_blocks.py.</summary>
public class GgmlTypeTests
{
    private static readonly JsonElement s_fixture = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Checkpoints", "fixtures", "gguf", "blocks.json"))).RootElement;
    private static readonly float[] s_values = Floats(s_fixture.GetProperty("values"));

    public static TheoryData<string> Types => [.. GgmlType.ByCode.Values.Where(type => type != GgmlType.F32).Select(type => type.Name)];

    public static TheoryData<string> SimpleTypes => ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"];

    [Theory]
    [MemberData(nameof(Types))]
    public void Decode_GgmlsBytes_GivesGgufsNumbers(string name)
    {
        float[] actual = new float[s_values.Length];
        Type(name).Decode(Stored(name), actual);
        float[] expected = Floats(s_fixture.GetProperty(name).GetProperty("values"));
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], Math.Abs(expected[i]) * 1e-6f);
    }

    [Theory]
    [MemberData(nameof(SimpleTypes))]
    public void Encode_SimpleTypes_GivesGgmlsBytes(string name) => Assert.Equal(Stored(name), Encoded(name, s_values));

    /// <summary>Sums in another order may tip a super-block to another candidate of the same error.</summary>
    [Theory]
    [InlineData("Q4_K")]
    [InlineData("Q5_K")]
    [InlineData("Q6_K")]
    public void Encode_SuperBlocks_GivesGgmlsBytes(string name)
    {
        GgmlType type = Type(name);
        byte[] expected = Stored(name), actual = Encoded(name, s_values);
        int[] equal = [.. expected.Chunk(type.BlockBytes).Zip(actual.Chunk(type.BlockBytes), (a, b) => a.Zip(b).Count(pair => pair.First == pair.Second))];
        Assert.True(equal.Count(count => count == type.BlockBytes) >= 4, $"Of {type.BlockBytes} bytes each, {string.Join(", ", equal)} are equal.");
        float[] theirs = new float[s_values.Length], ours = new float[s_values.Length];
        type.Decode(expected, theirs);
        type.Decode(actual, ours);
        for (int first = 0; first < s_values.Length; first += 256) Assert.InRange(SquaredError(ours, first), 0, 1.002 * SquaredError(theirs, first));

        double SquaredError(float[] values, int first) => Enumerable.Range(first, 256).Sum(i => Math.Pow((double)values[i] - s_values[i], 2));
    }

    [Theory]
    [InlineData(15, -1f, 21)]
    [InlineData(31, -0.5f, 16)]
    public void Affine_Blocks_ReachesTheSlowSearch(int highest, float firstStretch, int guesses)
    {
        int tipped = 0;
        foreach (float[] x in s_values.Chunk(32).Where(x => x.Max() - Math.Min(0, x.Min()) > 0))
        {
            float mean = MathF.Sqrt(x.Sum(value => value * value) / x.Length);
            float[] weights = [.. x.Select(value => mean + Math.Abs(value))];
            (float scale, float offset) = BlockFit.Affine(x, weights, highest, firstStretch, guesses);
            Assert.True(offset <= 0);
            double rounding = 1e-12 * x.Zip(weights, (value, weight) => (double)weight * value * value).Sum();   // of scales in 32 bits
            double slow = SlowBlocks.AffineError(x, weights, highest, firstStretch, guesses), error = SlowBlocks.AffineError(x, weights, highest, scale, offset);
            Assert.True(error <= slow * 1.25 + rounding, $"{error} and {slow}");
            if (error > slow * 1.001 + rounding) tipped++;
        }
        Assert.InRange(tipped, 0, 2);   // elements just between two codes fall to the other side in 32 bits
    }

    [Fact]
    public void Symmetric_Blocks_ReachesTheSlowSearch()
    {
        foreach (float[] x in s_values.Chunk(16).Where(x => x.Any(value => value != 0)))
        {
            double slow = SlowBlocks.SymmetricError(x, 32), error = SlowBlocks.SymmetricError(x, 32, BlockFit.Symmetric(x, 32));
            Assert.True(error <= slow * 1.001 + 1e-24, $"{error} and {slow}");
        }
        Assert.Equal(0, BlockFit.Symmetric(new float[16], 32));
    }

    [Fact]
    public void Bytes_OfRows_AreThoseOfWholeBlocks()
    {
        Assert.Equal(2 * 144, GgmlType.Q4K.Bytes(512));
        Assert.True(GgmlType.Q4K.Fits(512));
        Assert.False(GgmlType.Q4K.Fits(128));
        Assert.True(GgmlType.Q50.Fits(128));
    }

    private static GgmlType Type(string name) => GgmlType.ByCode.Values.Single(type => type.Name == name);

    private static byte[] Encoded(string name, float[] values)
    {
        byte[] bytes = new byte[Type(name).Bytes(values.Length)];
        Type(name).Encode(values, bytes);
        return bytes;
    }

    private static byte[] Stored(string name) => s_fixture.GetProperty(name).GetProperty("bytes").GetBytesFromBase64();

    private static float[] Floats(JsonElement text) => MemoryMarshal.Cast<byte, float>(text.GetBytesFromBase64()).ToArray();
}
