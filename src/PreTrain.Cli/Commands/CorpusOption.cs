using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Data;

namespace PreTrain.Cli.Commands;

/// <summary><c>--data</c>: files, patterns, or the documentation of the .NET SDK.</summary>
internal static class CorpusOption
{
    /// <summary>Stands for <see cref="SdkDocumentation"/>.</summary>
    public const string SdkDocs = "sdk-docs";

    public static Option<string[]> Create(bool required) =>
        Create(required, $"Text, JSON lines, CSV, HTML or XML, as the names say, plain or compressed: files, patterns with * and **, or {SdkDocs} for the reference documentation of the .NET SDK.");

    /// <summary>The option for data of another kind.</summary>
    public static Option<string[]> Create(bool required, string description) => new("--data")
    {
        Description = description,
        HelpName = "FILE|GLOB|sdk-docs",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
        Required = required,
    };

    /// <summary>The corpus; files are checked now and read when it is enumerated.</summary>
    public static TextCorpus Open(string[] data, bool replaceInvalid = false) =>
        IsSdkDocs(data) ? new SdkDocumentation() : TextCorpus.FromFiles(new CorpusFileOptions { ReplaceInvalid = replaceInvalid }, data);

    /// <summary>Computes something from what a model reads of the corpus.</summary>
    /// <param name="data">What <c>--data</c> says.</param>
    /// <param name="compute">What is computed.</param>
    /// <exception cref="CorpusException">The corpus is too small for it.</exception>
    public static T Calibrate<T>(string[] data, Func<T> compute)
    {
        try
        {
            return compute();
        }
        catch (ArgumentException fault) when (fault.ParamName == "calibration" && data.Length > 0)
        {
            throw new CorpusException($"--data ({string.Join(' ', data)}): {Faults.WithoutParameter(fault)}", data[0], fault);
        }
    }

    /// <summary>Whether the documentation is asked for, and not files.</summary>
    /// <exception cref="UsageException">Both are.</exception>
    public static bool IsSdkDocs(string[] data)
    {
        if (!data.Contains(SdkDocs)) return false;
        return data.Length == 1 ? true : throw new UsageException($"--data takes either {SdkDocs} or files; it was given both ({string.Join(' ', data)}). A file of that name is written ./{SdkDocs}.");
    }
}
