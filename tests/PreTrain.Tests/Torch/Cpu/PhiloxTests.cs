using PreTrain.Tests.Modules;
using PreTrain.Torch.Cpu;

namespace PreTrain.Tests.Torch.Cpu;

public sealed class PhiloxTests
{
    /// <summary>The algorithm as the paper writes it.</summary>
    internal static uint[] Words(uint[] counter, uint[] key)
    {
        uint[] c = [.. counter], k = [.. key];
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c[0], p1 = 0xCD9E8D57UL * c[2];
            c = [(uint)(p1 >> 32) ^ c[1] ^ k[0], (uint)p1, (uint)(p0 >> 32) ^ c[3] ^ k[1], (uint)p0];
            k = [k[0] + 0x9E3779B9, k[1] + 0xBB67AE85];
        }
        return c;
    }

    /// <summary>The number of each element of a block.</summary>
    internal static uint[] Numbers(ulong key, ulong block)
    {
        var numbers = new uint[Philox.BlockSize];
        for (uint i = 0; i < 8; i++)
        {
            uint[] words = Words([(uint)block, (uint)(block >> 32), i, 0], [(uint)key, (uint)(key >> 32)]);
            (numbers[2 * i], numbers[2 * i + 1], numbers[16 + 2 * i], numbers[17 + 2 * i]) = (words[0], words[1], words[2], words[3]);
        }
        return numbers;
    }

    /// <summary>The known answers that the paper's authors publish with their library.</summary>
    [Theory]
    [InlineData(new uint[] { 0, 0, 0, 0 }, new uint[] { 0, 0 }, new uint[] { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 })]
    [InlineData(new uint[] { uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue }, new uint[] { uint.MaxValue, uint.MaxValue }, new uint[] { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd })]
    [InlineData(new uint[] { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, new uint[] { 0xa4093822, 0x299f31d0 }, new uint[] { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 })]
    public void Words_KnownCounters_AreTheKnownAnswers(uint[] counter, uint[] key, uint[] expected) => Assert.Equal(expected, Words(counter, key));

    [Fact]
    public void AtLeast_AnyBlock_AreTheElementsOfItsNumbers()
    {
        Kernels.SkipWithoutKernels();
        var random = new Random(3);
        foreach (ulong block in new ulong[] { 0, 1, 77, uint.MaxValue, 1UL << 32, (1UL << 40) + 5 })
        {
            ulong key = (ulong)random.NextInt64();
            uint[] numbers = Numbers(key, block);
            foreach (uint threshold in new[] { 0u, 1u << 28, 1u << 31, numbers[7], numbers[7] + 1, numbers[30], uint.MaxValue })
            {
                uint expected = 0;
                for (int i = 0; i < numbers.Length; i++) expected |= (numbers[i] >= threshold ? 1u : 0) << i;
                Assert.Equal(expected, Philox.AtLeast(key, block, threshold));
            }
        }
    }
}
