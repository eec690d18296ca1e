using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// The processor's unit for products of small matrices (AMX), which .NET has no instructions for: the portable provider's native part does. It multiplies tiles, 16 rows of
/// 64 bytes.
/// </summary>
internal static unsafe class MatrixUnit
{
    /// <summary>Rows of A and of C in a product, and columns in a panel of B.</summary>
    internal const int Side = 32;

    /// <summary>Bytes of a row of a tile.</summary>
    internal const int RowBytes = 64;

    /// <summary>Bytes of A's 32 rows, or of a panel of B, in one step along the inner axis.</summary>
    internal const int StepBytes = Side * RowBytes;

    private static readonly delegate* unmanaged<byte*, byte*, byte*, long, long, long, long, int, void> s_product;
    private static readonly delegate* unmanaged<byte*, long, sbyte*, int*, long, long, void> s_bytes;

    static MatrixUnit()
    {
        if (!Vector512.IsHardwareAccelerated || !Avx512BW.IsSupported || !NativeLibrary.TryLoad("pretrain_torch", typeof(torch).Assembly, null, out nint library)
            || !NativeLibrary.TryGetExport(library, "pt_has_tiles", out nint has) || ((delegate* unmanaged<int>)has)() == 0)
            return;
        s_product = (delegate* unmanaged<byte*, byte*, byte*, long, long, long, long, int, void>)NativeLibrary.GetExport(library, "pt_tile_product");
        s_bytes = (delegate* unmanaged<byte*, long, sbyte*, int*, long, long, void>)NativeLibrary.GetExport(library, "pt_tile_bytes");
    }

    /// <summary>Whether there is one, and somebody who can use it.</summary>
    internal static bool IsSupported => s_product != null;

    /// <summary>C = A·B, or C += A·B, of bfloat16 into 32-bit numbers.</summary>
    /// <param name="a">32 rows: in each step of 64 bytes along them two tiles, the upper rows and the lower.</param>
    /// <param name="b">Panels of 32 columns: in each step two tiles, the left columns and the right, whose rows hold what meets in a 32-bit lane, for every column.</param>
    /// <param name="c">32 rows of 32-bit elements.</param>
    /// <param name="steps">The number of steps.</param>
    /// <param name="panels">The number of panels.</param>
    /// <param name="panelBytes">The distance of two panels of B.</param>
    /// <param name="rowBytes">The distance of two rows of C.</param>
    /// <param name="add">Whether to add to what C holds.</param>
    internal static void Multiply(byte* a, byte* b, byte* c, long steps, long panels, long panelBytes, long rowBytes, bool add) =>
        s_product(a, b, c, steps, panels, panelBytes, rowBytes, add ? 1 : 0);

    /// <summary>C = A·B of bytes by signed bytes, for rows 32 by 32 and 24 columns.</summary>
    /// <param name="a">The rows, of 64 bytes for each step.</param>
    /// <param name="rowBytes">The distance of two rows of A.</param>
    /// <param name="b">For every four places along A's rows 96 bytes, four for each column.</param>
    /// <param name="c">Rows of 24.</param>
    /// <param name="steps">The number of steps.</param>
    /// <param name="blocks">The number of times 32 rows.</param>
    internal static void MultiplyBytes(byte* a, long rowBytes, sbyte* b, int* c, long steps, long blocks) => s_bytes(a, rowBytes, b, c, steps, blocks);
}
