using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain finetune seq2seq</c>: tunes a model on pairs of texts, whether it reads and writes or goes on from a text.</summary>
internal sealed class FinetuneSeq2SeqCommand
{
    private const int SampleTokens = 40;

    private readonly Option<string?> _model = TunedModel.CreateOption();
    private readonly PairChoice _pairs = new();
    private readonly RunChoice _run = new("The folder of the run: checkpoints, metrics.jsonl, and the tuned model.", "Pairs", usualRate: AdapterChoice.RateText(TunedModel.LearningRateText));
    private readonly Option<int?> _maxSource = Options.Positive("--max-source", "The longest text to read, in tokens; the rest is cut off. The default is the model's context, or 512 where that has no limit.");
    private readonly Option<int?> _maxTarget = Options.Positive("--max-target", "The longest text to write, in tokens. The default is as of --max-source.");
    private readonly TemplateChoice _template = new("plain");
    private readonly Option<double?> _fraction = TunedModel.CreateFraction("pairs");
    private readonly Option<double?> _dropout = TunedModel.CreateDropout();
    private readonly AdapterChoice _adapter = new();
    private readonly ReportChoice _reports = new();

    public static void AddTo(Command finetune, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new FinetuneSeq2SeqCommand();
        var command = new Command("seq2seq", "Tunes a model to write a text for a text: t5, bart and marian, or one such as gpt2 that goes on from it.") { options._model };
        foreach (Option option in options._pairs.All) command.Options.Add(option);
        foreach (Option option in new Option[] { options._run.Output, options._maxSource, options._maxTarget, options._template.Option, options._fraction, options._dropout }) command.Options.Add(option);
        foreach (Option option in options._adapter.All.Concat(options._run.All).Concat(options._reports.All)) command.Options.Add(option);
        add(finetune, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        _adapter.Check(parsed);
        TrainingOptions training = _run.Training(parsed, session, null, _adapter.RateOf(parsed, TunedModel.LearningRate));
        double fraction = parsed.GetValue(_fraction) ?? TunedModel.ValidationFraction;
        JsonObject configuration = RunConfiguration.Describe(parsed, [.. _pairs.Effective(parsed), (_fraction, fraction), .. _adapter.Effective(parsed), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective]);
        if (_run.Prints(parsed, session, configuration)) return;
        TunedModel.CheckFolders(folder, training);
        torch.Device device = session.Start(), home = _adapter.HomeOf(parsed, device);
        RunChoice.Interruptible(session, () =>
        {
            ITransformerModel Load() => ModelFolder.LoadWriter(session, folder, home, new HeadOptions { Dropout = parsed.GetValue(_dropout) });
            using ITransformerModel model = Load();
            using IAdapter? adapter = _adapter.Adapt(parsed, session, model, device);
            TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
            TextPairs pairs = _pairs.Read(parsed);
            session.Log($"A {model.ModelType} model, {pairs.Count} pairs.");
            training = training with { Tokenizer = tokenizer, Weights = adapter };
            Action<TrainingResult, Action<ITransformerModel, string>> finish = (result, save) => _adapter.Finish(parsed, adapter, training, result, Load, save);
            if (model is ISequenceToSequenceModel) RunReader(parsed, session, model, tokenizer, pairs, fraction, training, configuration, finish);
            else RunDecoder(parsed, session, folder, model, tokenizer, pairs, fraction, training, configuration, finish);
        });
    }

    private void RunReader(ParseResult parsed, Session session, ITransformerModel model, TextTokenizer tokenizer, TextPairs pairs, double fraction, TrainingOptions training, JsonObject configuration, Action<TrainingResult, Action<ITransformerModel, string>> finish)
    {
        _template.RequireNone(parsed, model);
        int? source = parsed.GetValue(_maxSource), target = parsed.GetValue(_maxTarget);
        var objective = new SequenceToSequenceTuning(pairs, tokenizer, new() { MaxSourceLength = source, MaxTargetLength = target, SourcePrefix = _pairs.Prefix(parsed), ValidationFraction = fraction });
        TunedModel.LogShortened(session, "pair", objective.CutPairs((ISequenceToSequenceModel)model));
        _adapter.Align(parsed, session, training.Weights as IAdapter, objective, training);
        string sample = _pairs.Prefix(parsed) + (objective.Validation ?? pairs).Examples[0].Source;
        using RunReports reports = _reports.Create(parsed, tokenizer, TunedModel.CostOf(model, Length(model, source)), configuration, (sample, SampleTokens));
        RunChoice.Train(session, training, reports, options => TunedModel.Train(model, options, objective, session.Cancellation), result => finish(result, (whole, parts) => whole.SavePretrained(parts)));
    }

    private void RunDecoder(ParseResult parsed, Session session, string folder, ITransformerModel model, TextTokenizer tokenizer, TextPairs pairs, double fraction, TrainingOptions training, JsonObject configuration, Action<TrainingResult, Action<ITransformerModel, string>> finish)
    {
        if (parsed.GetValue(_maxSource) is null != parsed.GetValue(_maxTarget) is null)
            throw new UsageException($"{_maxSource.Name} and {_maxTarget.Name} go together for a {model.ModelType} model: what it reads and writes is one row, as long as both.");
        ChatTemplate template = _template.Read(parsed, folder, tokenizer);
        string prefix = _pairs.Prefix(parsed);
        var prefixed = new TextPairs([.. pairs.Examples.Select(pair => pair with { Source = prefix + pair.Source })]);
        int? length = parsed.GetValue(_maxSource) + parsed.GetValue(_maxTarget);
        var objective = new ChatTuning(Conversations.FromPairs(prefixed), tokenizer, template, new() { ContextLength = length, ValidationFraction = fraction });
        TunedModel.LogShortened(session, (ICausalLanguageModel)model, objective, "pair");
        _adapter.Align(parsed, session, training.Weights as IAdapter, objective, training);
        ChatMessage question = (objective.Validation ?? Conversations.FromPairs(prefixed)).Examples[0].Messages[0];
        using RunReports reports = _reports.Create(parsed, tokenizer, TunedModel.CostOf(model, Length(model, length)), configuration, (template.Render([question], addGenerationPrompt: true), SampleTokens), template);
        RunChoice.Train(session, training, reports, options =>
        {
            TrainingResult result = TunedModel.Train(model, options, objective, session.Cancellation);
            if (result.Steps > 0) template.Save(result.ModelFolder);   // else there is none, or that of the run before
            return result;
        }, result => finish(result, (whole, parts) =>
        {
            whole.SavePretrained(parts);
            template.Save(parts);
        }));
    }

    private static int Length(ITransformerModel model, int? asked) => asked ?? (ModelFolder.Sizes(model) is { Context: < int.MaxValue and var context } ? context : 512);
}
