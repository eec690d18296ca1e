using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain finetune embed</c>: tunes a model so that the vectors of texts are near where the texts belong together.</summary>
internal sealed class FinetuneEmbedCommand
{
    private static readonly ContrastiveTuningOptions s_defaults = new();

    private static readonly (string Word, EmbeddingLoss Value)[] s_losses = [("contrastive", EmbeddingLoss.Contrastive), ("simcse", EmbeddingLoss.SimCse), ("cosine", EmbeddingLoss.Cosine)];

    private readonly Option<string?> _model = TunedModel.CreateOption();
    private readonly EmbeddingChoice _texts = new();
    private readonly RunChoice _run = new("The folder of the run: checkpoints, metrics.jsonl, and the tuned model as sentence-transformers reads it.", "Examples", usualRate: AdapterChoice.RateText(TunedModel.LearningRateText));
    private readonly Option<EmbeddingLoss?> _loss = Options.Choice("--loss", "What is learned: to find what belongs to a text among the rest of the batch; the same without labels, of a text and itself under other dropout; or how alike two texts are. The default is contrastive.", s_losses);
    private readonly PoolingChoice _pooling = new();
    private readonly Option<double?> _temperature = Options.Number("--temperature", FormattableString.Invariant($"What cosines are divided by, not with --loss cosine. The default is {s_defaults.Temperature}."), value => value > 0, "must be a positive number");
    private readonly Option<bool> _symmetric = new("--symmetric") { Description = "Find texts from what belongs to them too, not with --loss cosine." };
    private readonly Option<double?> _fraction = TunedModel.CreateFraction("examples");
    private readonly Option<double?> _dropout = TunedModel.CreateDropout();
    private readonly AdapterChoice _adapter = new();
    private readonly ReportChoice _reports = new();

    public static void AddTo(Command finetune, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new FinetuneEmbedCommand();
        var command = new Command("embed", "Tunes any model that reads text to turn texts into vectors.") { options._model };
        foreach (Option option in options._texts.All) command.Options.Add(option);
        foreach (Option option in new Option[] { options._run.Output, options._loss }.Concat(options._pooling.All).Concat([options._temperature, options._symmetric, options._fraction, options._dropout])) command.Options.Add(option);
        foreach (Option option in options._adapter.All.Concat(options._run.All).Concat(options._reports.WithoutText)) command.Options.Add(option);
        add(finetune, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        EmbeddingLoss loss = parsed.GetValue(_loss) ?? EmbeddingLoss.Contrastive;
        _adapter.Check(parsed);
        _adapter.RequireRandomStart(parsed, "sentence embeddings");
        TrainingOptions training = _run.Training(parsed, session, null, _adapter.RateOf(parsed, TunedModel.LearningRate));
        double fraction = parsed.GetValue(_fraction) ?? TunedModel.ValidationFraction;
        bool contrasts = loss != EmbeddingLoss.Cosine;
        if (!contrasts && (parsed.GetValue(_temperature) is not null || parsed.GetValue(_symmetric))) throw new UsageException($"{_temperature.Name} and {_symmetric.Name} do not go with --loss cosine; leave them out.");
        double? temperature = contrasts ? parsed.GetValue(_temperature) ?? s_defaults.Temperature : null;
        JsonObject configuration = RunConfiguration.Describe(parsed,
        [
            .. _texts.Effective(parsed, loss), (_loss, s_losses.Single(known => known.Value == loss).Word), (_temperature, temperature), (_fraction, fraction),
            .. _adapter.Effective(parsed), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
        ]);
        if (_run.Prints(parsed, session, configuration)) return;
        TunedModel.CheckFolders(folder, training);
        torch.Device device = session.Start(), home = _adapter.HomeOf(parsed, device);
        RunChoice.Interruptible(session, () =>
        {
            ITransformerModel Load() => ModelFolder.LoadModel(session, folder, home, ModelHead.None, new HeadOptions { Dropout = parsed.GetValue(_dropout) });
            ITransformerModel model = Load();
            TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
            IAdapter? beside = _adapter.Adapt(parsed, session, model, device);   // before what is to know how long texts may be then
            using var encoder = new SentenceEncoder(model, _pooling.Read(parsed, folder, model));
            using IAdapter? adapter = beside;
            using RunReports reports = _reports.Create(parsed, null, TunedModel.CostOf(model, encoder.MaxLength), configuration, ("", 0));
            training = training with { Tokenizer = tokenizer, Weights = adapter };
            if (loss == EmbeddingLoss.SimCse && !TunedModel.DropsOut(model) && !_adapter.DropsOut(parsed))
                throw new UsageException($"--loss simcse compares each text with itself under other dropout, and the {model.ModelType} model in '{folder}' has none (0), so that there is nothing to learn; give --dropout, such as 0.1.");
            Action<TrainingResult> finish = result =>
            {
                if (adapter is not null) encoder.SavePooling(result.ModelFolder);
                _adapter.Finish(parsed, adapter, training, result, Load, (whole, parts) =>
                {
                    SentenceEncoder saved = ReferenceEquals(whole, model) ? encoder : new SentenceEncoder(whole, encoder.Options);
                    saved.SavePretrained(parts);
                });
            };
            if (contrasts)
            {
                ContrastiveTexts texts = loss == EmbeddingLoss.SimCse ? _texts.Texts(parsed) : _texts.Pairs(parsed);
                session.Log($"A {model.ModelType} model, {texts.Count} examples.");
                var objective = new ContrastiveTuning(texts, tokenizer, new() { Temperature = temperature!.Value, IsSymmetric = parsed.GetValue(_symmetric), ValidationFraction = fraction });
                RunChoice.Train(session, training, reports, options => new Trainer(options).Run(encoder, objective, session.Cancellation), finish);
            }
            else
            {
                LabelledTexts pairs = _texts.Scored(parsed, largest: 1);   // as cosines are
                session.Log($"A {model.ModelType} model, {pairs.Count} pairs.");
                var objective = new SimilarityTuning(pairs, tokenizer, fraction);
                RunChoice.Train(session, training, reports, options => new Trainer(options).Run(encoder, objective, session.Cancellation), finish, hasPerplexity: false);
            }
        });
    }
}
