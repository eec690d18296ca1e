using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Data;

namespace PreTrain.Cli.Commands;

/// <summary><c>--data</c>: files, patterns, or the documentation of the .NET SDK.</summary>
internal static class CorpusOption
{
    /// <summary>Stands for <see cref="SdkDocumentation"/>.</summary>
    public const string SdkDocs = "sdk-docs";

    public static Option<string[]> Create(bool required) => new("--data")
    {
        Description = $"Text, JSON lines, CSV, HTML or XML, as the names say, plain or compressed: files, patterns with * and **, or {SdkDocs} for the reference documentation of the .NET SDK.",
        HelpName = "FILE|GLOB|sdk-docs",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
        Required = required,
    };

    /// <summary>The corpus; files are checked now and read when it is enumerated.</summary>
    public static TextCorpus Open(string[] data, bool replaceInvalid = false)
    {
        if (!data.Contains(SdkDocs)) return TextCorpus.FromFiles(new CorpusFileOptions { ReplaceInvalid = replaceInvalid }, data);
        return data.Length == 1 ? new SdkDocumentation()
            : throw new UsageException($"--data takes either {SdkDocs} or files; it was given both ({string.Join(' ', data)}). A file of that name is written ./{SdkDocs}.");
    }
}
