using System.Runtime.InteropServices;

namespace PreTrain.Torch.Cpu;

/// <summary>How the C library's heap behaves.</summary>
internal static unsafe class ProcessHeap
{
    private const int TrimThreshold = -1, MapThreshold = -3;   // malloc.h of the GNU C library
    private static int s_kept;

    /// <summary>
    /// Lets freed memory stay with the process. Otherwise glibc gives a step's activations back to the system and takes them anew in the next,
    /// zeroed page by page, which costs about a sixth of a training step. Nothing happens with another C library.
    /// </summary>
    internal static void KeepFreedMemory()
    {
        if (Interlocked.Exchange(ref s_kept, 1) != 0) return;
        if (!NativeLibrary.TryLoad("libc.so.6", out nint library) || !NativeLibrary.TryGetExport(library, "mallopt", out nint entry)) return;
        var mallopt = (delegate* unmanaged<int, int, int>)entry;
        _ = mallopt(MapThreshold, 1 << 30);
        _ = mallopt(TrimThreshold, int.MaxValue);
    }
}
