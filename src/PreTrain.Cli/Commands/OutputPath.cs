using PreTrain.Cli.Hosting;

namespace PreTrain.Cli.Commands;

/// <summary>Where a command writes, checked before it computes anything.</summary>
internal static class OutputPath
{
    /// <summary>Makes the folder that a file or a folder is to lie in.</summary>
    /// <param name="path">What <c>--output</c> says.</param>
    /// <exception cref="UsageException">Something above it is a file.</exception>
    public static void MakeParent(string path)
    {
        if (ParentOf(path) is not { } parent) return;
        for (string? above = parent; above is not null; above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above)) throw new UsageException($"--output ({path}) cannot be in '{above}', which is a file; take another folder.");
        }
        Directory.CreateDirectory(parent);
    }

    /// <summary>Requires a name for a file in a folder that is there.</summary>
    /// <param name="option">The option.</param>
    /// <param name="file">What it says.</param>
    /// <exception cref="UsageException">It is a folder, or there is no folder for it.</exception>
    public static void RequireFile(string option, string file)
    {
        if (Directory.Exists(file)) throw new UsageException($"{option} ({file}) is a folder; it must be a file.");
        if (ParentOf(file) is { } parent && !Directory.Exists(parent)) throw new UsageException($"{option} ({file}): there is no folder '{parent}'; make it, or take another one.");
    }

    private static string? ParentOf(string path) => Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
}
