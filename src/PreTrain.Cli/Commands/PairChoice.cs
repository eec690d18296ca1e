using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say which pairs of texts are read.</summary>
internal sealed class PairChoice
{
    private static readonly TextPairOptions s_defaults = new();

    private readonly Option<string[]> _data = CreateData("Pairs of texts: JSON lines, CSV or TSV with the texts to read and to write, plain or compressed");
    private readonly Option<string?> _sourceField = Options.Text("--source-field", "NAME", $"The member or column with the text to read. The default is {s_defaults.SourceField}.");
    private readonly Option<string?> _targetField = Options.Text("--target-field", "NAME", $"The member or column with the text to write. The default is {s_defaults.TargetField}.");
    private readonly Option<string?> _prefix = Options.Text("--source-prefix", "TEXT", "What stands before each text to read, such as 'summarize: '.");

    public IEnumerable<Option> All => [_data, _sourceField, _targetField, _prefix];

    /// <summary>An option <c>--data</c> that takes files or the SDK's documentation.</summary>
    public static Option<string[]> CreateData(string description) => new("--data")
    {
        Description = $"{description}; or {CorpusOption.SdkDocs}, which is the .NET SDK's documentation: members and what they are for.",
        HelpName = "FILE|GLOB|sdk-docs",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
        Required = true,
    };

    /// <summary>Whether the SDK's documentation is asked for.</summary>
    public static bool IsSdk(string[] data) => !data.Contains(CorpusOption.SdkDocs) ? false
        : data.Length == 1 ? true
        : throw new UsageException($"--data takes either {CorpusOption.SdkDocs} or files; it was given both ({string.Join(' ', data)}). A file of that name is written ./{CorpusOption.SdkDocs}.");

    /// <summary>What stands before each text to read.</summary>
    public string Prefix(ParseResult parsed) => parsed.GetValue(_prefix) ?? "";

    /// <summary>Reads the pairs.</summary>
    public TextPairs Read(ParseResult parsed)
    {
        string[] data = parsed.GetRequiredValue(_data);
        if (!IsSdk(data))
            return TextPairs.FromFiles(new() { SourceField = parsed.GetValue(_sourceField) ?? s_defaults.SourceField, TargetField = parsed.GetValue(_targetField) ?? s_defaults.TargetField }, data);
        foreach (Option option in new Option[] { _sourceField, _targetField })
            if (parsed.GetResult(option) is { Implicit: false }) throw new UsageException($"{option.Name} is for files, and --data is {CorpusOption.SdkDocs}.");
        return TextPairs.FromSdkDocumentation(new SdkDocumentation());
    }

    /// <summary>Values of options that were not given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed)
    {
        bool sdk = IsSdk(parsed.GetRequiredValue(_data));
        yield return (_sourceField, sdk ? null : parsed.GetValue(_sourceField) ?? s_defaults.SourceField);
        yield return (_targetField, sdk ? null : parsed.GetValue(_targetField) ?? s_defaults.TargetField);
    }
}
