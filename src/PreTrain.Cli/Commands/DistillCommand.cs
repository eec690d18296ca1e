using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain distill</c>: trains a smaller model with the help of larger ones.</summary>
internal sealed class DistillCommand
{
    private const double DefaultValidationFraction = 0.05;
    private const string Causal = "causal-lm", Masked = "masked-lm", Writing = "sequence-to-sequence";
    private static readonly (string Word, WritingObjective Value)[] s_writing = [("span-corruption", WritingObjective.SpanCorruption), ("denoising", WritingObjective.Denoising), ("prefix-lm", WritingObjective.PrefixLanguageModel)];

    private readonly Option<string[]> _teacher = new("--teacher")
    {
        Description = "The models to learn from, of one tokenizer: folders with config.json, model.safetensors and tokenizer.json, or outputs of runs. The student begins with layers of the first.",
        HelpName = "DIR",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
        Required = true,
    };
    private readonly Option<double[]?> _weights = NumberList.Create<double>("--teacher-weights", "WEIGHT,WEIGHT", "How much each teacher counts. The default is as much as the others.", weight => weight > 0, "must be positive numbers with commas between them");
    private readonly Option<string[]> _data = CorpusOption.Create(required: false);
    private readonly TextChoice _text = new();
    private readonly RunChoice _run = new("The folder of the run: tokens, checkpoints, metrics.jsonl, and the student.", "Sequences");
    private readonly StudentChoice _student = new();
    private readonly TeachingChoice _teaching = new();
    private readonly ReportChoice _reports = new();
    private readonly Option<string?> _objective = Options.Word("--objective", "What is predicted. The default is what the first teacher was saved for; where it reads a text and writes another, what its tokenizer was made for.",
        [Causal, Masked, Writing, .. s_writing.Select(choice => choice.Word)]);
    private readonly Option<double?> _maskRate = Options.Number("--mask-rate", "The share of the tokens that is hidden or lost. The default is 0.15, and 0.3 where a whole text is written anew.", rate => rate is > 0 and < 1, "must be a number between 0 and 1");
    private readonly Option<double?> _meanSpan = Options.Number("--mean-span", "The mean length of lost spans, in tokens. The default is 3.", length => length >= 1, "must be a number from 1");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest row, in tokens. The default is the teacher's context, or 512 where it has no end.");
    private readonly Option<double?> _validationFraction = Options.Number("--validation-fraction", "The share of the tokens, at the end, that is held out. The default is 0.05.", share => share is >= 0 and < 1, "must be a number from 0 to below 1");

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new DistillCommand();
        var command = new Command("distill", "Trains a smaller model on text with the help of larger ones, and saves a Hugging Face folder.") { options._teacher, options._weights, options._data, options._run.Output };
        foreach (Option option in options._student.All.Concat(options._teaching.All).Concat(options._text.Of(Family("gpt")))) command.Options.Add(option);
        foreach (Option option in new Option[] { options._objective, options._maskRate, options._meanSpan, options._context, options._validationFraction }) command.Options.Add(option);
        foreach (Option option in options._run.All.Concat(options._reports.All)) command.Options.Add(option);
        add(root, command, options.Run);
    }

    private static PretrainFamily Family(string name) => PretrainFamily.All.Single(family => family.Name == name);

    private void Run(ParseResult parsed, Session session)
    {
        string[] folders = parsed.GetRequiredValue(_teacher);
        double[]? weights = parsed.GetValue(_weights) is { Length: > 0 } given ? given : null;
        if (weights is not null && weights.Length != folders.Length) throw new UsageException($"{_weights.Name} ({string.Join(',', weights)}) must hold a weight for each of the {folders.Length} teachers.");
        DistillationOptions teaching = _teaching.Read(parsed, folders.Length);
        _student.Check(parsed);
        string[]? stores = _text.Folders(parsed, _data);

        torch.Device device = session.Start();
        var teachers = new List<ITransformerModel>();
        try
        {
            foreach (string folder in folders) teachers.Add(LoadTeacher(session, folder, device, parsed.GetValue(_objective)));
            Run(parsed, session, folders, teachers, weights, teaching, stores, device);
        }
        finally
        {
            foreach (ITransformerModel teacher in teachers) teacher.Dispose();
        }
    }

    private void Run(ParseResult parsed, Session session, string[] folders, List<ITransformerModel> teachers, double[]? weights, DistillationOptions teaching, string[]? stores, torch.Device device)
    {
        TextTokenizer tokenizer = CommonTokenizer(folders, teachers);
        using ITransformerModel student = _student.Create(parsed, session, teachers[0], device);
        string objective = AutoObjective.NameFor(teachers[0]);
        string task = objective == Writing ? WordOf(Chosen(parsed) ?? AutoObjective.WritingFor(tokenizer)) : objective;
        RequireEffect(parsed, task);
        if (parsed.GetValue(_context) is { } context && context > ModelFolder.Sizes(student)!.Value.Context) throw new UsageException($"{_context.Name} ({context}) must be at most the teacher's ({ModelFolder.Sizes(student)!.Value.Context}).");
        if (((torch.nn.Module)student).modules().OfType<QuantizedProjection>().Any()) throw new UsageException($"--teacher ({folders[0]}) is quantized, and so is a student that is made from its layers; take the model that it was made from.");
        ModelShape shape = ModelShape.Of(student);
        TrainingOptions training = _run.Training(parsed, session, shape.Width);
        var packing = _text.Packing(parsed, Family(objective == Writing ? "t5" : "gpt"), objective);
        JsonObject configuration = RunConfiguration.Describe(parsed, Effective(parsed, session, Chosen(parsed) is null ? objective : task, teaching, training));
        if (_run.Prints(parsed, session, configuration)) return;
        foreach (string folder in folders) TunedModel.CheckFolders(folder, training);
        teaching.Check(student, teachers);
        if (training.Precision == Precision.Float16) HalfPrecision.Require(device);
        // What the text is too short for is told before its tokens are kept.
        void Check(IObjective<ITransformerModel> inner)
        {
            using IBatchSource source = inner.Open(new(training.Seed), student, training.BatchSize);
        }

        RunChoice.Interruptible(session, () =>
        {
            using RunTokens tokens = stores is null ? Tokens(parsed, session, training, tokenizer, store => Check(Inner(parsed, student, store, tokenizer, packing([store])))) : RunTokens.OfStores(session, stores);
            if (tokens.Tokenizer.Fingerprint != tokenizer.Fingerprint) throw new UsageException($"--tokens ({stores![0]}) was made by another tokenizer than that of --teacher ({folders[0]}). Prepare the text with the teacher's: pretrain data prepare --tokenizer {folders[0]}.");
            IObjective<ITransformerModel> inner = Inner(parsed, student, tokens.Store, tokens.Tokenizer, packing(tokens.Stores));
            Teacher[] taught = [.. teachers.Select((model, i) => new Teacher(model) { Weight = weights?[i] ?? 1 })];
            if (_teaching.Cache(parsed) is var (folder, kept)) taught = [.. taught.Select((teacher, i) => teacher with { Cache = LogitCache.Open(Path.Combine(folder, $"teacher-{i + 1}"), teacher.Model, inner.Describe(), kept) })];
            try
            {
                var distillation = new Distillation<ITransformerModel>(taught, inner, teaching);
                // What teachers say needs no more bits than what the student computes with; what is kept for other runs has all.
                if (training.Precision == Precision.BFloat16 && _teaching.Cache(parsed) is null) teachers.ForEach(teacher => ((torch.nn.Module)teacher).to(torch.ScalarType.BFloat16));
                Train(parsed, session, training, configuration, student, shape, tokens, inner, distillation);
                if (taught.Any(teacher => teacher.Cache is not null)) session.Log($"The teachers read {taught.Sum(teacher => teacher.Cache?.Misses)} rows; {taught.Sum(teacher => teacher.Cache?.Hits)} were in the cache.");
            }
            finally
            {
                foreach (Teacher teacher in taught) teacher.Cache?.Dispose();
            }
        });
    }

    private void Train(ParseResult parsed, Session session, TrainingOptions training, JsonObject configuration, ITransformerModel student, ModelShape shape, RunTokens tokens,
        IObjective<ITransformerModel> inner, Distillation<ITransformerModel> objective)
    {
        var (vocabulary, longest) = ModelFolder.Sizes(student)!.Value;
        int context = Math.Min(parsed.GetValue(_context) ?? longest, longest);
        bool isMasked = inner.Name == Masked, writes = student is ISequenceToSequenceModel;
        double rate = parsed.GetValue(_maskRate) ?? new MaskingOptions().Rate;
        session.Log($"A {student.ModelType} of {shape.Layers} layers × {shape.Width}, {shape.Heads} heads, {vocabulary} tokens.");
        var cost = new TransformerCost
        {
            LayerCount = shape.Layers,
            AttentionDim = shape.Width,
            ContextLength = context == int.MaxValue ? 512 : context,
            ParameterShare = writes ? 0.5 : 1,
            ScoreParameterCount = isMasked ? (long)vocabulary * shape.Width : 0,
            ScoredShare = isMasked ? rate : 1,
        };
        var goal = new PretrainGoal(inner.Name, new MaskingOptions { Rate = rate }, parsed.GetValue(_meanSpan) ?? 3, Fraction(parsed));
        using RunReports reports = _reports.Create(parsed, tokens.Tokenizer, cost, configuration, SampleText.Choose(tokens.Store, tokens.Tokenizer, goal, cost.ContextLength));
        RunChoice.Train(session, training with { Tokenizer = tokens.Tokenizer, Callbacks = tokens.Callbacks }, reports, options => new Trainer(options).Run(student, objective, session.Cancellation));
    }

    /// <summary>What a model that writes is to learn; null where that is not said.</summary>
    private WritingObjective? Chosen(ParseResult parsed) =>
        s_writing.FirstOrDefault(choice => choice.Word == parsed.GetValue(_objective)) is { Word: not null } chosen ? chosen.Value : null;

    private static string WordOf(WritingObjective objective) => s_writing.Single(choice => choice.Value == objective).Word;

    /// <summary>Refuses what the objective does not look at.</summary>
    private void RequireEffect(ParseResult parsed, string task)
    {
        string[] spans = [WordOf(WritingObjective.SpanCorruption), WordOf(WritingObjective.Denoising)];
        foreach (var (option, tasks) in new (Option, string[])[] { (_maskRate, [Masked, .. spans]), (_meanSpan, spans) })
        {
            if (parsed.GetResult(option) is { Implicit: false } && !tasks.Contains(task)) throw new UsageException($"{option.Name} goes with {_objective.Name} {Options.Join(tasks)}, and the objective is {task}.");
        }
    }

    private double Fraction(ParseResult parsed) => parsed.GetValue(_validationFraction) ?? DefaultValidationFraction;

    private IObjective<ITransformerModel> Inner(ParseResult parsed, ITransformerModel student, TokenStore store, TextTokenizer tokenizer, PackedText? text)
    {
        var options = new AutoObjectiveOptions
        {
            ValidationFraction = Fraction(parsed),
            ContextLength = parsed.GetValue(_context),
            Writing = Chosen(parsed),
            Masking = parsed.GetValue(_maskRate) is { } rate ? new MaskingOptions { Rate = rate } : null,
            MeanSpanLength = parsed.GetValue(_meanSpan) ?? 3,
        };
        return text is null ? AutoObjective.Create(student, store, tokenizer, options) : AutoObjective.Create(student, text, tokenizer, options);
    }

    private RunTokens Tokens(ParseResult parsed, Session session, TrainingOptions training, TextTokenizer tokenizer, Action<TokenStore> check)
    {
        TextCorpus corpus = CorpusOption.Open(parsed.GetRequiredValue(_data));
        return training.Resume && RunTokens.Exist(training.Output)
            ? RunTokens.Open(session, training.Output, corpus, tokenizer, null)
            : RunTokens.Build(session, training.Output, corpus, tokenizer, tokenizer.VocabSize, (_, _, _, _) => tokenizer, check, training);
    }

    /// <summary>A teacher with the head that predicts tokens.</summary>
    private static ITransformerModel LoadTeacher(Session session, string folder, torch.Device device, string? objective)
    {
        ModelHead? head = objective switch
        {
            null => null,
            Causal => ModelHead.CausalLanguageModel,
            Masked => ModelHead.MaskedLanguageModel,
            _ => ModelHead.SequenceToSequence,
        };
        ModelFolder.RequireWhole(folder, "--teacher");
        ITransformerModel teacher = ModelFolder.LoadModel(session, folder, device, head);
        if (teacher.Head == ModelHead.PreTraining)
        {
            teacher.Dispose();
            teacher = ModelFolder.LoadModel(session, folder, device, ModelHead.MaskedLanguageModel);
        }
        if (ModelFolder.Sizes(teacher) is null || teacher.Head is not (ModelHead.CausalLanguageModel or ModelHead.MaskedLanguageModel or ModelHead.SequenceToSequence))
            throw new UsageException($"--teacher ({folder}) holds a {teacher.ModelType} with the head {teacher.Head}, which predicts no tokens; the tool distils models that do, the library classifiers too.");
        return teacher;
    }

    private static TextTokenizer CommonTokenizer(string[] folders, List<ITransformerModel> teachers)
    {
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folders[0], teachers[0]);
        for (int i = 1; i < folders.Length; i++)
        {
            if (ModelFolder.LoadTokenizer(folders[i], teachers[i]).Fingerprint != tokenizer.Fingerprint)
                throw new UsageException($"--teacher ({folders[i]}) has another tokenizer than --teacher ({folders[0]}); teachers must share one.");
        }
        return tokenizer;
    }

    /// <summary>The values of all options that are not what was given.</summary>
    private IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, Session session, string objective, DistillationOptions teaching, TrainingOptions training) =>
    [
        (_objective, objective), (_validationFraction, Fraction(parsed)), .. _teaching.Effective(teaching, _teaching.Cache(parsed)), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
    ];
}
