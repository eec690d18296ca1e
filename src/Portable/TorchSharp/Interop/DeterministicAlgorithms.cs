namespace TorchSharp.Interop;

/// <summary>Lets libtorch use deterministic algorithms. PreTrain finds it by its name, since TorchSharp declares these functions of PyTorch and refuses their use.</summary>
internal static class DeterministicAlgorithms
{
    internal static bool IsEnabled() => Native.pt_get_deterministic() != 0;

    /// <summary>From here on, an operator that has no deterministic algorithm is an error.</summary>
    internal static void Enable(bool on) => Errors.Check(Native.pt_set_deterministic(on ? 1 : 0, 0));
}
