using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>Observes libtorch's operators on all threads. PreTrain finds it by its name, since TorchSharp's API has nothing alike.</summary>
internal static unsafe class OperatorTimes
{
    /// <summary>Begins with no counts.</summary>
    /// <exception cref="InvalidOperationException">It has begun already.</exception>
    internal static void Start()
    {
        if (Native.pt_profile_start() < 0) throw new InvalidOperationException(Marshal.PtrToStringUTF8(Native.pt_error()));
    }

    /// <summary>Ends.</summary>
    /// <returns>Name, calls, and nanoseconds with and without what was called from within.</returns>
    internal static (string Name, long Calls, long Nanoseconds, long OwnNanoseconds)[] Stop()
    {
        int count = Native.pt_profile_stop();
        var times = new (string, long, long, long)[count];
        long* numbers = stackalloc long[3];
        for (int i = 0; i < count; i++) times[i] = (Marshal.PtrToStringUTF8(Native.pt_profile_read(i, numbers))!, numbers[0], numbers[1], numbers[2]);
        return times;
    }
}
