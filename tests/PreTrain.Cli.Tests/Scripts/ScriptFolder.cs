using System.Diagnostics;

namespace PreTrain.Cli.Tests.Scripts;

/// <summary>A copy of the repository's scripts, with commands before those of the machine that only write down what they were asked for.</summary>
internal sealed class ScriptFolder : IDisposable
{
    private static readonly string[] s_files =
    [
        "bootstrap.sh", "eng/native.sh", "eng/bundle.sh", "eng/run.sh", "LICENSE", "Directory.Packages.props", "src/Portable/TorchSharp/native/pretrain_torch.cpp", "src/PreTrain.Cli/PreTrain.Cli.csproj",
    ];

    private readonly TemporaryFolder _folder = new();

    public ScriptFolder()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/bin/bash"), "The scripts are for bash on Linux.");
        foreach (string file in s_files) _folder.Write($"clone/{file}", File.ReadAllBytes(Path.Combine(Repository.Root, file)));
        // It has the packages, and publishes an empty program.
        WriteCommand("commands/dotnet", """
            case $1 in
              --list-sdks) echo '10.0.100 [/sdk]' ;;
              publish) while [ "$1" != -o ]; do shift; done; touch "$2/program" ;;
              msbuild) echo program ;;
            esac
            """);
        WriteCommand("commands/compiler", "while [ $# -gt 0 ]; do [ \"$1\" != -o ] || { cp /bin/true \"$2\"; }; shift; done");
    }

    public string this[string name] => _folder[name];

    /// <summary>A folder that looks like a libtorch.</summary>
    public void WriteLibtorch(string name)
    {
        _folder.Write($"{name}/include/ATen/ATen.h", "");
        _folder.Write($"{name}/include/torch/headeronly/version.h", "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 3\n#define TORCH_VERSION_PATCH 1\n");
        foreach (string library in new[] { "libtorch_cpu.so", "libc10.so" }) _folder.Write($"{name}/lib/{library}", "");
    }

    /// <summary>Writes a command of bash.</summary>
    public void WriteCommand(string name, string script)
    {
        string path = _folder.Write(name, $"#!/bin/bash\n{script}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Runs a script.</summary>
    /// <param name="current">The current folder.</param>
    /// <param name="command">The script's path from there, and its arguments.</param>
    /// <param name="variables">Variables of the environment; the others that the scripts know are not set.</param>
    public ToolResult Run(string current, string[] command, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo("/bin/bash", command) { WorkingDirectory = this[current], RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in new[] { "PRETRAIN_TORCH_PROVIDER", "PRETRAIN_TORCH_RUNTIME", "LIBTORCH", "PYTHON" }) start.Environment.Remove(name);
        start.Environment["PATH"] = $"{this["commands"]}:{start.Environment["PATH"]}";
        foreach (var (name, value) in variables) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ToolResult(process.ExitCode, output, error.Result);
    }

    public void Dispose() => _folder.Dispose();
}
