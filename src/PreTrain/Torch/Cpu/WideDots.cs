using System.Runtime.InteropServices;
using TorchSharp;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Sums of products of bytes in registers of 512 bits (AVX-512 VNNI), for which .NET has no instructions, nor for any size on processors that lack AVX-VNNI: the portable provider's native part does it.
/// </summary>
internal static unsafe class WideDots
{
    private static readonly delegate* unmanaged<byte*, long, sbyte*, long, int*, long, long, long, void> s_product;

    static WideDots()
    {
        if (NativeLibrary.TryLoad("pretrain_torch", typeof(torch).Assembly, null, out nint library) && NativeLibrary.TryGetExport(library, "pt_has_wide_dots", out nint has) && ((delegate* unmanaged<int>)has)() != 0)
            s_product = (delegate* unmanaged<byte*, long, sbyte*, long, int*, long, long, long, void>)NativeLibrary.GetExport(library, "pt_dot_bytes");
    }

    /// <summary>Whether there are such registers, and somebody who can use them.</summary>
    internal static bool IsSupported => s_product != null;

    /// <summary>C = A·B of bytes by signed bytes, for one or two panels of 24 columns.</summary>
    /// <param name="a">The rows, of four bytes for each step.</param>
    /// <param name="rowBytes">The distance of two rows of A.</param>
    /// <param name="b">For every step 96 bytes, four for each column.</param>
    /// <param name="panelBytes">The distance of two panels of B.</param>
    /// <param name="c">Rows of 24, those of the second panel behind those of the first.</param>
    /// <param name="steps">The number of steps.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="panels">The number of panels.</param>
    internal static void Multiply(byte* a, long rowBytes, sbyte* b, long panelBytes, int* c, long steps, long rows, long panels) => s_product(a, rowBytes, b, panelBytes, c, steps, rows, panels);
}
