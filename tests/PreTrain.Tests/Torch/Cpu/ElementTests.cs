using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch.Cpu;

public sealed unsafe class ElementTests
{
    public ElementTests() => Modules.Kernels.SkipWithoutKernels();

    /// <summary>All upper halves with the lower halves where rounding turns, and random numbers.</summary>
    private static uint[] Patterns()
    {
        var random = new System.Random(3);
        var patterns = new List<uint>();
        foreach (uint low in new uint[] { 0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF })
            for (uint high = 0; high < 1 << 16; high++) patterns.Add(high << 16 | low);
        for (int i = 0; i < 1 << 16; i++) patterns.Add((uint)random.NextInt64(1L << 32));
        return [.. patterns];
    }

    [Fact]
    public void BFloat16Store_AnyNumber_RoundsAsTorchDoes()
    {
        float[] values = [.. Patterns().Select(BitConverter.UInt32BitsToSingle)];
        using Tensor source = tensor(values), rounded = source.to(ScalarType.BFloat16);
        ReadOnlySpan<ushort> expected = MemoryMarshal.Cast<byte, ushort>(rounded.bytes);
        var vector = new ushort[values.Length];
        var single = new ushort[values.Length];

        fixed (float* v = values)
        fixed (ushort* pv = vector, ps = single)
        {
            for (int i = 0; i < values.Length; i += 16) BFloat16Element.Store((byte*)(pv + i), Vector512.Load(v + i));
            for (int i = 0; i < values.Length; i++) BFloat16Element.StoreOne((byte*)(ps + i), values[i]);
        }

        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsNaN(values[i])) Assert.Equal((0x7FC0, 0x7FC0), (vector[i], single[i]));
            else if (vector[i] != expected[i] || single[i] != expected[i])
                Assert.Fail($"{values[i]:R} ({BitConverter.SingleToUInt32Bits(values[i]):X8}) is stored as {vector[i]:X4} and {single[i]:X4}; torch stores {expected[i]:X4}.");
        }
    }

    [Fact]
    public void BFloat16Load_EveryPattern_IsItsUpperHalf()
    {
        ushort[] stored = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
        fixed (ushort* p = stored)
        {
            for (int i = 0; i < stored.Length; i += 16)
            {
                Vector512<uint> bits = BFloat16Element.Load((byte*)(p + i)).AsUInt32();
                for (int lane = 0; lane < 16; lane++)
                {
                    if (bits[lane] != (uint)(i + lane) << 16) Assert.Fail($"{i + lane:X4} is loaded as {bits[lane]:X8}.");
                    if (BitConverter.SingleToUInt32Bits(BFloat16Element.LoadOne((byte*)(p + i + lane))) is var one && one != (uint)(i + lane) << 16)
                        Assert.Fail($"{i + lane:X4} is loaded alone as {one:X8}.");
                }
            }
        }
        Assert.Equal((2, 4), (BFloat16Element.Size, Float32Element.Size));
    }

    [Fact]
    public void Float32_AnyBits_AreKept()
    {
        uint[] from = Patterns()[..1024], to = new uint[1024];
        fixed (uint* pf = from, pt = to)
        {
            for (int i = 0; i < 512; i += 16) Float32Element.Store((byte*)(pt + i), Float32Element.Load((byte*)(pf + i)));
            for (int i = 512; i < 1024; i++) Float32Element.StoreOne((byte*)(pt + i), Float32Element.LoadOne((byte*)(pf + i)));
        }
        Assert.Equal(from, to);
    }
}
