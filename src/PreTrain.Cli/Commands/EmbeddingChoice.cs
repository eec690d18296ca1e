using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say which texts belong together, or how alike they are.</summary>
internal sealed class EmbeddingChoice
{
    private static readonly ContrastiveTextOptions s_defaults = new();

    private readonly Option<string[]> _data = PairChoice.CreateData("Texts that belong together: JSON lines, CSV or TSV, plain or compressed; with --loss simcse any texts, a line each");
    private readonly Option<string?> _anchor = Options.Text("--anchor-field", "NAME", $"The member or column with the text. The default is {s_defaults.AnchorField}.");
    private readonly Option<string?> _positive = Options.Text("--positive-field", "NAME", $"The one with the text that belongs to it, or is compared with it. The default is {s_defaults.PositiveField}.");
    private readonly Option<string?> _negative = Options.Text("--negative-field", "NAME", "The one with a text, in JSON a list of them too, that only seems to belong to it.");
    private readonly Option<string?> _score = Options.Text("--score-field", "NAME", "The one that says how alike they are, from -1 to 1. The default is score.");

    public IEnumerable<Option> All => [_data, _anchor, _positive, _negative, _score];

    /// <summary>The options but for negatives, which only training knows.</summary>
    public IEnumerable<Option> WithoutNegatives => All.Where(option => option != _negative);

    /// <summary>Values of options that were not given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, EmbeddingLoss loss)
    {
        bool named = loss != EmbeddingLoss.SimCse && !PairChoice.IsSdk(parsed.GetRequiredValue(_data));
        yield return (_anchor, named ? parsed.GetValue(_anchor) ?? s_defaults.AnchorField : null);
        yield return (_positive, named ? parsed.GetValue(_positive) ?? s_defaults.PositiveField : null);
        yield return (_score, loss == EmbeddingLoss.Cosine ? parsed.GetValue(_score) ?? "score" : null);
    }

    /// <summary>Texts and those that belong to them.</summary>
    public ContrastiveTexts Pairs(ParseResult parsed)
    {
        Refuse(parsed, "contrastive", _score);
        string[] data = parsed.GetRequiredValue(_data);
        if (!PairChoice.IsSdk(data))
        {
            return ContrastiveTexts.FromFiles(new()
            {
                AnchorField = parsed.GetValue(_anchor) ?? s_defaults.AnchorField,
                PositiveField = parsed.GetValue(_positive) ?? s_defaults.PositiveField,
                NegativeField = parsed.GetValue(_negative),
            }, data);
        }
        Refuse(parsed, CorpusOption.SdkDocs, _anchor, _positive, _negative);
        return ContrastiveTexts.FromPairs(TextPairs.FromSdkDocumentation(new SdkDocumentation()));
    }

    /// <summary>Texts alone: of files their lines, of the SDK's documentation the summaries.</summary>
    public ContrastiveTexts Texts(ParseResult parsed)
    {
        Refuse(parsed, "simcse", _anchor, _positive, _negative, _score);
        string[] data = parsed.GetRequiredValue(_data);
        return ContrastiveTexts.FromTexts(PairChoice.IsSdk(data)
            ? TextPairs.FromSdkDocumentation(new SdkDocumentation()).Examples.Select(pair => pair.Target)
            : TextCorpus.FromFiles(data).SelectMany(text => text.Split('\n', StringSplitOptions.TrimEntries)));
    }

    /// <summary>Pairs of texts with how alike they are.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="largest">The largest that a number may be, below 0 as above it; null for any.</param>
    public LabelledTexts Scored(ParseResult parsed, double? largest = null)
    {
        Refuse(parsed, "cosine", _negative);
        string[] data = parsed.GetRequiredValue(_data);
        if (PairChoice.IsSdk(data)) throw new UsageException($"--data ({CorpusOption.SdkDocs}) does not say how alike texts are; name files that do.");
        return LabelledTexts.FromFiles(new()
        {
            Task = ClassificationTask.Regression,
            TextField = parsed.GetValue(_anchor) ?? s_defaults.AnchorField,
            PairField = parsed.GetValue(_positive) ?? s_defaults.PositiveField,
            LabelField = parsed.GetValue(_score) ?? "score",
            LargestValue = largest,
        }, data);
    }

    private static void Refuse(ParseResult parsed, string what, params Option[] options)
    {
        foreach (Option option in options)
            if (parsed.GetResult(option) is { Implicit: false }) throw new UsageException($"{option.Name} does not go with {what}; leave it out.");
    }
}
