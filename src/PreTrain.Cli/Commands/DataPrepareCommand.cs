using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>
/// <c>pretrain data prepare</c>: cleans, filters and deduplicates texts and tokenizes them into a token store, beside which lie the tokenizer and
/// <c>prepare.json</c>, which says what each step did. The folder appears whole or not at all.
/// </summary>
internal sealed class DataPrepareCommand
{
    public const string ReportFile = "prepare.json";

    private const string FilterRule = "takes gopher, gopher-quality, gopher-repetition and c4, with commas between them";

    private readonly Option<string[]> _data = CorpusOption.Create(required: true);
    private readonly Option<string?> _tokenizer = TokenizerCommand.TokenizerOption();
    private readonly Option<string?> _output = Options.Text("--output", "DIR", "The folder for the token store.", required: true);
    private readonly Option<CorpusFormat?> _format = Options.Choice("--format", "What the files hold. The default is auto: as their names end, without .gz and .br.",
        ("auto", CorpusFormat.Auto), ("text", CorpusFormat.Text), ("jsonl", CorpusFormat.JsonLines), ("csv", CorpusFormat.Csv), ("html", CorpusFormat.Html), ("xml", CorpusFormat.Xml));
    private readonly Option<string?> _textField = Options.Text("--text-field", "NAME", "jsonl, csv: the member or column that holds the text. The default is text.");
    private readonly Option<string?> _xmlElement = Options.Text("--xml-element", "NAME", "xml: the elements that are documents. The default is the root.");
    private readonly Option<int?> _skipBroken = Options.NotNegative("--skip-broken", "How many broken records are left out before one stops the tool. The default is 0.");
    private readonly Option<bool> _replaceInvalid = new("--replace-invalid") { Description = "Read bytes that are not UTF-8 as U+FFFD." };
    private readonly Option<TextNormalForm?> _normalize = Options.Choice("--normalize", "The normal form of Unicode. The default is nfc.",
        ("none", TextNormalForm.None), ("nfc", TextNormalForm.Nfc), ("nfd", TextNormalForm.Nfd), ("nfkc", TextNormalForm.Nfkc), ("nfkd", TextNormalForm.Nfkd));
    private readonly Option<string?> _filter = Options.Text("--filter", "RULES", "Rules of quality that documents must fulfil: gopher, gopher-quality, gopher-repetition, c4, with commas between them.");
    private readonly Option<string[]> _language = new("--language")
    {
        Description = $"Keep documents of these languages only: {string.Join(", ", LanguageIdentifier.Languages)}.",
        HelpName = "CODE",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<DeduplicationChoice?> _dedup = Options.Choice("--dedup", "Drop documents that came before: letter for letter, or nearly (MinHash).",
        ("exact", DeduplicationChoice.Exact), ("minhash", DeduplicationChoice.MinHash));
    private readonly Option<double?> _threshold = Options.Number("--dedup-threshold", "minhash: the Jaccard similarity of word 5-grams from which documents are the same. The default is 0.8.",
        value => value is > 0 and <= 1, "must be greater than 0 and at most 1");
    private readonly Option<string?> _badWords = Options.Text("--bad-words", "FILE", "Drop documents that hold one of the words and phrases of this file, one on each line.");
    private readonly Option<bool> _dedupSpans = new("--dedup-spans") { Description = "Remove all but the first of spans of three sentences that come more than once." };
    private readonly Option<string?> _facts = Options.Text("--facts", "FILE", "Weave facts into the text, behind sentences that name their subjects: subject, relation and object, with tabs between them, or JSON lines.");
    private readonly Option<string[]> _factTemplate = new("--fact-template")
    {
        Description = "The sentence of a relation: RELATION=TEXT, with {subject} and {object}. Without, it is '{subject} RELATION {object}.'",
        HelpName = "RELATION=TEXT",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<double?> _factRate = Options.Number("--fact-rate", "The share of the sentences with a known subject that get a fact. The default is 0.5.", rate => rate is > 0 and <= 1, "must be greater than 0 and at most 1");
    private readonly Option<int?> _factLimit = Options.Positive("--fact-limit", "The most facts of a document. The default is 3.");
    private readonly Option<bool> _maskPii = new("--mask-pii") { Description = "Replace mail addresses, phone and card numbers and IP addresses by <email>, <phone>, <card> and <ip>." };
    private readonly Option<int?> _chunk = Options.Positive("--chunk-words", "Cut documents between sentences into chunks of at most so many words.");
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace a token store that is already in the folder." };

    public static void AddTo(Command parent, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new DataPrepareCommand();
        var command = new Command("prepare", "Cleans, filters, deduplicates and tokenizes texts into a token store.")
        {
            options._data, options._tokenizer, options._output, options._format, options._textField, options._xmlElement, options._skipBroken, options._replaceInvalid,
            options._normalize, options._filter, options._language, options._dedup, options._threshold, options._badWords, options._dedupSpans,
            options._facts, options._factTemplate, options._factRate, options._factLimit, options._maskPii, options._chunk, options._overwrite,
        };
        add(parent, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(parsed.GetRequiredValue(_output)!));
        CheckOutput(output, parsed.GetValue(_overwrite));
        TextCorpus source = Source(parsed);
        ProcessedCorpus corpus = Steps(parsed, session, source);
        TextTokenizer tokenizer = TextTokenizer.Load(parsed.GetRequiredValue(_tokenizer)!);
        var watch = Stopwatch.StartNew();
        Directory.CreateDirectory(Path.GetDirectoryName(output)!);
        long tokens = 0, documents = 0;
        AtomicFolder.Write(output, beside =>
        {
            try
            {
                using TokenStore store = TokenStore.Build(corpus, tokenizer, beside, new() { Threads = session.Threads }, session.Cancellation);
                (tokens, documents) = (store.Count, store.DocumentCount);
            }
            catch (CorpusException fault) when (fault.File is null && corpus.Report.Steps is [{ DocumentsIn: > 0 }, .., { DocumentsOut: 0 }] or [{ DocumentsIn: > 0, DocumentsOut: 0 }])
            {
                throw new CorpusException($"No document is left after all steps:\n{corpus.Report}Loosen --filter, --language or --dedup-threshold.");
            }
            tokenizer.Save(beside);
            File.WriteAllText(Path.Combine(beside, ReportFile), Json(corpus.Report, source));
        });
        double seconds = watch.Elapsed.TotalSeconds;
        CorpusReport report = corpus.Report;
        IReadOnlyList<CorpusException> skipped = source is CorpusFiles files ? files.Skipped : [];
        foreach (CorpusException fault in skipped)
            session.Log($"skipped: {fault.Message}");
        session.Result(json =>
        {
            json.WriteString("output", output);
            json.WriteNumber("tokens", tokens);
            json.WriteNumber("documents", documents);
            report.WriteTo(json);
            json.WriteNumber("skippedBroken", skipped.Count);
            json.WriteString("tokenizer", tokenizer.Fingerprint);
            json.WriteFinite("seconds", seconds);
        }, text =>
        {
            text.Write(report.ToString());
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens in {documents} {(documents == 1 ? "document" : "documents")} after {seconds:F1} s; the token store is in {output}."));
        });
    }

    private TextCorpus Source(ParseResult parsed)
    {
        string[] data = parsed.GetRequiredValue(_data);
        if (data.Contains(CorpusOption.SdkDocs))
        {
            foreach (Option option in new Option[] { _format, _textField, _xmlElement, _skipBroken })
            {
                if (parsed.GetResult(option) is { Implicit: false })
                    throw new UsageException($"{option.Name} goes with files; --data {CorpusOption.SdkDocs} has none.");
            }
            return CorpusOption.Open(data);
        }
        var options = new CorpusFileOptions
        {
            Format = parsed.GetValue(_format) ?? CorpusFormat.Auto,
            XmlElement = parsed.GetValue(_xmlElement),
            SkipBroken = parsed.GetValue(_skipBroken) ?? 0,
            ReplaceInvalid = parsed.GetValue(_replaceInvalid),
        };
        return TextCorpus.FromFiles(parsed.GetValue(_textField) is { } field ? options with { TextField = field } : options, data);
    }

    private ProcessedCorpus Steps(ParseResult parsed, Session session, TextCorpus source)
    {
        DeduplicationChoice? dedup = parsed.GetValue(_dedup);
        double? threshold = parsed.GetValue(_threshold);
        if (threshold is not null && dedup != DeduplicationChoice.MinHash)
            throw new UsageException("--dedup-threshold goes with --dedup minhash.");
        ProcessedCorpus corpus = source.Apply(new TextCleaning(new() { NormalForm = parsed.GetValue(_normalize) ?? TextNormalForm.Nfc }), session.Threads);
        if (parsed.GetValue(_filter) is { } filter)
            corpus = corpus.Apply(new QualityFilter(Rules(filter)));
        if (parsed.GetValue(_language) is { Length: > 0 } languages)
        {
            if (languages.FirstOrDefault(language => !LanguageIdentifier.Languages.Contains(language)) is { } unknown)
                throw new UsageException($"--language ({unknown}) must be {Options.Join(LanguageIdentifier.Languages)}.");
            corpus = corpus.Apply(new LanguageFilter(languages));
        }
        if (dedup is not null)
            corpus = corpus.Apply(dedup == DeduplicationChoice.Exact ? new ExactDeduplication() : new NearDeduplication(threshold is { } least ? new() { Threshold = least } : null));
        if (parsed.GetValue(_badWords) is { } words)
            corpus = corpus.Apply(WordListFilter.Load(words));
        if (parsed.GetValue(_dedupSpans))
            corpus = corpus.Apply(new SpanDeduplication());
        if (parsed.GetValue(_maskPii))
            corpus = corpus.Apply(new PersonalDataMasking());
        if (Weaving(parsed, session) is { } weaving)
            corpus = corpus.Apply(weaving);
        return parsed.GetValue(_chunk) is { } size ? corpus.Apply(new Chunking(size, unit: ChunkUnit.Sentences)) : corpus;
    }

    private FactWeaving? Weaving(ParseResult parsed, Session session)
    {
        string[] templates = parsed.GetValue(_factTemplate) ?? [];
        if (parsed.GetValue(_facts) is not { } file)
        {
            if (new Option[] { _factTemplate, _factRate, _factLimit }.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } lonely)
                throw new UsageException($"{lonely.Name} goes with {_facts.Name}.");
            return null;
        }
        var sentences = new Dictionary<string, string>();
        foreach (string template in templates)
        {
            int mark = template.IndexOf('=');
            if (mark < 1 || !template.Contains("{subject}", StringComparison.Ordinal) || !template.Contains("{object}", StringComparison.Ordinal))
                throw new UsageException($"{_factTemplate.Name} ({template}) must be RELATION=TEXT, with {{subject}} and {{object}} in the text.");
            sentences[template[..mark]] = template[(mark + 1)..];
        }
        var facts = Facts.Load(file, sentences);
        session.Log($"{facts.Count} facts about {facts.SubjectCount} subjects.");
        return new FactWeaving(facts, new() { Rate = parsed.GetValue(_factRate) ?? 0.5, MaxPerDocument = parsed.GetValue(_factLimit) ?? 3, Seed = unchecked((ulong)session.Seed) });
    }

    private static QualityRules Rules(string filter)
    {
        var rules = QualityRules.None;
        foreach (string name in filter.Split(',', StringSplitOptions.TrimEntries))
        {
            rules |= name.ToLowerInvariant() switch
            {
                "gopher" => QualityRules.Gopher,
                "gopher-quality" => QualityRules.GopherQuality,
                "gopher-repetition" => QualityRules.GopherRepetition,
                "c4" => QualityRules.C4,
                _ => throw new UsageException($"--filter ({filter}) {FilterRule}; '{name}' is none of them."),
            };
        }
        return rules;
    }

    private static void CheckOutput(string output, bool overwrite)
    {
        if (File.Exists(output))
            throw new UsageException($"--output ({output}) must be a folder; a file has this name.");
        if (!Directory.Exists(output) || !Directory.EnumerateFileSystemEntries(output).Any())
            return;
        if (!File.Exists(Path.Combine(output, ReportFile)))
            throw new UsageException($"--output ({output}) holds files that this command did not write. Name a new or an empty folder.");
        if (!overwrite)
            throw new UsageException($"--output ({output}) holds a token store already. Pass --overwrite to replace it, or name another folder.");
    }

    private static string Json(CorpusReport report, TextCorpus source)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            report.WriteTo(json);
            json.WriteStartArray("skippedBroken");
            foreach (CorpusException fault in source is CorpusFiles files ? files.Skipped : [])
                json.WriteStringValue(fault.Message);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }
}
