using System.Runtime.InteropServices;

namespace PreTrain.Torch.Cpu;

/// <summary>How the C library's heap behaves. Nothing happens with another library than that of GNU, or where the system does not take the advice.</summary>
internal static unsafe class ProcessHeap
{
    private const int TrimThreshold = -1, MapThreshold = -3;   // malloc.h of the GNU C library
    private const int HugePages = 14;                          // MADV_HUGEPAGE of Linux' mman.h
    private const long LargestMapped = 1 << 30, Piece = LargestMapped / 4, HugePage = 2 << 20;

    private static readonly delegate* unmanaged<int, int, int> s_mallopt = (delegate* unmanaged<int, int, int>)Find("mallopt");
    private static readonly delegate* unmanaged<nint, nuint, int, int> s_madvise = (delegate* unmanaged<nint, nuint, int, int>)Find("madvise");
    private static readonly delegate* unmanaged<nuint, nint> s_malloc = (delegate* unmanaged<nuint, nint>)Find("malloc");
    private static readonly delegate* unmanaged<nint, void> s_free = (delegate* unmanaged<nint, void>)Find("free");
    private static int s_kept;

    /// <summary>
    /// Lets freed memory stay with the process. Otherwise glibc gives a step's activations back to the system and takes them anew in the next,
    /// zeroed page by page, which costs about a sixth of a training step, and a third to a half of a pass over eight texts without gradients.
    /// </summary>
    internal static void KeepFreedMemory()
    {
        if (s_mallopt is null || Interlocked.Exchange(ref s_kept, 1) != 0) return;
        _ = s_mallopt(MapThreshold, (int)LargestMapped);
        _ = s_mallopt(TrimThreshold, int.MaxValue);
    }

    /// <summary>
    /// Makes room for what is about to be allocated, in pages of 2 MiB where the system has them: it hands those out several times as fast as the same memory in small
    /// ones. None of it is in memory before it is written to.
    /// </summary>
    /// <param name="bytes">What is going to be needed.</param>
    internal static void Expect(long bytes)
    {
        if (s_mallopt is null || s_madvise is null || bytes < HugePage) return;
        KeepFreedMemory();
        // The heap grows by these pieces, and what follows is cut out of them when they are free again.
        var pieces = new List<nint>();
        for (long rest = bytes; rest > 0; rest -= Piece)
        {
            nuint size = (nuint)Math.Min(rest, Piece);
            if (s_malloc(size) is not (not 0 and var piece)) break;   // whoever needs it will say so
            pieces.Add(piece);
            long first = (piece + HugePage - 1) / HugePage * HugePage, end = (piece + (long)size) / HugePage * HugePage;
            if (end > first) _ = s_madvise((nint)first, (nuint)(end - first), HugePages);
        }
        foreach (nint piece in pieces) s_free(piece);
    }

    private static nint Find(string function) =>
        OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out nint library) && NativeLibrary.TryGetExport(library, function, out nint entry) && NativeLibrary.TryGetExport(library, "mallopt", out _) ? entry : 0;
}
