namespace PreTrain.Data;

/// <summary>Finds the reference packs of the .NET SDK.</summary>
internal static class SdkLocator
{
    // In this order: where a member is documented in both, the first is kept.
    private static readonly string[] PackNames = ["Microsoft.NETCore.App.Ref", "Microsoft.AspNetCore.App.Ref"];

    /// <summary>The folders with the XML files, newest version of each pack.</summary>
    public static IReadOnlyList<string> Find(string? sdkRoot)
    {
        if (sdkRoot is not null)
        {
            var packs = Packs(sdkRoot);
            return packs.Count > 0 ? packs : throw new CorpusException(
                $"The folder '{sdkRoot}' holds no .NET reference documentation (packs/{PackNames[0]}/*/ref/*/*.xml). "
                + "Pass the root of a .NET SDK, the folder of 'dotnet --info' that holds 'packs'.", sdkRoot);
        }
        List<string> tried = [];
        foreach (var root in Roots())
        {
            if (tried.Contains(root))
                continue;
            tried.Add(root);
            var packs = Packs(root);
            if (packs.Count > 0)
                return packs;
        }
        throw new CorpusException(
            $"No .NET SDK with reference documentation was found (packs/{PackNames[0]}/*/ref/*/*.xml below {string.Join(", ", tried.Select(root => $"'{root}'"))}). "
            + "Install the .NET SDK (a runtime is not enough), set DOTNET_ROOT to its folder, or use text files of your own.");
    }

    private static IEnumerable<string> Roots()
    {
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { Length: > 0 } variable)
            yield return Path.TrimEndingDirectorySeparator(Path.GetFullPath(variable));

        // The running runtime is ROOT/shared/Microsoft.NETCore.App/VERSION, unless the program brings its own.
        var runtime = Path.TrimEndingDirectorySeparator(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory());
        if (Path.GetFileName(Path.GetDirectoryName(runtime)) == "Microsoft.NETCore.App")
            yield return Path.GetFullPath(Path.Combine(runtime, "..", "..", ".."));

        var program = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            var file = new FileInfo(Path.Combine(folder, program));
            if (file.Exists && Path.GetDirectoryName((file.ResolveLinkTarget(returnFinalTarget: true) ?? file).FullName) is { } root)
                yield return root;
        }

        if (OperatingSystem.IsWindows())
            yield return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "dotnet");
        else
        {
            yield return "/usr/share/dotnet";
            yield return "/usr/lib/dotnet";
            yield return "/usr/local/share/dotnet";
        }
        yield return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".dotnet");
    }

    private static List<string> Packs(string root)
    {
        List<string> found = [];
        try
        {
            foreach (var name in PackNames)
            {
                var newest = Newest(Path.Combine(root, "packs", name), version => Newest(Path.Combine(version, "ref"), HasDocumentation) is not null);
                if (newest is not null)
                    found.Add(Newest(Path.Combine(newest, "ref"), HasDocumentation)!);
                else if (found.Count == 0)
                    return found; // ASP.NET's alone is not the SDK
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CorpusException($"The .NET SDK at '{root}' cannot be read: {e.Message} Check its permissions.", root, e);
        }
        return found;
    }

    private static bool HasDocumentation(string folder) => Directory.EnumerateFiles(folder, "*.xml").Any();

    private static string? Newest(string parent, Func<string, bool> accept) => !Directory.Exists(parent)
        ? null
        : Directory.EnumerateDirectories(parent).Where(accept).OrderByDescending(folder => Version(Path.GetFileName(folder))).FirstOrDefault();

    // "10.0.2", "10.0.0-rc.1" and "net10.0"; a preview comes before its release.
    private static (Version Number, bool Release, string Label) Version(string name)
    {
        var label = name.IndexOf('-');
        var number = (label < 0 ? name : name[..label]).TrimStart('n', 'e', 't');
        return (System.Version.TryParse(number, out var version) ? version : new Version(), label < 0, name);
    }
}
