using System.Runtime.InteropServices;

namespace PreTrain.Tests.Training;

/// <summary>Takes from the current thread the right to write into a folder, also where the tests run as the superuser, whom no permission stops: to the file system it is somebody else then.</summary>
internal static partial class UserRights
{
    private const uint Superuser = 0, Nobody = 65534;
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Folders above, from the temporary one on, can be entered; nothing can be written into the last.</summary>
    internal static void GiveUpWriting(string root, string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        for (string? at = folder; at is not null && at.Length >= root.Length; at = Path.GetDirectoryName(at)) File.SetUnixFileMode(at, at == folder ? ReadOnly : ReadOnly | UnixFileMode.UserWrite);
        if (Environment.UserName == "root") _ = SetFileSystemUser(Nobody);
    }

    /// <summary>Undoes it, on the same thread.</summary>
    internal static void TakeBack(string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        if (Environment.UserName == "root") _ = SetFileSystemUser(Superuser);
        if (Directory.Exists(folder)) File.SetUnixFileMode(folder, ReadOnly | UnixFileMode.UserWrite);
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileSystemUser(uint user);
}
