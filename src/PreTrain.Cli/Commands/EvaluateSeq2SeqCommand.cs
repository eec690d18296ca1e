using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain evaluate seq2seq</c>: lets a model write, and compares.</summary>
internal sealed class EvaluateSeq2SeqCommand
{
    private static readonly WritingScoreOptions s_defaults = new();

    private readonly Option<string?> _model = TunedModel.CreateOption();
    private readonly PairChoice _pairs = new();
    private readonly TemplateChoice _template = new("plain");
    private readonly Option<double?> _fraction = Options.Number("--validation-fraction", "Measure the pairs alone that finetune seq2seq holds out with this share. The default is 0: all.", share => share is >= 0 and < 1, "must be a number from 0 to below 1");
    private readonly Option<int?> _limit = Options.Positive("--limit", "Measure so many pairs at most, the first ones.");
    private readonly Option<int?> _maxSource = Options.Positive("--max-source", "The longest text to read, in tokens, as in finetune seq2seq; the rest is cut off. For models that read and write. The default is the model's context.");
    private readonly Option<int?> _maxNewTokens = Options.Positive("--max-new-tokens", $"The most tokens of a text. The default is {s_defaults.Generation.MaxNewTokens}.");
    private readonly Option<int?> _beams = Options.Positive("--beams", "Texts that are followed side by side, of which the best is taken. The default is 1: the most probable token each time.");
    private readonly Option<int?> _batch = Options.Positive("--batch", $"Texts that are written together. The default is {s_defaults.BatchSize}.");
    private readonly Option<string?> _predictions = Options.Text("--predictions", "FILE", "Where to write source, target and prediction of each pair, as JSON lines.");

    public static void AddTo(Command evaluate, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new EvaluateSeq2SeqCommand();
        var command = new Command("seq2seq", "BLEU and ROUGE of what a model writes for texts.") { options._model };
        foreach (Option option in options._pairs.All) command.Options.Add(option);
        foreach (Option option in new Option[] { options._maxSource, options._template.Option, options._fraction, options._limit, options._maxNewTokens, options._beams, options._batch, options._predictions }) command.Options.Add(option);
        add(evaluate, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        string? file = parsed.GetValue(_predictions);
        if (file is not null) OutputPath.RequireFile(_predictions.Name, file);
        TextPairs pairs = _pairs.Read(parsed);
        if (parsed.GetValue(_fraction) is > 0 and var fraction) pairs = pairs.Split(fraction).Validation ?? throw new UsageException($"{_fraction.Name} ({fraction}) of {pairs.Count} pairs is none.");
        if (parsed.GetValue(_limit) is { } limit && limit < pairs.Count) pairs = new([.. pairs.Examples.Take(limit)]);
        var options = new WritingScoreOptions
        {
            SourcePrefix = _pairs.Prefix(parsed),
            MaxSourceLength = parsed.GetValue(_maxSource),
            BatchSize = parsed.GetValue(_batch) ?? s_defaults.BatchSize,
            Generation = s_defaults.Generation with { MaxNewTokens = parsed.GetValue(_maxNewTokens) ?? s_defaults.Generation.MaxNewTokens, BeamCount = parsed.GetValue(_beams) ?? 1 },
        };
        torch.Device device = session.Start();
        using ITransformerModel model = ModelFolder.LoadWriter(session, folder, device);
        if (model is ISequenceToSequenceModel) _template.RequireNone(parsed, model);
        else if (parsed.GetValue(_maxSource) is { } length) throw new UsageException($"{_maxSource.Name} ({length}) is for models that read a text and write another, and the model is a {model.ModelType}.");
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        WritingScores scores;
        try
        {
            scores = model is ISequenceToSequenceModel reader
                ? WritingScores.Measure(reader, tokenizer, pairs, options, session.Cancellation)
                : WritingScores.Measure((ICausalLanguageModel)model, tokenizer, _template.Read(parsed, folder, tokenizer), pairs, options, session.Cancellation);
        }
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            throw new NotFiniteException(e.Message);
        }
        if (scores.CutSources > 0)
        {
            int longest = parsed.GetValue(_maxSource) ?? ((ITokenPredictor)model).ContextLength;
            session.Log($"warning: {scores.CutSources} of {pairs.Count} {(model is ISequenceToSequenceModel ? $"texts are longer than {longest} tokens; the rest was not read." : $"prompts and what was written for them are longer than the model's context of {longest} tokens; their beginnings were not read to the end.")}");
        }
        Report(session, pairs, scores);   // first: the file may fail, and what was measured is not to be lost
        if (file is not null) Write(file, pairs, scores);
    }

    private static void Write(string file, TextPairs pairs, WritingScores scores) => AtomicFile.WriteAllText(file, string.Concat(pairs.Examples.Zip(scores.Predictions).Select(pair =>
        new JsonObject { ["source"] = pair.First.Source, ["target"] = pair.First.Target, ["prediction"] = pair.Second }.ToJsonString() + "\n")));

    private static void Report(Session session, TextPairs pairs, WritingScores scores) => session.Result(json =>
    {
        json.WriteNumber("pairs", pairs.Count);
        json.WriteNumber("bleu", scores.Bleu.Score);
        json.WriteNumber("rouge1", scores.Rouge.Rouge1);
        json.WriteNumber("rouge2", scores.Rouge.Rouge2);
        json.WriteNumber("rougeL", scores.Rouge.RougeL);
        json.WriteNumber("exactMatch", scores.ExactMatch);
    }, text =>
    {
        text.WriteLine($"pairs        {pairs.Count}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"BLEU         {scores.Bleu.Score:F2}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ROUGE-1      {scores.Rouge.Rouge1:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ROUGE-2      {scores.Rouge.Rouge2:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ROUGE-L      {scores.Rouge.RougeL:F4}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"exact match  {scores.ExactMatch:P2}"));
    });
}
