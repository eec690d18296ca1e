using static TorchSharp.torch;

namespace PreTrain.Tests;

internal static class LiveTensors
{
    /// <summary>The live tensors of the process, after the finalizers of those that other tests left: nothing but the caller changes the number from here on.</summary>
    internal static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }
}
