using static TorchSharp.torch;

namespace TorchSharp.Interop;

internal static class HandleList
{
    /// <summary>The native handles of a list of tensors; zero for null. The tensors must be kept alive while the handles are used.</summary>
    internal static nint[] Of(IEnumerable<Tensor?>? tensors) => tensors?.Select(t => t?.Handle ?? 0).ToArray() ?? [];
}
