using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>Turns libtorch's errors into exceptions.</summary>
internal static class Errors
{
    // The exception of a C# function that a backward pass called on this or another thread; it becomes the inner exception.
    private static Exception? s_pending;

    internal static void Remember(Exception exception) => Interlocked.Exchange(ref s_pending, exception);

    /// <summary>Throws when a native function answered with a negative number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Check(int result)
    {
        if (result < 0) Throw();
        return result;
    }

    /// <summary>Throws when a native function answered with null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nint Check(nint result)
    {
        if (result == 0) Throw();
        return result;
    }

    /// <summary>Whether the last error of this thread was that a device or the machine has no memory left.</summary>
    internal static bool IsOutOfMemory
    {
        get
        {
            string text = Marshal.PtrToStringUTF8(Native.pt_error()) ?? "";
            return s_outOfMemory.Any(part => text.Contains(part, StringComparison.Ordinal));
        }
    }

    private static readonly string[] s_outOfMemory = ["out of memory", "can't allocate memory", "not enough memory", "bad_alloc"];

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    internal static void Throw()
    {
        string text = Marshal.PtrToStringUTF8(Native.pt_error()) ?? "";
        int end = text.IndexOf('\n');
        string first = end < 0 ? text : text[..end];
        Exception? inner = Interlocked.Exchange(ref s_pending, null);
        throw inner is null ? new ExternalException(first) : new ExternalException(first, inner);
    }
}
