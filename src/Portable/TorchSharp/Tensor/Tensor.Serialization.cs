using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Writes the tensor to a file in libtorch's format, which Python reads with <c>torch.jit.load</c>.</summary>
        public void save(string location)
        {
            using Tensor plain = IsLazy ? Resolved() : alias();   // libtorch writes the memory as it lies
            Errors.Check(Native.pt_save(plain.Handle, location));
        }

        /// <summary>Reads a tensor from a file in libtorch's format.</summary>
        public static Tensor load(string location) => new(Errors.Check(Native.pt_load(location)));

        /// <summary>Reads a tensor in TorchSharp's own format.</summary>
        public static Tensor Load(BinaryReader reader) => TensorExtensionMethods.Load(reader);

        /// <summary>Reads a tensor in TorchSharp's own format, and closes the stream.</summary>
        public static Tensor Load(Stream stream)
        {
            using var reader = new BinaryReader(stream);
            return Load(reader);
        }

        /// <summary>Reads a tensor in TorchSharp's own format from a file.</summary>
        public static Tensor Load(string location) => Load(File.OpenRead(location));
    }

    /// <summary>Writes a tensor to a file in libtorch's format.</summary>
    public static void save(Tensor t, string location) => t.save(location);

    /// <summary>Reads a tensor from a file in libtorch's format.</summary>
    public static Tensor load(string location) => Tensor.load(location);
}
