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

    private static readonly TrainingOptions s_defaults = new() { Output = "" };

    private static readonly (string Word, MaskingUnit Value)[] s_maskUnits =
        [("token", MaskingUnit.Token), ("word", MaskingUnit.WholeWord), ("ngram", MaskingUnit.NGram), ("span", MaskingUnit.Span), ("entity", MaskingUnit.Entity)];

    private static readonly (string Word, Precision Value)[] s_precisions = [("fp32", Precision.Float32), ("bf16", Precision.BFloat16), ("fp16", Precision.Float16)];

    private readonly Option<string[]> _data = CorpusOption.Create(required: false);
    private readonly TextChoice _text = new();
    private readonly Option<string?> _output = Options.Text("--output", "DIR", "The folder of the run: tokens, checkpoints, metrics.jsonl, and the model.", required: true);
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
    private readonly Option<int?> _batch = Options.Positive("--batch", $"Sequences of a micro-batch: what is in memory at once. The default is {s_defaults.BatchSize}.");
    private readonly Option<int?> _accumulate = Options.Positive("--accumulate", $"Micro-batches of a step. The default is {s_defaults.AccumulationSteps}.");
    private readonly Option<int?> _steps = Options.Positive("--steps", $"Updates of the weights. The default is {s_defaults.Steps}.");
    private readonly Option<double?> _learningRate = Options.Number("--learning-rate", "The highest learning rate. The default depends on the optimizer and the width: of adamw 1e-3 below 768, 6e-4 to 2e-4 from there on.", rate => rate > 0, "must be a positive number");
    private readonly ScheduleChoice _schedule = new();
    private readonly OptimizerChoice _optimizer = new();
    private readonly ReliabilityChoice _reliability = new();
    private readonly ReportChoice _reports = new();
    private readonly Option<Precision?> _precision = Options.Choice("--precision", "The format of activations and of the weights that they meet; bf16 is fast with AMX and on CUDA, fp16 is for CUDA devices without it. The default is fp32.", s_precisions);
    private readonly Option<int?> _checkpointEvery = Options.NotNegative("--checkpoint-every", $"Steps between two checkpoints; 0 for one at the end. The default is {s_defaults.CheckpointEvery}.");
    private readonly Option<int?> _evaluateEvery = Options.NotNegative("--evaluate-every", $"Steps between two evaluations; 0 for one at the end. The default is {s_defaults.EvaluateEvery}.");
    private readonly Option<int?> _logEvery = Options.Positive("--log-every", $"Steps between two lines of metrics.jsonl and of the log. The default is {s_defaults.LogEvery}.");
    private readonly Option<double?> _validationFraction = Options.Number("--validation-fraction", "The share of the tokens, at the end, that is held out. The default is 0.05.", share => share is >= 0 and < 1,
        "must be a number from 0 to below 1");
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run in --output, from its newest complete checkpoint." };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace the run in --output." };
    private readonly Option<string?> _config = RunConfiguration.CreateOption();
    private readonly Option<bool> _printConfig = new("--print-config") { Description = "Print all options of the run with their values as JSON, as --config takes it, and end." };

    private readonly PretrainFamily _family;

    private PretrainCommand(PretrainFamily family)
    {
        _family = family;
        _preset = Word("--preset", $"The size of the model, which the next five options change. The default is {DefaultPreset}.", [.. family.Presets.Keys]);
        _objective = Word("--objective", $"What is predicted. The default is {family.Objectives[0]}.", family.Objectives);
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
                options._data, options._output, options._preset, options._layers, options._heads, options._embedding, options._context, options._vocabSize,
                options._tokenizer, options._batch, options._accumulate, options._steps, options._learningRate, options._precision,
                options._checkpointEvery, options._evaluateEvery, options._logEvery, options._validationFraction, options._resume, options._overwrite,
                options._config, options._printConfig,
            };
            foreach (Option option in options._text.Of(family).Concat(options._schedule.All).Concat(options._optimizer.All).Concat(options._reliability.All).Concat(options._reports.All)) command.Options.Add(option);
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

    private static Option<string?> Word(string name, string description, string[] words)
    {
        Option<string?> option = new(name)
        {
            Description = description,
            HelpName = string.Join('|', words),
            CustomParser = result =>
            {
                string given = result.Tokens[^1].Value;
                if (words.FirstOrDefault(word => word.Equals(given, StringComparison.OrdinalIgnoreCase)) is { } found) return found;
                result.AddError($"{name} ({given}) must be {Options.Join(words)}.");
                return null;
            },
        };
        option.CompletionSources.Add(words);
        return option;
    }

    private void Run(ParseResult parsed, Session session)
    {
        ModelSizes sizes = Sizes(parsed);
        PretrainGoal goal = Goal(parsed);
        TrainingOptions training = Training(parsed, session, sizes);
        string[]? folders = _text.Folders(parsed, _data, _tokenizer, _vocabSize);
        var packing = _text.Packing(parsed, _family, goal.Objective);
        JsonObject configuration = RunConfiguration.Describe(parsed, Effective(parsed, session, sizes, goal, training));
        if (parsed.GetValue(_printConfig))
        {
            session.Output.Write(RunConfiguration.Write(configuration));
            session.Output.Flush();
            return;
        }
        string output = training.Output;
        CheckFolder(output, training);
        double validationFraction = parsed.GetValue(_validationFraction) ?? DefaultValidationFraction;
        torch.Device device = session.Start();

        try
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
            TrainingResult result = TrainingDisplay.Run(session, training with { Tokenizer = tokens.Tokenizer, Callbacks = reports.Start() }, options => Reporting(reports, () =>
            {
                using torch.Generator random = new RandomStreams(session.Seed).CreateGenerator("init");
                return _family.Train(new PretrainTask(sizes, parsed.GetValue(_preset) ?? DefaultPreset, goal, tokens.Tokenizer, tokens.Store, text, options, device, random, session.Cancellation));
            }));
            if (result.Interrupted)
                throw new InterruptedException($"Interrupted after step {result.Steps}; the state is saved in '{Path.Combine(result.Output, "checkpoints")}'. Go on with: {ResumeCommand(session)}");
            Report(session, result, reports.Efficiency.Current);
        }
        catch (OperationCanceledException) when (session.Cancellation.IsCancellationRequested)
        {
            throw new InterruptedException($"Interrupted before the first step. Start again with: {ResumeCommand(session)}");
        }
    }

    /// <summary>Trains, and puts what goes wrong on the run's page.</summary>
    private static TrainingResult Reporting(RunReports reports, Func<TrainingResult> train)
    {
        try
        {
            return train();
        }
        catch (Exception fault)
        {
            reports.Fail(fault);
            throw;
        }
    }

    private RunTokens Tokens(ParseResult parsed, Session session, TrainingOptions training, ModelSizes sizes, double validationFraction)
    {
        TextCorpus corpus = CorpusOption.Open(parsed.GetRequiredValue(_data));
        TextTokenizer? given = parsed.GetValue(_tokenizer) is { } folder ? TextTokenizer.Load(folder) : null;
        return training.Resume && RunTokens.Exist(training.Output)
            ? RunTokens.Open(session, training.Output, corpus, given, parsed.GetValue(_vocabSize))
            : RunTokens.Build(session, training.Output, corpus, given, sizes.VocabSize, _family.TrainTokenizer, store => CheckLength(store, validationFraction, sizes.Context));
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

    private TrainingOptions Training(ParseResult parsed, Session session, ModelSizes sizes)
    {
        var options = new TrainingOptions
        {
            Output = Path.GetFullPath(parsed.GetRequiredValue(_output)!),
            Steps = parsed.GetValue(_steps) ?? s_defaults.Steps,
            BatchSize = parsed.GetValue(_batch) ?? s_defaults.BatchSize,
            AccumulationSteps = parsed.GetValue(_accumulate) ?? s_defaults.AccumulationSteps,
            LearningRate = parsed.GetValue(_learningRate) ?? _optimizer.DefaultLearningRate(parsed, DefaultLearningRate(sizes.Embedding)),
            Precision = parsed.GetValue(_precision) ?? s_defaults.Precision,
            Seed = session.Seed,
            CheckpointEvery = parsed.GetValue(_checkpointEvery) ?? s_defaults.CheckpointEvery,
            EvaluateEvery = parsed.GetValue(_evaluateEvery) ?? s_defaults.EvaluateEvery,
            LogEvery = parsed.GetValue(_logEvery) ?? s_defaults.LogEvery,
            Resume = parsed.GetValue(_resume),
            Overwrite = parsed.GetValue(_overwrite),
        };
        if (options.Resume && options.Overwrite)
            throw new UsageException("--resume and --overwrite exclude each other: one keeps the run in --output, the other replaces it.");
        options = _reliability.Apply(parsed, _optimizer.Apply(parsed, _schedule.Apply(parsed, options)));
        options.Validate();
        return options;
    }

    /// <summary>The values of all options that are not what was given.</summary>
    private IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, Session session, ModelSizes sizes, PretrainGoal goal, TrainingOptions training) =>
    [
        (_vocabSize, parsed.GetValue(_tokenizer) is null && parsed.GetResult(_data) is not null ? sizes.VocabSize : null), (_preset, parsed.GetValue(_preset) ?? DefaultPreset), (_layers, sizes.Layers), (_heads, sizes.Heads),
        (_embedding, sizes.Embedding), (_context, sizes.Context), (_objective, goal.Objective), (_maskRate, goal.Masking.Rate), (_maskUnit, WordOf(goal.Masking.Unit)), (_wholeWord, false),
        (_meanSpan, goal.MeanSpanLength), (_validationFraction, goal.ValidationFraction), (_steps, training.Steps), (_batch, training.BatchSize), (_accumulate, training.AccumulationSteps),
        (_precision, WordOf(training.Precision)), (_learningRate, training.LearningRate), (_checkpointEvery, training.CheckpointEvery), (_evaluateEvery, training.EvaluateEvery),
        (_logEvery, training.LogEvery), .. _schedule.Effective(training), .. _optimizer.Effective(training), .. _reliability.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
    ];

    private static string WordOf(MaskingUnit unit) => s_maskUnits.Single(choice => choice.Value == unit).Word;

    private static string WordOf(Precision precision) => s_precisions.Single(choice => choice.Value == precision).Word;

    /// <summary>The rates of Brown et al. 2020, table 2.1, by width.</summary>
    private static double DefaultLearningRate(int embeddingDim) => embeddingDim switch
    {
        >= 1600 => 2e-4,
        >= 1280 => 2.5e-4,
        >= 1024 => 3e-4,
        >= 768 => 6e-4,
        _ => 1e-3,
    };

    private static void CheckFolder(string output, TrainingOptions training)
    {
        if (File.Exists(output)) throw new UsageException($"--output ({output}) is a file; it must be a folder, or a name that is free.");
        if (!training.Resume && !training.Overwrite && HoldsRun(output))
            throw new UsageException($"--output ({output}) already holds a run. Go on with it with --resume, replace it with --overwrite, or choose another folder.");
    }

    private static bool HoldsRun(string output) =>
        RunTokens.Exist(output) || new[] { "checkpoints", "model", "metrics.jsonl" }.Any(name => Path.Exists(Path.Combine(output, name)));

    private static void CheckLength(TokenStore store, double validationFraction, int contextLength)
    {
        long training = store.Count - (long)Math.Round(store.Count * validationFraction);
        if (training <= contextLength)
        {
            throw new CorpusException(
                $"The corpus is too short: {training} tokens are left for training, and one context of --context ({contextLength}) takes {contextLength + 1L}. Use more text or a shorter --context.");
        }
    }

    private static string ResumeCommand(Session session) =>
        $"pretrain {string.Join(' ', session.Arguments.Where(argument => argument is not ("--resume" or "--overwrite")).Select(Quote))} --resume";

    /// <summary>An argument as a shell takes it.</summary>
    private static string Quote(string argument) =>
        argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,+@%".Contains(c)) && argument.Length > 0 ? argument : $"'{argument.Replace("'", "'\\''")}'";

    private static void Report(Session session, TrainingResult result, Efficiency? efficiency) => session.Result(json =>
    {
        json.WriteNumber("steps", result.Steps);
        json.WriteNumber("tokens", result.Tokens);
        json.WriteFinite("trainLoss", result.TrainLoss);
        json.WriteFinite("validationLoss", result.ValidationLoss);
        json.WriteFinite("validationPerplexity", result.Validation?.Perplexity);
        json.WriteFinite("validationAccuracy", result.Validation?.Accuracy);
        if (result.BestValidationLoss is not null) json.WriteFinite("bestValidationLoss", result.BestValidationLoss);
        json.WriteNumber("modelStep", result.ModelStep);
        json.WriteNumber("faults", result.Faults);
        json.WriteBoolean("stoppedEarly", result.StoppedEarly);
        json.WriteFinite("tokensPerSecond", result.TokensPerSecond);
        json.WriteNumber("peakMemoryBytes", result.PeakMemoryBytes);
        json.WriteFinite("seconds", result.Seconds);
        json.WriteString("output", result.Output);
        json.WriteFinite("flopsPerSecond", efficiency?.FlopsPerSecond);
        json.WriteFinite("peakFlopsPerSecond", efficiency?.PeakFlopsPerSecond);
        json.WriteFinite("utilization", efficiency?.Utilization);
        json.WriteFinite("energyJoules", efficiency?.EnergyJoules);
    }, text =>
    {
        text.WriteLine($"steps              {result.Steps}");
        text.WriteLine($"tokens             {result.Tokens}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"train loss         {result.TrainLoss:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"validation loss    {(result.ValidationLoss is { } loss ? loss.ToString("F4", CultureInfo.InvariantCulture) : "nothing is held out")}"));
        if (result.Validation is { } validation)
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"perplexity         {validation.Perplexity:F2}{(validation.Accuracy is { } accuracy ? $", accuracy {accuracy:P2}" : "")}"));
        if (result.ModelStep != result.Steps) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"best step          {result.ModelStep}, validation loss {result.BestValidationLoss:F4}"));
        if (result.Faults > 0) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"faults             {result.Faults}, see faults.jsonl"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"tokens per second  {result.TokensPerSecond:N0}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak memory        {result.PeakMemoryBytes / 1e6:N0} MB"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seconds            {result.Seconds:F1}"));
        if (efficiency is { FlopsPerSecond: not null }) text.WriteLine($"utilization        {EfficiencyText.Utilization(efficiency)}");
        if (efficiency is { EnergyJoules: not null }) text.WriteLine($"energy             {EfficiencyText.Energy(efficiency)}");
        text.WriteLine($"model              {result.ModelFolder}");
    });
}
