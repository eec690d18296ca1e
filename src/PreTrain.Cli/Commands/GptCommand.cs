using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Display;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain gpt</c>: pre-trains a GPT on text.</summary>
internal sealed class GptCommand
{
    private const string DefaultPreset = "nano";
    private const double DefaultValidationFraction = 0.05;

    // The 256 bytes and the end of a document.
    private const int SmallestVocabulary = 257;

    private static readonly TrainingOptions s_defaults = new() { Output = "" };

    private readonly Option<string[]> _data = CorpusOption.Create(required: true);
    private readonly Option<string?> _output = Options.Text("--output", "DIR", "The folder of the run: tokens, checkpoints, metrics.jsonl, and the model.", required: true);
    private readonly Option<GptConfig?> _preset = new("--preset")
    {
        Description = $"The size of the model, which the next five options change. The default is {DefaultPreset}.",
        HelpName = string.Join('|', GptPresets.All.Keys),
        CustomParser = result =>
        {
            string name = result.Tokens[^1].Value;
            if (GptPresets.All.TryGetValue(name, out GptConfig? config)) return config;
            result.AddError($"--preset ({name}) must be {Options.Join([.. GptPresets.All.Keys])}.");
            return null;
        },
    };
    private readonly Option<int?> _layers = Options.Positive("--layers", "Blocks.");
    private readonly Option<int?> _heads = Options.Positive("--heads", "Attention heads of a block.");
    private readonly Option<int?> _embedding = Options.Positive("--embedding", "Width of the residual stream, a multiple of --heads.");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest sequence, in tokens.");
    private readonly Option<int?> _vocabSize = Options.Positive("--vocab-size", $"Tokens of the tokenizer that is trained on the data, at least {SmallestVocabulary}.");
    private readonly Option<string?> _tokenizer = Options.Text("--tokenizer", "DIR", "A tokenizer to use instead of training one: any that pretrain tokenizer reads.");
    private readonly Option<int?> _batch = Options.Positive("--batch", $"Sequences of a micro-batch: what is in memory at once. The default is {s_defaults.BatchSize}.");
    private readonly Option<int?> _accumulate = Options.Positive("--accumulate", $"Micro-batches of a step. The default is {s_defaults.AccumulationSteps}.");
    private readonly Option<int?> _steps = Options.Positive("--steps", $"Updates of the weights. The default is {s_defaults.Steps}.");
    private readonly Option<double?> _learningRate = Options.Number("--learning-rate", "The highest learning rate. The default depends on the optimizer and the width: of adamw 1e-3 below 768, 6e-4 to 2e-4 from there on.", rate => rate > 0, "must be a positive number");
    private readonly ScheduleChoice _schedule = new();
    private readonly OptimizerChoice _optimizer = new();
    private readonly Option<Precision?> _precision = Options.Choice("--precision", "The format of activations and of the weights that they meet; bf16 is fast with AMX and on CUDA. The default is fp32.",
        ("fp32", Precision.Float32), ("bf16", Precision.BFloat16));
    private readonly Option<int?> _checkpointEvery = Options.NotNegative("--checkpoint-every", $"Steps between two checkpoints; 0 for one at the end. The default is {s_defaults.CheckpointEvery}.");
    private readonly Option<int?> _evaluateEvery = Options.NotNegative("--evaluate-every", $"Steps between two evaluations; 0 for one at the end. The default is {s_defaults.EvaluateEvery}.");
    private readonly Option<int?> _logEvery = Options.Positive("--log-every", $"Steps between two lines of metrics.jsonl and of the log. The default is {s_defaults.LogEvery}.");
    private readonly Option<double?> _validationFraction = Options.Number("--validation-fraction", "The share of the tokens, at the end, that is held out. The default is 0.05.", share => share is >= 0 and < 1,
        "must be a number from 0 to below 1");
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run in --output, from its newest complete checkpoint." };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace the run in --output." };

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new GptCommand();
        var command = new Command("gpt", "Pre-trains a GPT on text: trains a tokenizer, tokenizes, trains, and saves a Hugging Face folder.")
        {
            options._data, options._output, options._preset, options._layers, options._heads, options._embedding, options._context, options._vocabSize,
            options._tokenizer, options._batch, options._accumulate, options._steps, options._learningRate, options._precision,
            options._checkpointEvery, options._evaluateEvery, options._logEvery, options._validationFraction, options._resume, options._overwrite,
        };
        foreach (Option option in options._schedule.All.Concat(options._optimizer.All)) command.Options.Add(option);
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        GptConfig config = Architecture(parsed);
        TrainingOptions training = Training(parsed, session, config);
        string output = training.Output;
        CheckFolder(output, training);
        double validationFraction = parsed.GetValue(_validationFraction) ?? DefaultValidationFraction;
        torch.Device device = session.Start();

        try
        {
            TextCorpus corpus = CorpusOption.Open(parsed.GetRequiredValue(_data));
            TextTokenizer? given = parsed.GetValue(_tokenizer) is { } folder ? TextTokenizer.Load(folder) : null;
            using RunTokens tokens = training.Resume && RunTokens.Exist(output)
                ? RunTokens.Open(session, output, corpus, given, parsed.GetValue(_vocabSize))
                : RunTokens.Build(session, output, corpus, given, config.VocabSize, store => CheckLength(store, validationFraction, config.ContextLength));
            CheckLength(tokens.Store, validationFraction, config.ContextLength);

            config = config with { VocabSize = tokens.Tokenizer.VocabSize };
            using GptModel model = new GptModel(config, generator: new RandomStreams(session.Seed).CreateGenerator("init")).to(device);
            session.Log($"A GPT of {config.LayerCount} layers × {config.EmbeddingDim}, {config.HeadCount} heads, context {config.ContextLength}, {config.VocabSize} tokens.");
            TrainingResult result = TrainingDisplay.Run(session, training with { Tokenizer = tokens.Tokenizer }, options =>
                new Trainer(options).Run(model, new CausalLanguageModeling(tokens.Store, validationFraction), session.Cancellation));
            if (result.Interrupted)
                throw new InterruptedException($"Interrupted after step {result.Steps}; the state is saved in '{Path.Combine(result.Output, "checkpoints")}'. Go on with: {ResumeCommand(parsed)}");
            Report(session, result);
        }
        catch (OperationCanceledException) when (session.Cancellation.IsCancellationRequested)
        {
            throw new InterruptedException($"Interrupted before the first step. Start again with: {ResumeCommand(parsed)}");
        }
    }

    /// <summary>The preset with the options that change it. The vocabulary is that of the tokenizer to be trained.</summary>
    private GptConfig Architecture(ParseResult parsed)
    {
        GptConfig preset = parsed.GetValue(_preset) ?? GptPresets.All[DefaultPreset];
        GptConfig config = preset with
        {
            LayerCount = parsed.GetValue(_layers) ?? preset.LayerCount,
            HeadCount = parsed.GetValue(_heads) ?? preset.HeadCount,
            EmbeddingDim = parsed.GetValue(_embedding) ?? preset.EmbeddingDim,
            ContextLength = parsed.GetValue(_context) ?? preset.ContextLength,
            // Where the preset counts characters, the tokens are the bytes.
            VocabSize = parsed.GetValue(_vocabSize) ?? Math.Max(preset.VocabSize, SmallestVocabulary),
        };
        var faults = new List<string>();
        if (config.EmbeddingDim % config.HeadCount != 0)
            faults.Add($"--embedding ({config.EmbeddingDim}) must be divisible by --heads ({config.HeadCount}).");
        if (config.VocabSize < SmallestVocabulary)
            faults.Add($"--vocab-size ({config.VocabSize}) must be at least {SmallestVocabulary}: the 256 bytes and the end of a document.");
        if (parsed.GetValue(_tokenizer) is not null && parsed.GetValue(_vocabSize) is not null)
            faults.Add("--vocab-size and --tokenizer exclude each other: a given tokenizer brings its vocabulary.");
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        config.Validate();
        return config;
    }

    private TrainingOptions Training(ParseResult parsed, Session session, GptConfig config)
    {
        var options = new TrainingOptions
        {
            Output = Path.GetFullPath(parsed.GetRequiredValue(_output)!),
            Steps = parsed.GetValue(_steps) ?? s_defaults.Steps,
            BatchSize = parsed.GetValue(_batch) ?? s_defaults.BatchSize,
            AccumulationSteps = parsed.GetValue(_accumulate) ?? s_defaults.AccumulationSteps,
            LearningRate = parsed.GetValue(_learningRate) ?? _optimizer.DefaultLearningRate(parsed, DefaultLearningRate(config.EmbeddingDim)),
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
        options = _optimizer.Apply(parsed, _schedule.Apply(parsed, options));
        options.Validate();
        return options;
    }

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

    private string ResumeCommand(ParseResult parsed)
    {
        IEnumerable<string> arguments = parsed.Tokens.Select(token => token.Value).Where(argument => argument is not ("--resume" or "--overwrite"));
        return $"pretrain {string.Join(' ', arguments.Select(Quote))} --resume";
    }

    /// <summary>An argument as a shell takes it.</summary>
    private static string Quote(string argument) =>
        argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,+@%".Contains(c)) && argument.Length > 0 ? argument : $"'{argument.Replace("'", "'\\''")}'";

    private static void Report(Session session, TrainingResult result) => session.Result(json =>
    {
        json.WriteNumber("steps", result.Steps);
        json.WriteNumber("tokens", result.Tokens);
        json.WriteFinite("trainLoss", result.TrainLoss);
        json.WriteFinite("validationLoss", result.ValidationLoss);
        json.WriteFinite("tokensPerSecond", result.TokensPerSecond);
        json.WriteNumber("peakMemoryBytes", result.PeakMemoryBytes);
        json.WriteFinite("seconds", result.Seconds);
        json.WriteString("output", result.Output);
    }, text =>
    {
        text.WriteLine($"steps              {result.Steps}");
        text.WriteLine($"tokens             {result.Tokens}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"train loss         {result.TrainLoss:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"validation loss    {(result.ValidationLoss is { } loss ? loss.ToString("F4", CultureInfo.InvariantCulture) : "nothing is held out")}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"tokens per second  {result.TokensPerSecond:N0}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak memory        {result.PeakMemoryBytes / 1e6:N0} MB"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seconds            {result.Seconds:F1}"));
        text.WriteLine($"model              {result.ModelFolder}");
    });
}
