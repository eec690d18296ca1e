using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;

namespace PreTrain.Tests.Torch.Cpu;

public sealed unsafe class LanesTests
{
    public LanesTests() => Modules.Kernels.SkipWithoutKernels();

    [Fact]
    public void Load_Bytes_WidensEach()
    {
        byte* bytes = stackalloc byte[16];
        for (int first = 0; first < 256; first += 16)
        {
            for (int i = 0; i < 16; i++) bytes[i] = (byte)(first + i);
            Vector512<int> plain = Lanes.Load(bytes), signed = Lanes.Load((sbyte*)bytes);
            for (int i = 0; i < 16; i++)
            {
                Assert.Equal(first + i, plain[i]);
                Assert.Equal((sbyte)(first + i), signed[i]);
            }
        }
    }

    [Fact]
    public void Round_Halves_GoToTheEvenNumber()
    {
        float[] values = [-2.5f, -1.5f, -1.4f, -0.5f, -0.1f, 0, 0.5f, 0.51f, 1.5f, 2.5f, 2.6f, 254.5f, 255.5f, 1e6f, -1e6f, 3];
        Assert.Equal(values.Select(v => (int)MathF.Round(v)), Values(Lanes.Round(Vector512.Create(values))));
    }

    [Fact]
    public void Saturate_LargeNumbers_Are255()
    {
        int[] values = [0, 1, 127, 128, 254, 255, 256, 257, 32767, 32768, 65535, 65536, 1 << 24, int.MaxValue, 3, 200];
        Vector128<byte> bytes = Lanes.Saturate(Vector512.Create(values));
        Assert.Equal(values.Select(v => (byte)Math.Min(v, 255)), Enumerable.Range(0, 16).Select(i => bytes[i]));
    }

    [Fact]
    public void Repeat_AndSpread_PlaceFourNumbers()
    {
        float* four = stackalloc float[4] { 3, -5, 7, 11 };
        Assert.Equal([3, -5, 7, 11, 3, -5, 7, 11, 3, -5, 7, 11, 3, -5, 7, 11], Values(Lanes.Repeat(four)));
        Assert.Equal([3, 3, 3, 3, -5, -5, -5, -5, 7, 7, 7, 7, 11, 11, 11, 11], Values(Lanes.Spread(four)));
    }

    [Fact]
    public void Quarters_AreThoseOfBoth()
    {
        Vector512<float> a = Vector512.ConvertToSingle(Vector512<int>.Indices), b = a + Vector512.Create(100f);
        Assert.Equal([0, 1, 2, 3, 8, 9, 10, 11, 100, 101, 102, 103, 108, 109, 110, 111], Values(Lanes.EvenQuarters(a, b)));
        Assert.Equal([4, 5, 6, 7, 12, 13, 14, 15, 104, 105, 106, 107, 112, 113, 114, 115], Values(Lanes.OddQuarters(a, b)));
    }

    [Fact]
    public void Look_AnyIndex_IsTheValueThere()
    {
        Vector512<float> low = Vector512.ConvertToSingle(Vector512<int>.Indices * 3 - Vector512.Create(7)), high = low * Vector512.Create(-2f) + Vector512.Create(0.5f);
        for (int first = 0; first < 32; first++)
        {
            Vector512<int> indices = (Vector512<int>.Indices * 7 + Vector512.Create(first)) & Vector512.Create(31);
            Vector512<float> of16 = Lanes.Look(low, indices), of32 = Lanes.Look(low, high, indices);
            for (int i = 0; i < 16; i++)
            {
                Assert.Equal(low[indices[i] & 15], of16[i]);
                Assert.Equal(indices[i] < 16 ? low[indices[i]] : high[indices[i] - 16], of32[i]);
            }
        }
    }

    private static T[] Values<T>(Vector512<T> v) => [.. Enumerable.Range(0, 16).Select(i => v[i])];
}
