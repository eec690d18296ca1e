using System.Runtime.InteropServices;

namespace PreTrain.Torch;

/// <summary>What libtorch says when memory is not enough: it has no exception of its own for that.</summary>
public static class MemoryFaults
{
    private static readonly string[] s_words = ["out of memory", "can't allocate memory", "not enough memory"];

    /// <summary>Whether an exception says that memory on the device or the machine is not enough.</summary>
    /// <param name="fault">The exception.</param>
    public static bool IsOutOfMemory(Exception fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        return fault is OutOfMemoryException || (fault is ExternalException && s_words.Any(words => fault.Message.Contains(words, StringComparison.OrdinalIgnoreCase)));
    }
}
