using static TorchSharp.torch;

namespace TorchSharp.Interop;

internal static class HandleList
{
    /// <summary>The native handles of a list of tensors, none of them null. The tensors must be kept alive while the handles are used.</summary>
    /// <exception cref="ArgumentNullException">One is null.</exception>
    internal static nint[] OfAll(IEnumerable<Tensor>? tensors, string name) =>
        tensors?.Select((t, i) => t?.Handle ?? throw new ArgumentNullException(name, $"Tensor {i} of the list is null.")).ToArray() ?? [];

    /// <summary>The native handles of a list of tensors; zero for null. The tensors must be kept alive while the handles are used.</summary>
    internal static nint[] Of(IEnumerable<Tensor?>? tensors) => tensors?.Select(t => t?.Handle ?? 0).ToArray() ?? [];
}
