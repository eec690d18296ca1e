using System.Diagnostics;
using System.Text.Json.Nodes;

namespace PreTrain.Compare;

/// <summary>A contender's process, whose last line is its result.</summary>
internal static class ContenderProcess
{
    /// <summary>Runs this program itself.</summary>
    internal static JsonNode? RunSelf(string who, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        // A native host, or dotnet with the assembly.
        string host = Environment.ProcessPath!;
        string[] command = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [host, Environment.GetCommandLineArgs()[0]] : [host];
        return Run(who, [.. command, .. arguments], environment);
    }

    /// <summary>Runs a script of this folder.</summary>
    internal static JsonNode? RunPython(string who, string python, IEnumerable<string> arguments, params (string Name, string Value)[] environment) =>
        Run(who, [.. python.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. arguments], environment);

    private static JsonNode? Run(string who, string[] command, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == 0) return JsonNode.Parse(output.Trim().Split('\n')[^1]);
        Console.Error.WriteLine($"{who} failed ({process.ExitCode}): {errors.Result.Trim().Split('\n')[^1]}");
        return null;
    }
}
