using PreTrain.Tokenization;

namespace PreTrain.Data;

/// <summary>Texts with a tag for each word, to learn the tagging of words from or to measure one with.</summary>
public sealed class TaggedTexts
{
    private readonly Lazy<string> _fingerprint;

    /// <summary>Takes examples that a program has.</summary>
    /// <param name="examples">The texts, at least one.</param>
    /// <param name="tags">The tags that their numbers mean: those of IOB2, <c>O</c>, <c>B-TYPE</c> and <c>I-TYPE</c>.</param>
    /// <exception cref="ArgumentException">There are no examples, a tag is none of the set or of IOB2, or words do not lie in their text one after another.</exception>
    public TaggedTexts(IReadOnlyList<TaggedText> examples, LabelSet tags)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(tags);
        if (examples.Count == 0) throw new ArgumentException("There must be at least one example.", nameof(examples));
        if (tags.Names.FirstOrDefault(tag => TagScheme.Read(tag) is null) is { } strange) throw new ArgumentException($"The tag '{strange}' must be O, B-TYPE or I-TYPE.", nameof(tags));
        if (tags.Find(TagScheme.Outside) is null) throw new ArgumentException($"The tags ({string.Join(", ", tags.Names)}) must hold O, for words outside of names.", nameof(tags));
        for (int i = 0; i < examples.Count; i++)
        {
            TaggedText example = examples[i];
            if (example.Words.Count == 0) throw new ArgumentException($"Example {i} has no words.", nameof(examples));
            if (example.Words.Count != example.Tags.Count) throw new ArgumentException($"Example {i} has {example.Words.Count} words and {example.Tags.Count} tags; each word has one.", nameof(examples));
            for (int w = 0; w < example.Words.Count; w++)
            {
                TokenSpan word = example.Words[w];
                if (word.Start < (w == 0 ? 0 : example.Words[w - 1].End) || word.End <= word.Start)
                    throw new ArgumentException($"Word {w} of example {i} ({word.Start} to {word.End}) must begin behind the one before it and hold a character.", nameof(examples));
                if (word.End > example.Text.Length) throw new ArgumentException($"Word {w} of example {i} ({word.Start} to {word.End}) lies beyond the text of {example.Text.Length} characters.", nameof(examples));
                if ((uint)example.Tags[w] >= (uint)tags.Count) throw new ArgumentException($"The tag of word {w} of example {i} ({example.Tags[w]}) must be from 0 to {tags.Count - 1}.", nameof(examples));
            }
        }
        (Examples, Tags) = (examples, tags);
        _fingerprint = new(Hash);
    }

    /// <summary>The texts in order.</summary>
    public IReadOnlyList<TaggedText> Examples { get; }

    /// <summary>The tags.</summary>
    public LabelSet Tags { get; }

    /// <summary>How many texts there are.</summary>
    public int Count => Examples.Count;

    /// <summary>SHA-256 of all texts and tags, in hexadecimal digits.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>
    /// Reads files, plain or compressed: those named .jsonl or .ndjson hold <c>{"text": …, "spans": [{"start": …, "end": …, "label": …}]}</c> on each line, with places in characters; all others
    /// are of CoNLL's kind: a word on each line and its tag of IOB2 in the last column, an empty line between sentences, and <c>-DOCSTART-</c> between documents, which are never held out in part.
    /// </summary>
    /// <param name="tags">The tags that may occur; null for those that do.</param>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <exception cref="ArgumentException">No file was given.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or damaged; a line is broken, its tag none of the set, or its span beyond the text; there is no name to find.</exception>
    public static TaggedTexts FromFiles(LabelSet? tags, params string[] filesOrGlobs)
    {
        IReadOnlyList<string> files = FileSelection.Resolve(filesOrGlobs);
        var read = new List<TaggedTextReader.Example>();
        foreach (string path in files)
        {
            using var file = new SourceFile(path);
            int first = read.Count;
            foreach (var (line, example, fault) in TaggedTextReader.Read(file))
            {
                if ((fault ?? Strange(file, line, example!, tags)) is { } broken)
                {
                    file.CheckUnchanged();
                    throw broken;
                }
                read.Add(example!);
            }
            file.CheckUnchanged();
            // One -DOCSTART- at the top divides nothing.
            if (read.Skip(first).All(example => example.Group == TaggedTextReader.GroupOf(file, 1)))
            {
                for (int i = first; i < read.Count; i++) read[i] = read[i] with { Group = null };
            }
        }
        string[] types = [.. read.SelectMany(TypesOf).Distinct()];
        if (tags is null && types.Length == 0) throw new CorpusException($"The file '{files[0]}' holds no tagged name; there is nothing to learn. Use more examples, or give the tags that may occur.", files[0]);
        LabelSet known = tags ?? TagScheme.Of(types);
        return new([.. read.Select(example => new TaggedText
        {
            Text = example.Text,
            Words = example.Words,
            Tags = example.Spans is { } spans ? TagScheme.TagsOf(example.Words, spans, known) : [.. example.Tags.Select(tag => known.Find(tag)!.Value)],
            Group = example.Group,
        })], known);
    }

    /// <summary>
    /// Summaries of the documentation of the .NET SDK, with the names that it marks: references, parameters, type parameters, keywords and code. A summary that several members share counts once,
    /// and one without a mark not at all; the members of a type are held out together.
    /// </summary>
    /// <param name="documentation">The documentation.</param>
    /// <exception cref="CorpusException">A file is damaged or cannot be read.</exception>
    public static TaggedTexts FromSdkDocumentation(SdkDocumentation documentation)
    {
        ArgumentNullException.ThrowIfNull(documentation);
        SdkMember[] members = [.. documentation.Members.Where(member => SdkDocumentation.IsProse(member) && member.Summary.Spans.Count > 0).DistinctBy(member => member.Summary.Text)];
        LabelSet tags = TagScheme.Of(Enum.GetValues<SdkSpanKind>().Select(NameOf));
        return new([.. members.Select(member =>
        {
            IReadOnlyList<TokenSpan> words = TaggedText.WordsOf(member.Summary.Text);
            return new TaggedText
            {
                Text = member.Summary.Text,
                Words = words,
                Tags = TagScheme.TagsOf(words, [.. member.Summary.Spans.Select(span => (span.Start, span.Start + span.Length, NameOf(span.Kind)))], tags),
                Group = member.FullTypeName,
            };
        })], tags);

        static string NameOf(SdkSpanKind kind) => kind.ToString().ToLowerInvariant();
    }

    /// <summary>Holds texts out, always the same: groups in a pseudo-random order, until they are as many as wanted.</summary>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <returns>What is left to learn from, and what is held out, null where nothing is; both in the order of the examples.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public (TaggedTexts Train, TaggedTexts? Validation) Split(double validationFraction)
    {
        var (train, held) = HeldOut.Split(Examples, example => example.Group, validationFraction, "tagged texts");
        return held.Count == 0 ? (this, null) : (new(train, Tags), new(held, Tags));
    }

    private static IEnumerable<string> TypesOf(TaggedTextReader.Example example) =>
        example.Spans?.Select(span => span.Type) ?? example.Tags.Select(tag => TagScheme.Read(tag)!.Value.Type).OfType<string>();

    /// <summary>The fault of an example with a tag that is none of the set.</summary>
    private static CorpusException? Strange(SourceFile file, long line, TaggedTextReader.Example example, LabelSet? tags)
    {
        if (tags is null) return null;
        IEnumerable<string> needed = example.Spans?.SelectMany(span => new[] { $"B-{span.Type}", $"I-{span.Type}" }) ?? example.Tags;
        int at = example.Spans is null ? example.Tags.TakeWhile(tag => tags.Find(tag) is not null).Count() : 0;
        return needed.FirstOrDefault(tag => tags.Find(tag) is null) is { } strange
            ? ReadLine.Broken(file, line + at, $"its tag ('{strange}') is not one of {string.Join(", ", tags.Names)}", null) : null;
    }

    private string Hash()
    {
        using var hash = new ContentHash();
        foreach (string name in Tags.Names) hash.Add(name);
        foreach (TaggedText example in Examples)
        {
            hash.Add(example.Text);
            hash.Add([.. example.Words.SelectMany(word => new[] { word.Start, word.End })]);
            hash.Add(example.Tags);
        }
        return hash.Finish();
    }
}
