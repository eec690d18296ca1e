using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PreTrain.Cli.Display;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain gpt</c>, <c>pretrain bert</c> and so on: pre-trains a model of a family on text.</summary>
internal sealed class PretrainCommand
{
    private const string DefaultPreset = "nano";
    private const double DefaultValidationFraction = 0.05;

    private static readonly (string Word, MaskingUnit Value)[] s_maskUnits =
        [("token", MaskingUnit.Token), ("word", MaskingUnit.WholeWord), ("ngram", MaskingUnit.NGram), ("span", MaskingUnit.Span), ("entity", MaskingUnit.Entity)];

    private readonly Option<string[]> _data = CorpusOption.Create(required: false);
    private readonly TextChoice _text = new();
    private readonly RunChoice _run = new("The folder of the run: tokens, checkpoints, metrics.jsonl, and the model.", "Sequences");
    private readonly Option<string?> _preset;
    private readonly Option<string?> _objective;
    private readonly Option<int?> _vocabSize;
    private readonly Option<double?> _maskRate;
    private readonly Option<bool> _wholeWord = new("--whole-word") { Description = "Mask whole words." };
    private readonly Option<MaskingUnit?> _maskUnit = Options.Choice("--mask-unit", "What is masked together; entity takes --lexicon. The default is token.", s_maskUnits);
    private readonly Option<string?> _lexicon = Options.Text("--lexicon", "FILE", "Phrases and entities to mask as a whole, one on each line.");
    private readonly Option<double?> _meanSpan = Options.Number("--mean-span", "The mean length of lost spans, in tokens. The default is 3.", length => length >= 1, "must be a number from 1");
    private readonly Option<int?> _layers = Options.Positive("--layers", "Blocks.");
    private readonly Option<int?> _heads = Options.Positive("--heads", "Attention heads of a block.");
    private readonly Option<int?> _embedding = Options.Positive("--embedding", "Width of the residual stream, a multiple of --heads.");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest sequence, in tokens.");
    private readonly Option<string?> _tokenizer = Options.Text("--tokenizer", "DIR", "A tokenizer to use instead of training one: any that pretrain tokenizer reads.");
    private readonly Option<double?> _dropout = Options.Number("--dropout", "The share of hidden states and of attention that is dropped in training; of llama that of attention. The default is the preset's: 0 of nano.",
        share => share is >= 0 and < 1, "must be a number from 0 to below 1");
    private readonly ReportChoice _reports = new();
    private readonly Option<double?> _validationFraction = Options.Number("--validation-fraction", "The share of the tokens, at the end, that is held out. The default is 0.05.", share => share is >= 0 and < 1,
        "must be a number from 0 to below 1");

    private readonly PretrainFamily _family;

    private PretrainCommand(PretrainFamily family)
    {
        _family = family;
        _preset = Options.Word("--preset", $"The size of the model, which the next five options change. The default is {DefaultPreset}.", [.. family.Presets.Keys]);
        _objective = Options.Word("--objective", $"What is predicted. The default is {family.Objectives[0]}.", family.Objectives);
        _maskRate = Options.Number("--mask-rate", FormattableString.Invariant($"The share of the tokens that is hidden. The default is {family.DefaultMaskRate}."), rate => rate is > 0 and < 1, "must be a number between 0 and 1");
        _vocabSize = Options.Positive("--vocab-size", $"Tokens of the tokenizer that is trained on the data, at least {family.SmallestVocabulary}.");
    }

