using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using PreTrain.Cli.Hosting;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain generate</c>: lets a model write.</summary>
internal sealed class GenerateCommand
{
    private static readonly GenerationOptions s_defaults = new();

    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string[]> _prompts = new("--prompt")
    {
        Description = "The text to continue, or the source to answer; may be given several times. Without it the model starts a new text.",
        HelpName = "TEXT",
        DefaultValueFactory = _ => [""],
    };
    private readonly Option<int?> _maxNewTokens = Options.Positive("--max-new-tokens", $"The most tokens to write. The default is {s_defaults.MaxNewTokens}.");
    private readonly Option<int?> _minNewTokens = Options.NotNegative("--min-new-tokens", "The fewest tokens to write before the text may end. The default is 0.");
    private readonly Option<double?> _temperature = Options.Number("--temperature", "Divides the logits; 0 takes the most probable token each time. The default is 1.", value => value >= 0, "must be 0 or a positive number");
    private readonly Option<int?> _topK = Options.NotNegative("--top-k", "Draws from this many of the most probable tokens only; 0 for all, the default.");
    private readonly Option<double?> _topP = Options.Number("--top-p", "Draws from the most probable tokens that together reach this probability. The default is 1: all.", value => value is > 0 and <= 1,
        "must be a number above 0 and at most 1");
    private readonly Option<int?> _sequences = Options.Positive("--sequences", "Texts for each prompt. The default is 1.");
    private readonly Option<int?> _beams = Options.Positive("--beams", "Texts that are followed side by side, of which the best is taken; nothing is drawn then. The default is 1: no beams.");
    private readonly Option<double?> _lengthPenalty = Options.Number("--length-penalty", "With --beams: above 0 favours long texts, below 0 short ones. The default is 1.", _ => true, "must be a number");
    private readonly Option<BeamStopping?> _earlyStopping = Options.Choice("--early-stopping", "With --beams: when enough texts have ended, stop where a better one is unlikely, at once, or where it is impossible. The default is unlikely.",
        ("unlikely", BeamStopping.WhenUnlikely), ("at-once", BeamStopping.AtOnce), ("impossible", BeamStopping.WhenImpossible));
    private readonly Option<double?> _repetitionPenalty = Options.Number("--repetition-penalty", "Makes tokens that the text already holds less probable, if above 1. The default is 1.", value => value > 0, "must be a positive number");
    private readonly Option<int?> _noRepeatNgram = Options.NotNegative("--no-repeat-ngram", "So many tokens in a row occur only once; 0 for no such rule, the default.");
    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "Texts, any of which ends the text before it.",
        HelpName = "TEXT",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
        DefaultValueFactory = _ => [],
    };

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new GenerateCommand();
        var command = new Command("generate", "Lets a model continue texts, or answer them.")
        {
            options._model, options._prompts, options._maxNewTokens, options._minNewTokens, options._temperature, options._topK, options._topP, options._sequences, options._beams,
            options._lengthPenalty, options._earlyStopping, options._repetitionPenalty, options._noRepeatNgram, options._stop,
        };
        options._stop.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0)) result.AddError("--stop must not be empty.");
        });
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        GenerationOptions options = Read(parsed, session.Seed);
        string folder = parsed.GetRequiredValue(_model)!;
        string[] prompts = parsed.GetRequiredValue(_prompts);
        torch.Device device = session.Start();
        using ITransformerModel model = ModelFolder.LoadWriter(session, folder, device);
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        bool answers = model is ISequenceToSequenceModel, single = prompts.Length == 1 && options.SequenceCount == 1;
        foreach (string prompt in prompts) CheckPrompt(session, folder, tokenizer, prompt, answers, ((ITokenPredictor)model).ContextLength);
        var watch = Stopwatch.StartNew();
        try
        {
            // A person sees one text grow; a program gets it whole.
            if (single && !session.Json && options.BeamCount == 1)
            {
                if (!answers) session.Output.Write(prompts[0]);
                int written = 0;
                foreach (GeneratedPiece piece in model is ISequenceToSequenceModel reader
                    ? reader.GeneratePieces(tokenizer, prompts[0], options, session.Cancellation)
                    : ((ICausalLanguageModel)model).GeneratePieces(tokenizer, prompts[0], options, session.Cancellation))
                {
                    if (piece.Token is not null) written++;
                    session.Output.Write(piece.Text);
                    session.Output.Flush();
                }
                session.Output.WriteLine();
                session.Output.Flush();
                Detail(session, written, watch);
                return;
            }
            IReadOnlyList<IReadOnlyList<GeneratedSequence>> all = model is ISequenceToSequenceModel translator
                ? translator.GenerateAll(tokenizer, prompts, options, session.Cancellation)
                : ((ICausalLanguageModel)model).GenerateAll(tokenizer, prompts, options, session.Cancellation);
            Report(session, prompts, all, single, answers, watch);
        }
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            throw new NotFiniteException(e.Message);
        }
    }

    private GenerationOptions Read(ParseResult parsed, long seed)
    {
        int beams = parsed.GetValue(_beams) ?? s_defaults.BeamCount;
        var faults = new List<string>();
        if (beams > 1)
        {
            foreach (var (option, given) in new (Option, bool)[] { (_temperature, parsed.GetValue(_temperature) is not null), (_topK, parsed.GetValue(_topK) is not null), (_topP, parsed.GetValue(_topP) is not null) })
            {
                if (given) faults.Add($"{option.Name} and --beams ({beams}) exclude each other: a search with beams draws nothing.");
            }
        }
        else
        {
            foreach (var (option, given) in new (Option, bool)[] { (_lengthPenalty, parsed.GetValue(_lengthPenalty) is not null), (_earlyStopping, parsed.GetValue(_earlyStopping) is not null) })
            {
                if (given) faults.Add($"{option.Name} goes with --beams of at least 2.");
            }
        }
        var options = new GenerationOptions
        {
            MaxNewTokens = parsed.GetValue(_maxNewTokens) ?? s_defaults.MaxNewTokens,
            MinNewTokens = parsed.GetValue(_minNewTokens) ?? s_defaults.MinNewTokens,
            Temperature = parsed.GetValue(_temperature) ?? s_defaults.Temperature,
            TopK = parsed.GetValue(_topK) ?? s_defaults.TopK,
            TopP = parsed.GetValue(_topP) ?? s_defaults.TopP,
            SequenceCount = parsed.GetValue(_sequences) ?? s_defaults.SequenceCount,
            BeamCount = beams,
            LengthPenalty = parsed.GetValue(_lengthPenalty) ?? s_defaults.LengthPenalty,
            BeamStopping = parsed.GetValue(_earlyStopping) ?? s_defaults.BeamStopping,
            RepetitionPenalty = parsed.GetValue(_repetitionPenalty) ?? s_defaults.RepetitionPenalty,
            NoRepeatNGramSize = parsed.GetValue(_noRepeatNgram) ?? s_defaults.NoRepeatNGramSize,
            StopTexts = parsed.GetValue(_stop) ?? [],
            Seed = seed,
        };
        if (options.MinNewTokens > options.MaxNewTokens) faults.Add($"--min-new-tokens ({options.MinNewTokens}) must be at most --max-new-tokens ({options.MaxNewTokens}).");
        if (beams > 1 && options.SequenceCount > beams) faults.Add($"--sequences ({options.SequenceCount}) must be at most --beams ({beams}).");
        if (beams == 1 && options.SequenceCount > 1 && (options.Temperature == 0 || options.TopK == 1))
            faults.Add($"--sequences ({options.SequenceCount}) must be 1 where nothing is drawn, with --temperature 0 or --top-k 1: all texts would be the same.");
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return options;
    }

    /// <summary>Requires that the vocabulary can say the prompt, and that there is something to begin with; says where a part of the prompt is not read.</summary>
    private static void CheckPrompt(Session session, string folder, TextTokenizer tokenizer, string prompt, bool answers, int context)
    {
        int count = TokenizerCommand.Using(folder, () => answers ? tokenizer.Tokenize(prompt, options: EncodingOptions.Whole).Count : Begun(tokenizer.Encode(prompt.AsSpan())));
        if (count > context && !answers) session.Log($"warning: the prompt has {count} tokens, and the model reads {context}: the last ones.");
        if (count > 0) return;
        if (answers) throw new UsageException("--prompt must not be empty: it is the text that the model answers.");
        if (tokenizer.EndOfTextId is null && tokenizer.SpecialTokens is { BeginOfText: null, Separator: null })
            throw new UsageException($"--prompt must not be empty: the tokenizer in '{folder}' has no end-of-text token to start from.");

        int Begun(int[] ids) => ids.Length + (ids.Length > 0 && tokenizer.AddedBeginOfTextId is { } begin && ids[0] != begin ? 1 : 0);
    }

    private static void Report(Session session, string[] prompts, IReadOnlyList<IReadOnlyList<GeneratedSequence>> all, bool single, bool answers, Stopwatch watch)
    {
        int written = all.Sum(texts => texts.Sum(text => text.Tokens.Count));
        double rate = written / watch.Elapsed.TotalSeconds;
        session.Result(json =>
        {
            if (single)
            {
                Write(json, prompts[0], all[0][0], withScore: false);
            }
            else
            {
                json.WriteStartArray("results");
                for (int p = 0; p < prompts.Length; p++)
                {
                    foreach (GeneratedSequence text in all[p])
                    {
                        json.WriteStartObject();
                        Write(json, prompts[p], text, withScore: text.Score is not null);
                        json.WriteEndObject();
                    }
                }
                json.WriteEndArray();
            }
            json.WriteFinite("tokensPerSecond", rate);
        }, output =>
        {
            for (int p = 0; p < prompts.Length; p++)
            {
                foreach (GeneratedSequence text in all[p]) output.WriteLine((answers ? "" : prompts[p]) + text.Text);
            }
        });
        Detail(session, written, watch);
    }

    private static void Write(Utf8JsonWriter json, string prompt, GeneratedSequence text, bool withScore)
    {
        json.WriteString("prompt", prompt);
        json.WriteString("text", text.Text);
        json.WriteStartArray("tokens");
        foreach (int id in text.Tokens) json.WriteNumberValue(id);
        json.WriteEndArray();
        if (withScore) json.WriteFinite("score", text.Score);
    }

    private static void Detail(Session session, int written, Stopwatch watch) =>
        session.Detail(string.Create(CultureInfo.InvariantCulture, $"{written} tokens, {written / watch.Elapsed.TotalSeconds:F1} tokens/s"));
}
