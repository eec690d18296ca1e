using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>The tags of words.</summary>
internal sealed class TokensTask : IHeadTask
{
    private readonly Option<bool> _allPieces = new("--all-pieces") { Description = "Learn the tag at every token of a word, and not at its first one alone." };

    public string Name => "tokens";

    public string Title => "to find names in texts";

    public string DataDescription => $"Columns of words and tags as those of CoNLL (IOB2), or JSON lines with spans, plain or compressed: files, patterns with * and **, or {CorpusOption.SdkDocs} for the marked names of the documentation of the .NET SDK.";

    public IEnumerable<Option> Reading => [];

    public IEnumerable<Option> Learning => [_allPieces];

    public HeadOptions OptionsOf(ITransformerModel model, TextTokenizer tokenizer) => new() { Labels = new NameFinder(model, tokenizer).Tags };

    public IHeadData Read(ParseResult parsed, string[] data, string[] labels, HeadOptions? model)
    {
        LabelSet? known = model?.Labels ?? (labels.Length == 0 ? null : new LabelSet(labels));
        if (!CorpusOption.IsSdkDocs(data)) return new TagData(this, TaggedTexts.FromFiles(known, data));
        return labels.Length == 0 ? new TagData(this, TaggedTexts.FromSdkDocumentation(new SdkDocumentation()))
            : throw new UsageException($"--labels does not go with --data {CorpusOption.SdkDocs}, whose tags are known.");
    }

    private sealed class TagData(TokensTask task, TaggedTexts texts) : IHeadData
    {
        public ModelHead Head => ModelHead.TokenClassification;

        public HeadOptions HeadOptions => new() { Labels = texts.Tags };

        public string Summary => $"{texts.Count} texts with {texts.Tags.Count} tags";

        public ILabelledObjective Objective(ParseResult parsed, TextTokenizer tokenizer, int? context, double validationFraction) =>
            new TokenClassification(texts, tokenizer, new() { ContextLength = context, ValidationFraction = validationFraction, LabelsAllPieces = parsed.GetValue(task._allPieces) });

        public IReadOnlyDictionary<string, double>? Measure(ParseResult parsed, ITransformerModel model, TextTokenizer tokenizer, int? context, double heldOut, int batch, CancellationToken cancellation) =>
            (heldOut == 0 ? texts : texts.Split(heldOut).Validation) is { } measured ? new NameFinder(model, tokenizer, context).Evaluate(measured, batch, cancellation) : null;
    }
}
