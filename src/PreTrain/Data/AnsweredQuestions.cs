namespace PreTrain.Data;

/// <summary>Questions that texts answer, to learn reading comprehension from or to measure it with.</summary>
public sealed class AnsweredQuestions
{
    private readonly Lazy<string> _fingerprint;

    /// <summary>Takes questions that a program has.</summary>
    /// <param name="examples">The questions, at least one.</param>
    /// <exception cref="ArgumentException">There are none, a text is empty, or an answer does not stand in its text where it says.</exception>
    public AnsweredQuestions(IReadOnlyList<AnsweredQuestion> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("There must be at least one question.", nameof(examples));
        foreach (AnsweredQuestion example in examples)
        {
            if (string.IsNullOrWhiteSpace(example.Question)) throw new ArgumentException($"The question '{example.Id}' is empty.", nameof(examples));
            if (string.IsNullOrWhiteSpace(example.Context)) throw new ArgumentException($"The context of the question '{example.Id}' is empty.", nameof(examples));
            foreach (TextAnswer answer in example.Answers)
            {
                if (string.IsNullOrWhiteSpace(answer.Text) || answer.Start < 0 || answer.End > example.Context.Length || !example.Context.AsSpan(answer.Start).StartsWith(answer.Text, StringComparison.Ordinal))
                    throw new ArgumentException($"The answer '{answer.Text}' of the question '{example.Id}' is not at place {answer.Start} of its context.", nameof(examples));
            }
        }
        Examples = examples;
        _fingerprint = new(Hash);
    }

    /// <summary>The questions in order.</summary>
    public IReadOnlyList<AnsweredQuestion> Examples { get; }

    /// <summary>How many questions there are.</summary>
    public int Count => Examples.Count;

    /// <summary>Whether some have no answer.</summary>
    public bool HaveUnanswered => Examples.Any(example => example.Answers.Count == 0);

    /// <summary>SHA-256 of all questions, texts and answers, in hexadecimal digits.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Reads files of SQuAD, version 1.1 or 2.0, plain or compressed. The questions of a paragraph are held out together.</summary>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <exception cref="ArgumentException">No file was given.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or damaged, or an answer is not in its context where it says; the message names the question's id.</exception>
    public static AnsweredQuestions FromSquad(params string[] filesOrGlobs)
    {
        IReadOnlyList<string> files = FileSelection.Resolve(filesOrGlobs);
        var questions = new List<AnsweredQuestion>();
        foreach (string path in files)
        {
            using var file = new SourceFile(path);
            questions.AddRange(SquadReader.Read(file));
        }
        return questions.Count > 0 ? new(questions) : throw new CorpusException($"The file '{files[0]}' holds no question.", files[0]);
    }

    /// <summary>
    /// Questions about the documentation of the .NET SDK: what a parameter is for, to be answered with its description on the page of its method. The questions of a type are held out together,
    /// and of pages that are the same but for their names one counts.
    /// </summary>
    /// <param name="documentation">The documentation.</param>
    /// <exception cref="CorpusException">A file is damaged or cannot be read.</exception>
    public static AnsweredQuestions FromSdkDocumentation(SdkDocumentation documentation)
    {
        ArgumentNullException.ThrowIfNull(documentation);
        var questions = new List<AnsweredQuestion>();
        foreach (SdkMember member in documentation.Members.Where(member => SdkDocumentation.IsProse(member) && member.Parameters.Count > 1 && !member.Summary.IsEmpty)
            .DistinctBy(member => (member.Summary.Text, string.Join('\n', member.Parameters.Select(parameter => parameter.Text.Text)))))
        {
            string page = member.ToPlainText();
            foreach (SdkNamedText parameter in member.Parameters.Where(parameter => !parameter.Text.IsEmpty))
            {
                string line = $"\n{parameter.Name}: ";
                int at = page.IndexOf(line + parameter.Text.Text, StringComparison.Ordinal);
                if (at < 0) continue;
                questions.Add(new()
                {
                    Id = $"{member.Id}#{parameter.Name}",
                    Question = $"What is {parameter.Name}?",
                    Context = page,
                    Answers = [new(parameter.Text.Text, at + line.Length)],
                    Group = member.FullTypeName,
                });
            }
        }
        return new(questions);
    }

    /// <summary>Holds questions out, always the same: groups in a pseudo-random order, until they are as many as wanted.</summary>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <returns>What is left to learn from, and what is held out, null where nothing is; both in the order of the examples.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public (AnsweredQuestions Train, AnsweredQuestions? Validation) Split(double validationFraction)
    {
        var (train, held) = HeldOut.Split(Examples, example => example.Group, validationFraction, "questions");
        return held.Count == 0 ? (this, null) : (new(train), new(held));
    }

    private string Hash()
    {
        using var hash = new ContentHash();
        foreach (AnsweredQuestion example in Examples)
        {
            hash.Add(example.Question);
            hash.Add(example.Context);
            hash.Add([.. example.Answers.SelectMany(answer => new[] { answer.Start, answer.End })]);
        }
        return hash.Finish();
    }
}
