using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain tokenizer train</c>: makes a tokenizer from texts.</summary>
internal sealed class TokenizerTrainCommand
{
    private static readonly string[] s_files = ["tokenizer.json", "tokenizer_config.json"];

    private readonly Option<TokenizerAlgorithm?> _algorithm = Options.Choice("--algorithm", "How texts are cut. The default is byte-bpe.",
        ("byte-bpe", TokenizerAlgorithm.ByteBpe), ("bpe", TokenizerAlgorithm.Bpe), ("wordpiece", TokenizerAlgorithm.WordPiece), ("unigram", TokenizerAlgorithm.Unigram), ("word-level", TokenizerAlgorithm.WordLevel));
    private readonly Option<int?> _vocabSize = Options.Positive("--vocab-size", "The number of tokens to reach, special tokens included.");
    private readonly Option<string[]> _data = CorpusOption.Create(required: true);
    private readonly Option<string?> _output = Options.Text("--output", "DIR", "The folder for tokenizer.json and tokenizer_config.json.", required: true);
    private readonly Option<string[]> _special = new("--special")
    {
        Description = "Special tokens, which get the first ids. The default is that of the algorithm.",
        HelpName = "TOKEN",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<int?> _minFrequency = Options.NotNegative("--min-frequency", "How often a pair, or a word, must occur to become a token. The default is 0.");
    private readonly Option<bool> _cased = new("--cased") { Description = "wordpiece: keep upper case and accents." };
    private readonly Option<bool> _byteFallback = new("--byte-fallback") { Description = "bpe, unigram: spell unknown characters by their bytes, with 256 tokens more." };
    private readonly Option<bool> _replaceInvalid = new("--replace-invalid") { Description = "Read bytes that are not UTF-8 as U+FFFD instead of stopping at them." };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replaces a tokenizer that is in --output already." };

    public static void AddTo(Command parent, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new TokenizerTrainCommand();
        options._vocabSize.Required = true;
        var command = new Command("train", "Trains a tokenizer on texts and writes it as Hugging Face's tokenizers read it.")
        {
            options._algorithm, options._vocabSize, options._data, options._output, options._special, options._minFrequency, options._cased, options._byteFallback, options._replaceInvalid, options._overwrite,
        };
        add(parent, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        TokenizerAlgorithm algorithm = parsed.GetValue(_algorithm) ?? TokenizerAlgorithm.ByteBpe;
        if (parsed.GetValue(_cased) && algorithm != TokenizerAlgorithm.WordPiece)
            throw new UsageException("--cased goes with --algorithm wordpiece alone; the other algorithms keep upper case.");
        if (parsed.GetValue(_byteFallback) && algorithm is not (TokenizerAlgorithm.Bpe or TokenizerAlgorithm.Unigram))
            throw new UsageException("--byte-fallback goes with --algorithm bpe or unigram; byte-bpe needs none, and the others have none.");
        string output = parsed.GetRequiredValue(_output)!;
        if (File.Exists(output)) throw new UsageException($"--output ({output}) is a file; it must be a folder.");
        if (!parsed.GetValue(_overwrite) && s_files.FirstOrDefault(file => File.Exists(Path.Combine(output, file))) is { } there)
            throw new UsageException($"--output ({output}) has a {there} already; give --overwrite to replace it, or another name.");
        TextCorpus corpus = CorpusOption.Open(parsed.GetRequiredValue(_data), parsed.GetValue(_replaceInvalid));
        var watch = Stopwatch.StartNew();
        TextTokenizer tokenizer = Train(parsed, session, algorithm, corpus);
        tokenizer.Save(output);
        double seconds = watch.Elapsed.TotalSeconds;
        session.Result(json =>
        {
            json.WriteString("output", output);
            json.WriteString("algorithm", Name(algorithm));
            json.WriteNumber("vocabSize", tokenizer.VocabSize);
            json.WriteString("fingerprint", tokenizer.Fingerprint);
            json.WriteFinite("seconds", seconds);
        }, text => text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tokenizer.VocabSize} tokens in {seconds:F1} s; the tokenizer is in {output}.")));
    }

    private TextTokenizer Train(ParseResult parsed, Session session, TokenizerAlgorithm algorithm, TextCorpus corpus)
    {
        int size = parsed.GetValue(_vocabSize)!.Value, minFrequency = parsed.GetValue(_minFrequency) ?? 0;
        string[]? special = parsed.GetValue(_special) is { Length: > 0 } given ? given : null;
        bool byteFallback = parsed.GetValue(_byteFallback);
        var progress = new LineProgress(session);
        switch (algorithm)
        {
            case TokenizerAlgorithm.Bpe:
                var bpe = new BpeOptions { VocabSize = size, MinFrequency = minFrequency, ByteFallback = byteFallback, FuseUnknown = true, Threads = session.Threads };
                return PipelineTokenizer.TrainBpe(corpus, special is null ? bpe : bpe with { SpecialTokens = special, UnknownToken = Unknown(special, bpe.UnknownToken!) }, progress, session.Cancellation);
            case TokenizerAlgorithm.WordPiece:
                var wordPiece = new WordPieceOptions { VocabSize = size, MinFrequency = minFrequency, Lowercase = !parsed.GetValue(_cased), Threads = session.Threads };
                return PipelineTokenizer.TrainWordPiece(corpus, special is null ? wordPiece : wordPiece with { SpecialTokens = Needing(special, wordPiece.UnknownToken) }, progress, session.Cancellation);
            case TokenizerAlgorithm.Unigram:
                if (parsed.GetValue(_minFrequency) is not null)
                    throw new UsageException("--min-frequency has no meaning for --algorithm unigram; leave it out.");
                var unigram = new UnigramOptions { VocabSize = size, ByteFallback = byteFallback, Threads = session.Threads };
                return PipelineTokenizer.TrainUnigram(corpus, special is null ? unigram : unigram with { SpecialTokens = Needing(special, unigram.UnknownToken) }, progress, session.Cancellation);
            case TokenizerAlgorithm.WordLevel:
                var words = new WordLevelOptions { VocabSize = size, MinFrequency = minFrequency, Threads = session.Threads };
                return PipelineTokenizer.TrainWordLevel(corpus, special is null ? words : words with { SpecialTokens = Needing(special, words.UnknownToken) }, progress, session.Cancellation);
            default:
                var bytes = new ByteLevelBpeOptions { VocabSize = size, MinFrequency = minFrequency, Threads = session.Threads };
                return ByteLevelBpeTokenizer.Train(corpus, special is null ? bytes : bytes with { SpecialTokens = special }, progress, session.Cancellation);
        }
    }

    private static string? Unknown(string[] special, string usual) => special.Contains(usual) ? usual : null;

    private static string[] Needing(string[] special, string unknown) =>
        special.Contains(unknown) ? special : throw new UsageException($"--special must name the unknown token '{unknown}' too: without it a text may hold what no token stands for.");

    private static string Name(TokenizerAlgorithm algorithm) => algorithm switch
    {
        TokenizerAlgorithm.ByteBpe => "byte-bpe",
        TokenizerAlgorithm.WordLevel => "word-level",
        _ => algorithm.ToString().ToLowerInvariant(),
    };

    /// <summary>A line of the log now and then.</summary>
    private sealed class LineProgress(Session session) : IProgress<TokenizerTrainingProgress>
    {
        private readonly Stopwatch _watch = Stopwatch.StartNew();
        private long _next = 2000;

        public void Report(TokenizerTrainingProgress value)
        {
            long due = Interlocked.Read(ref _next), now = _watch.ElapsedMilliseconds;
            if (now < due || Interlocked.CompareExchange(ref _next, now + 2000, due) != due) return;
            session.Log(value.Total is { } total ? $"{value.Stage}: {value.Done} of {total}" : $"{value.Stage}: {value.Done}");
        }
    }
}