    /// <summary>Adds the command of every family.</summary>
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        foreach (PretrainFamily family in PretrainFamily.All)
        {
            var options = new PretrainCommand(family);
            var command = new Command(family.Name, $"Pre-trains {family.Title} on text: trains a tokenizer, tokenizes, trains, and saves a Hugging Face folder.")
            {
                options._data, options._run.Output, options._preset, options._layers, options._heads, options._embedding, options._context, options._vocabSize,
                options._tokenizer, options._validationFraction, options._dropout,
            };
            foreach (Option option in options._text.Of(family).Concat(options._run.All).Concat(options._reports.All)) command.Options.Add(option);
            if (family.Objectives.Length > 1) command.Add(options._objective);
            if (family.Masks) command.Add(options._maskRate);
            if (family.MasksUnits)
            {
                command.Add(options._wholeWord);
                command.Add(options._maskUnit);
                command.Add(options._lexicon);
            }
            if (family.LosesSpans) command.Add(options._meanSpan);
            add(root, command, options.Run);
        }
    }

    private void Run(ParseResult parsed, Session session)
    {
        ModelSizes sizes = Sizes(parsed);
        PretrainGoal goal = Goal(parsed);
        TrainingOptions training = _run.Training(parsed, session, sizes.Embedding);
        string[]? folders = _text.Folders(parsed, _data, _tokenizer, _vocabSize);
        var packing = _text.Packing(parsed, _family, goal.Objective);
        JsonObject configuration = RunConfiguration.Describe(parsed, Effective(parsed, session, sizes, goal, training));
        if (_run.Prints(parsed, session, configuration)) return;
        RunChoice.CheckFolder(training);
        double validationFraction = parsed.GetValue(_validationFraction) ?? DefaultValidationFraction;
        torch.Device device = session.Start();
        RunChoice.Interruptible(session, () =>
        {
            using RunTokens tokens = folders is null ? Tokens(parsed, session, training, sizes, validationFraction) : RunTokens.OfStores(session, folders);
            PackedText? text = packing(tokens.Stores);
            if (text is null) CheckLength(tokens.Store, validationFraction, sizes.Context);

            sizes = sizes with { VocabSize = tokens.Tokenizer.VocabSize };
            string kind = _family.Name == "gpt" ? "GPT" : _family.Name;
            session.Log($"A {kind} of {sizes.Layers} layers × {sizes.Embedding}, {sizes.Heads} heads, context {sizes.Context}, {sizes.VocabSize} tokens.");
            var cost = new TransformerCost
            {
                LayerCount = sizes.Layers,
                AttentionDim = sizes.Embedding,
                ContextLength = sizes.Context,
                ParameterShare = _family.HasEncoderAndDecoder ? 0.5 : 1,
                ScoreParameterCount = _family.ScoresHiddenOnly ? (long)sizes.VocabSize * sizes.Embedding : 0,
                ScoredShare = _family.ScoresHiddenOnly ? goal.Masking.Rate : 1,
            };
            using RunReports reports = _reports.Create(parsed, tokens.Tokenizer, cost, configuration, SampleText.Choose(tokens.Store, tokens.Tokenizer, goal, sizes.Context));
            RunChoice.Train(session, training with { Tokenizer = tokens.Tokenizer, Callbacks = tokens.Callbacks }, reports, options =>
            {
                using torch.Generator random = new RandomStreams(session.Seed).CreateGenerator("init");
                return _family.Train(new PretrainTask(sizes, parsed.GetValue(_preset) ?? DefaultPreset, parsed.GetValue(_dropout), goal, tokens.Tokenizer, tokens.Store, text, options, device, random, session.Cancellation));
            });
        });
    }

    private RunTokens Tokens(ParseResult parsed, Session session, TrainingOptions training, ModelSizes sizes, double validationFraction)
    {
        TextCorpus corpus = CorpusOption.Open(parsed.GetRequiredValue(_data));
        TextTokenizer? given = parsed.GetValue(_tokenizer) is { } folder ? TextTokenizer.Load(folder) : null;
        return training.Resume && RunTokens.Exist(training.Output)
            ? RunTokens.Open(session, training.Output, corpus, given, parsed.GetValue(_vocabSize))
            : RunTokens.Build(session, training.Output, corpus, given, sizes.VocabSize, _family.TrainTokenizer, store => CheckLength(store, validationFraction, sizes.Context), training);
    }

    /// <summary>The preset's sizes with the options that change them. The vocabulary is that of the tokenizer to be trained.</summary>
    private ModelSizes Sizes(ParseResult parsed)
    {
        ModelSizes preset = _family.Presets[parsed.GetValue(_preset) ?? DefaultPreset];
        ModelSizes sizes = new(parsed.GetValue(_layers) ?? preset.Layers, parsed.GetValue(_heads) ?? preset.Heads, parsed.GetValue(_embedding) ?? preset.Embedding,
            parsed.GetValue(_context) ?? preset.Context, parsed.GetValue(_vocabSize) ?? Math.Max(preset.VocabSize, _family.SmallestVocabulary));
        var faults = new List<string>();
        // The heads of some T5 are narrower or wider than their share.
        if (sizes.Embedding % sizes.Heads != 0 && (sizes.Embedding, sizes.Heads) != (preset.Embedding, preset.Heads))
            faults.Add($"--embedding ({sizes.Embedding}) must be divisible by --heads ({sizes.Heads}).");
        if (sizes.VocabSize < _family.SmallestVocabulary)
            faults.Add($"--vocab-size ({sizes.VocabSize}) must be at least {_family.SmallestVocabulary}: {_family.VocabularyNeeds}.");
        if (parsed.GetValue(_tokenizer) is not null && parsed.GetValue(_vocabSize) is not null)
            faults.Add("--vocab-size and --tokenizer exclude each other: a given tokenizer brings its vocabulary.");
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return sizes;
    }

    private PretrainGoal Goal(ParseResult parsed)
    {
        double rate = (_family.Masks ? parsed.GetValue(_maskRate) : null) ?? _family.DefaultMaskRate;
        MaskingUnit unit = MaskingUnit.Token;
        string? lexicon = null;
        if (_family.MasksUnits)
        {
            bool wholeWord = parsed.GetValue(_wholeWord);
            lexicon = parsed.GetValue(_lexicon);
            if (wholeWord && parsed.GetValue(_maskUnit) is { } other and not MaskingUnit.WholeWord) throw new UsageException($"--whole-word and --mask-unit {other.ToString().ToLowerInvariant()} exclude each other.");
            unit = parsed.GetValue(_maskUnit) ?? (wholeWord ? MaskingUnit.WholeWord : lexicon is not null ? MaskingUnit.Entity : MaskingUnit.Token);
            if (unit == MaskingUnit.Entity != lexicon is not null) throw new UsageException("--mask-unit entity and --lexicon go together: the lexicon says what the entities are.");
        }
        return new PretrainGoal((_family.Objectives.Length > 1 ? parsed.GetValue(_objective) : null) ?? _family.Objectives[0],
            new MaskingOptions { Rate = rate, Unit = unit, LexiconFile = lexicon }, (_family.LosesSpans ? parsed.GetValue(_meanSpan) : null) ?? 3, parsed.GetValue(_validationFraction) ?? DefaultValidationFraction);
    }

    /// <summary>The values of all options that are not what was given.</summary>
    private IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, Session session, ModelSizes sizes, PretrainGoal goal, TrainingOptions training) =>
    [
        (_vocabSize, parsed.GetValue(_tokenizer) is null && parsed.GetResult(_data) is not null ? sizes.VocabSize : null), (_preset, parsed.GetValue(_preset) ?? DefaultPreset), (_layers, sizes.Layers), (_heads, sizes.Heads),
        (_embedding, sizes.Embedding), (_context, sizes.Context), (_objective, goal.Objective), (_maskRate, goal.Masking.Rate), (_maskUnit, WordOf(goal.Masking.Unit)), (_wholeWord, false),
        (_meanSpan, goal.MeanSpanLength), (_validationFraction, goal.ValidationFraction), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
    ];

    private static string WordOf(MaskingUnit unit) => s_maskUnits.Single(choice => choice.Value == unit).Word;

    private static void CheckLength(TokenStore store, double validationFraction, int contextLength)
    {
        long training = store.Count - (long)Math.Round(store.Count * validationFraction);
        if (training <= contextLength)
        {
            throw new CorpusException(
                $"The corpus is too short: {training} tokens are left for training, and one context of --context ({contextLength}) takes {contextLength + 1L}. Use more text or a shorter --context.");
        }
    }
}
