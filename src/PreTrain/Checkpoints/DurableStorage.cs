using System.Runtime.InteropServices;

namespace PreTrain.Checkpoints;

/// <summary>What the base class library lacks for writes that survive a power cut: flushing a folder, and exchanging two folders at once.</summary>
internal static partial class DurableStorage
{
    private const int CurrentFolder = -100;    // AT_FDCWD
    private const uint Exchange = 2;           // RENAME_EXCHANGE
    private const int CloseOnExec = 0x80000;   // O_CLOEXEC; O_RDONLY is 0
    private const int Interrupted = 4;         // EINTR
    private const int Invalid = 22;            // EINVAL: this file system cannot flush folders

    /// <summary>Flushes a folder's list of names to the disk. Where the system has no such call, nothing is to be done.</summary>
    internal static void FlushFolder(string folder)
    {
        if (!OperatingSystem.IsLinux())
            return;
        var descriptor = Open(folder, CloseOnExec);
        if (descriptor < 0)
            throw Failure("open", folder);
        try
        {
            while (Fsync(descriptor) < 0)
            {
                switch (Marshal.GetLastPInvokeError())
                {
                    case Interrupted:
                        continue;
                    case Invalid:
                        return;
                    default:
                        throw Failure("flush", folder);
                }
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Flushes one file to the disk.</summary>
    internal static void FlushFile(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Lets two paths change places in one step.</summary>
    /// <returns><see langword="false"/> if the system or the file system cannot.</returns>
    internal static bool TryExchange(string first, string second)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            return RenameAt2(CurrentFolder, first, CurrentFolder, second, Exchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    private static IOException Failure(string verb, string folder) =>
        new($"Cannot {verb} the folder '{folder}': {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int oldFolder, string oldPath, int newFolder, string newPath, uint flags);
}
