namespace PreTrain.Data;

/// <summary>Texts with labels, to learn a classification from or to measure one with.</summary>
public sealed class LabelledTexts
{
    private const int LeastOfNamespace = 100;

    private readonly Lazy<string> _fingerprint;

    /// <summary>Takes examples that a program has.</summary>
    /// <param name="examples">The texts, at least one.</param>
    /// <param name="labels">The labels that their numbers mean; null for <see cref="ClassificationTask.Regression"/>.</param>
    /// <param name="task">What they are labelled with.</param>
    /// <exception cref="ArgumentException">There are no examples, a label is none of the set, or there are other labels than the task has.</exception>
    public LabelledTexts(IReadOnlyList<LabelledText> examples, LabelSet? labels, ClassificationTask task = ClassificationTask.SingleLabel)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("There must be at least one example.", nameof(examples));
        if (labels is null != (task == ClassificationTask.Regression)) throw new ArgumentException($"Labels are for classes, and the task is {task}.", nameof(labels));
        (Examples, Labels, Task) = (examples, labels, task);
        for (int i = 0; i < examples.Count; i++)
        {
            LabelledText example = examples[i];
            if (string.IsNullOrWhiteSpace(example.Text)) throw new ArgumentException($"The text of example {i} is empty.", nameof(examples));
            if (example.Labels.Any(label => (uint)label >= (uint)(labels?.Count ?? 0))) throw new ArgumentException($"The labels of example {i} ({string.Join(", ", example.Labels)}) must be from 0 to {(labels?.Count ?? 0) - 1}.", nameof(examples));
            if (task == ClassificationTask.SingleLabel && example.Labels.Count != 1) throw new ArgumentException($"Example {i} has {example.Labels.Count} labels; in the task {task} each has one.", nameof(examples));
            if (!double.IsFinite(example.Value)) throw new ArgumentException($"The value of example {i} ({example.Value}) must be finite.", nameof(examples));
            if (example.Pair is null != examples[0].Pair is null) throw new ArgumentException($"Example {i} has {(example.Pair is null ? "no" : "a")} second text, unlike the first one; all must be pairs, or none.", nameof(examples));
        }
        _fingerprint = new(Hash);
    }

    /// <summary>The texts in order.</summary>
    public IReadOnlyList<LabelledText> Examples { get; }

    /// <summary>The labels; null for <see cref="ClassificationTask.Regression"/>.</summary>
    public LabelSet? Labels { get; }

    /// <summary>What the texts are labelled with.</summary>
    public ClassificationTask Task { get; }

    /// <summary>How many texts there are.</summary>
    public int Count => Examples.Count;

    /// <summary>Whether they are pairs.</summary>
    public bool ArePairs => Examples[0].Pair is not null;

    /// <summary>SHA-256 of all texts and labels, in hexadecimal digits.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Reads JSON lines and CSV files, plain or compressed.</summary>
    /// <param name="options">Which members or columns hold what.</param>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <exception cref="ArgumentException">No file was given, or an option is out of range.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or damaged; a line is broken, or its label is none of the set; there is but one label to learn.</exception>
    public static LabelledTexts FromFiles(LabelledTextOptions options, params string[] filesOrGlobs)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        List<LabelledTextReader.Example> read = ExampleFiles.Read(filesOrGlobs, file => LabelledTextReader.Read(file, options), "labelled text");
        LabelSet? labels = options.Labels;
        if (labels is null && options.Task != ClassificationTask.Regression)
        {
            string[] names = [.. read.SelectMany(example => example.Labels).Distinct()];
            if (names.Length < (options.Task == ClassificationTask.SingleLabel ? 2 : 1))
                throw new CorpusException($"The file '{FileSelection.Resolve(filesOrGlobs)[0]}' holds {(names.Length == 0 ? "no label" : $"one label only, '{names[0]}'")}; there is nothing to tell apart. Use more examples, or give the labels that may occur.", FileSelection.Resolve(filesOrGlobs)[0]);
            labels = LabelSet.Of(names);
        }
        return new([.. read.Select(example => new LabelledText { Text = example.Text, Pair = example.Pair, Labels = [.. example.Labels.Select(name => labels!.Find(name)!.Value)], Value = example.Value })], labels, options.Task);
    }

    /// <summary>
    /// Summaries of the documentation of the .NET SDK, each with what its member is or where it belongs. A summary that several members share counts once, and not at all where they disagree;
    /// the members of a type are held out together. Of namespaces those with at least 100 summaries count.
    /// </summary>
    /// <param name="documentation">The documentation.</param>
    /// <param name="label">What is to be told from a summary.</param>
    /// <exception cref="CorpusException">A file is damaged or cannot be read.</exception>
    public static LabelledTexts FromSdkDocumentation(SdkDocumentation documentation, SdkLabel label = SdkLabel.Kind)
    {
        ArgumentNullException.ThrowIfNull(documentation);
        if (!Enum.IsDefined(label)) throw new ArgumentOutOfRangeException(nameof(label), label, $"label ({label}) must be Kind or Namespace.");
        string LabelOf(SdkMember member) => label == SdkLabel.Kind ? member.Kind.ToString().ToLowerInvariant() : member.Namespace;
        var texts = documentation.Members.Where(member => SdkDocumentation.IsProse(member) && !member.Summary.IsEmpty && LabelOf(member).Length > 0)
            .GroupBy(member => member.Summary.Text).Where(same => same.Select(LabelOf).Distinct().Count() == 1).Select(same => same.First());
        if (label == SdkLabel.Namespace) texts = texts.GroupBy(LabelOf).Where(all => all.Count() >= LeastOfNamespace).SelectMany(all => all);
        SdkMember[] members = [.. texts];
        LabelSet labels = LabelSet.Of(members.Select(LabelOf));
        return new([.. members.Select(member => new LabelledText { Text = member.Summary.Text, Labels = [labels.Find(LabelOf(member))!.Value], Group = member.FullTypeName })], labels);
    }

    /// <summary>Holds texts out, always the same: groups in a pseudo-random order, until they are as many as wanted.</summary>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <returns>What is left to learn from, and what is held out, null where nothing is; both in the order of the examples.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public (LabelledTexts Train, LabelledTexts? Validation) Split(double validationFraction)
    {
        var (train, held) = HeldOut.Split(Examples, example => example.Group, validationFraction, "labelled texts");
        return held.Count == 0 ? (this, null) : (new(train, Labels, Task), new(held, Labels, Task));
    }

    private string Hash()
    {
        using var hash = new ContentHash();
        foreach (string name in Labels?.Names ?? []) hash.Add(name);
        foreach (LabelledText example in Examples)
        {
            hash.Add(example.Text);
            hash.Add(example.Pair);
            hash.Add(example.Labels);
            hash.Add(BitConverter.DoubleToInt64Bits(example.Value));
        }
        return hash.Finish();
    }
}
