using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The threads that one operator may use on the CPU.</summary>
    public static int get_num_threads() => Native.pt_get_threads();

    public static void set_num_threads(int num) => Errors.Check(Native.pt_set_threads(num));

    /// <summary>The threads that work on independent operators.</summary>
    public static int get_num_interop_threads() => Native.pt_get_interop_threads();

    /// <summary>Can be set once, and before any work was given to them.</summary>
    public static void set_num_interop_threads(int num) => Errors.Check(Native.pt_set_interop_threads(num));

    /// <summary>The version of libtorch.</summary>
    public static string __version__ => Marshal.PtrToStringUTF8(Native.pt_version()) ?? "";
}
