using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>The classes of texts or of pairs of texts.</summary>
internal sealed class ClassifyTask : IHeadTask
{
    private const string Balanced = "balanced", Effective = "effective";

    private readonly Option<ClassificationTask?> _task = Options.Choice("--task", "What a text is labelled with: one class, several, or a number. The default is single.",
        ("single", ClassificationTask.SingleLabel), ("multi", ClassificationTask.MultiLabel), ("number", ClassificationTask.Regression));
    private readonly Option<string?> _textField = Options.Text("--text-field", "NAME", "The member or column that holds the text. The default is text.");
    private readonly Option<string?> _pairField = Options.Text("--pair-field", "NAME", "The member or column that holds the second text of a pair.");
    private readonly Option<string?> _labelField = Options.Text("--label-field", "NAME", "The member or column that holds the label. The default is label.");
    private readonly Option<SdkLabel?> _sdkLabel = Options.Choice("--sdk-label", "What is to be told from a summary of the SDK's documentation. The default is kind.", ("kind", SdkLabel.Kind), ("namespace", SdkLabel.Namespace));
    private readonly Option<double?> _smoothing = Options.Number("--label-smoothing", "The share of a target that is spread over all classes. The default is 0.", share => share is >= 0 and < 1, "must be a number from 0 to below 1");
    private readonly Option<double?> _gamma = Options.Number("--focal-gamma", "The focusing parameter of the focal loss. The default is 0, the cross entropy.", gamma => gamma == 0 || gamma >= 1, "must be 0 or a number from 1");
    private readonly Option<string?> _weights = Options.Word("--class-weights", "What the loss of a class counts: balanced by the inverse of its share, or by its effective number (Cui et al. 2019). The default is none, 1 for all.", ["none", Balanced, Effective]);
    private readonly Option<ClassSampling?> _sampling = Options.Choice("--sampling", "oversample: the examples of rarer classes come several times; undersample: of each class come as many as there are of the rarest. The default is as-is.",
        ("as-is", ClassSampling.AsIs), ("oversample", ClassSampling.Oversample), ("undersample", ClassSampling.Undersample));
    private readonly Option<double?> _augment = Options.Number("--augment", "The share of the texts in which words are swapped and deleted, and with --synonyms replaced and inserted, anew each time (EDA, Wei and Zou 2019). The default is 0.",
        share => share is >= 0 and <= 1, "must be a number from 0 to 1");
    private readonly Option<string?> _synonyms = Options.Text("--synonyms", "FILE", "--augment: words that mean the same, a group on each line with commas between them.");

    public string Name => "classify";

    public string Title => "to tell the class of texts, or of pairs of texts";

    public string DataDescription => $"JSON lines or CSV with texts and labels, plain or compressed: files, patterns with * and **, or {CorpusOption.SdkDocs} for summaries of the documentation of the .NET SDK.";

    public IEnumerable<Option> Reading => [_task, _textField, _pairField, _labelField, _sdkLabel];

    public IEnumerable<Option> Learning => [_smoothing, _gamma, _weights, _sampling, _augment, _synonyms];

    public HeadOptions OptionsOf(ITransformerModel model, TextTokenizer tokenizer)
    {
        var classifier = new TextClassifier(model, tokenizer);
        return new() { Labels = classifier.Task == ClassificationTask.Regression ? null : classifier.Labels, Task = classifier.Task };
    }

    public IHeadData Read(ParseResult parsed, string[] data, string[] labels, HeadOptions? model)
    {
        ClassificationTask? asked = parsed.GetValue(_task);
        LabelSet? known = labels.Length == 0 ? null : new LabelSet(labels);
        if (model is not null)
        {
            known = model.Labels;
            if (asked is { } other && other != model.Task) throw new UsageException($"--task does not fit the model, which is for {model.Task}; leave it out.");
            asked = model.Task;
        }
        if (CorpusOption.IsSdkDocs(data))
        {
            if (asked is ClassificationTask.MultiLabel or ClassificationTask.Regression) throw new UsageException($"--task must be single with --data {CorpusOption.SdkDocs}: a summary has one class.");
            if (labels.Length > 0) throw new UsageException($"--labels does not go with --data {CorpusOption.SdkDocs}, whose labels are known.");
            return new TextData(this, LabelledTexts.FromSdkDocumentation(new SdkDocumentation(), parsed.GetValue(_sdkLabel) ?? SdkLabel.Kind));
        }
        if (parsed.GetValue(_sdkLabel) is not null) throw new UsageException($"--sdk-label belongs to --data {CorpusOption.SdkDocs}.");
        var usual = new LabelledTextOptions();
        ClassificationTask task = asked ?? usual.Task;
        if (task == ClassificationTask.Regression && labels.Length > 0) throw new UsageException("--labels does not go with --task number.");
        return new TextData(this, LabelledTexts.FromFiles(new()
        {
            Task = task,
            TextField = parsed.GetValue(_textField) ?? usual.TextField,
            PairField = parsed.GetValue(_pairField),
            LabelField = parsed.GetValue(_labelField) ?? usual.LabelField,
            Labels = task == ClassificationTask.Regression ? null : known,
        }, data));
    }

    private IReadOnlyList<double>? WeightsOf(ParseResult parsed, LabelledTexts texts)
    {
        string? weights = parsed.GetValue(_weights);
        if (weights is not (Balanced or Effective)) return null;
        if (texts.Task != ClassificationTask.SingleLabel) throw new UsageException("--class-weights goes with --task single.");
        return weights == Balanced ? ClassBalance.InverseFrequencies(texts) : ClassBalance.EffectiveNumbers(texts);
    }

    private TextAugmentationOptions? AugmentationOf(ParseResult parsed)
    {
        string? synonyms = parsed.GetValue(_synonyms);
        if (parsed.GetValue(_augment) is > 0) return new() { Synonyms = synonyms is null ? [] : TextAugmentation.ReadSynonyms(synonyms) };
        return synonyms is null ? null : throw new UsageException("--synonyms goes with --augment.");
    }

    private sealed class TextData(ClassifyTask task, LabelledTexts texts) : IHeadData
    {
        public ModelHead Head => ModelHead.SequenceClassification;

        public HeadOptions HeadOptions => new() { Labels = texts.Labels, Task = texts.Task };

        public string Summary => $"{texts.Count} texts{(texts.Labels is { } labels ? $" of {labels.Count} classes" : "")}";

        public ILabelledObjective Objective(ParseResult parsed, TextTokenizer tokenizer, int? context, double validationFraction) => new SequenceClassification(texts, tokenizer, new()
        {
            ContextLength = context,
            ValidationFraction = validationFraction,
            LabelSmoothing = parsed.GetValue(task._smoothing) ?? 0,
            FocalGamma = parsed.GetValue(task._gamma) ?? 0,
            ClassWeights = task.WeightsOf(parsed, texts),
            Sampling = parsed.GetValue(task._sampling) ?? ClassSampling.AsIs,
            Augmentation = task.AugmentationOf(parsed),
            AugmentedShare = parsed.GetValue(task._augment) is > 0 and var share ? share : new SequenceClassificationOptions().AugmentedShare,
        });

        public IReadOnlyDictionary<string, double>? Measure(ParseResult parsed, ITransformerModel model, TextTokenizer tokenizer, int? context, double heldOut, int batch, CancellationToken cancellation) =>
            (heldOut == 0 ? texts : texts.Split(heldOut).Validation) is { } measured ? new TextClassifier(model, tokenizer, context).Evaluate(measured, batch, cancellation) : null;
    }
}
