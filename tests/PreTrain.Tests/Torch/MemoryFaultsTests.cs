using System.Runtime.InteropServices;
using PreTrain.Torch;

namespace PreTrain.Tests.Torch;

public sealed class MemoryFaultsTests
{
    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB", true)]
    [InlineData("[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error code 12 (Cannot allocate memory)", true)]
    [InlineData("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.", true)]
    [InlineData("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", false)]
    public void IsOutOfMemory_MessagesOfLibtorch_AreKnown(string message, bool expected) => Assert.Equal(expected, MemoryFaults.IsOutOfMemory(new ExternalException(message)));

    [Fact]
    public void IsOutOfMemory_OfDotNet_IsOne()
    {
        Assert.True(MemoryFaults.IsOutOfMemory(new OutOfMemoryException()));
        Assert.False(MemoryFaults.IsOutOfMemory(new IOException("out of memory")));
    }

    [Fact]
    public void IsOutOfMemory_RealAllocation_IsSeen()
    {
        var e = Assert.ThrowsAny<ExternalException>(() => TorchSharp.torch.empty([1L << 46]));
        Assert.True(MemoryFaults.IsOutOfMemory(e), e.Message);
    }
}
