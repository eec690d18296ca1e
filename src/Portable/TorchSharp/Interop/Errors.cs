using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>Turns libtorch's errors into exceptions.</summary>
internal static class Errors
{
    private const char Mark = '\u0001';

    // Exceptions of C# functions that backward passes called, on whichever thread, by the number in the message that libtorch carries; they become inner exceptions.
    private static readonly ConcurrentDictionary<long, Exception> s_pending = [];
    private static long s_last;

    /// <summary>The message for libtorch by which <see cref="Throw"/> finds an exception again.</summary>
    internal static string Remember(string name, Exception exception)
    {
        long number = Interlocked.Increment(ref s_last);
        s_pending[number] = exception;
        return string.Create(CultureInfo.InvariantCulture, $"{name}: {FirstLine(exception.Message)}{Mark}{number}");
    }

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
        string first = FirstLine(text);
        int mark = first.IndexOf(Mark, StringComparison.Ordinal);
        if (mark < 0 || !long.TryParse(first.AsSpan(mark + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long number) || !s_pending.TryRemove(number, out Exception? inner)) throw new ExternalException(first);
        throw new ExternalException(first[..mark], inner);
    }

    private static string FirstLine(string text)
    {
        int end = text.IndexOf('\n', StringComparison.Ordinal);
        return end < 0 ? text : text[..end];
    }
}
