using System.CommandLine;
using System.Globalization;
using System.Numerics.Tensors;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain evaluate embed</c>: how well the vectors of texts say what belongs together, or how alike texts are.</summary>
internal sealed class EvaluateEmbedCommand
{
    private const int DefaultBatch = 32, Deepest = 100;
    private const string Retrieval = "retrieval", Similarity = "similarity";

    private static readonly int[] s_cutoffs = [1, 5, 10];

    private readonly Option<string?> _model = TunedModel.CreateOption();
    private readonly EmbeddingChoice _texts = new();
    private readonly Option<string?> _task = Options.Word("--task", $"{Retrieval}: each text is searched for what belongs to it, among all that belongs to any; {Similarity}: cosines are compared with --score-field. The default is {Retrieval}.", [Retrieval, Similarity]);
    private readonly PoolingChoice _pooling = new();
    private readonly Option<double?> _fraction = Options.Number("--validation-fraction", "Measure the examples alone that finetune embed holds out with this share. The default is 0: all.", share => share is >= 0 and < 1, "must be a number from 0 to below 1");
    private readonly Option<int?> _batch = Options.Positive("--batch", $"Texts that are computed together. The default is {DefaultBatch}.");

    public static void AddTo(Command evaluate, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new EvaluateEmbedCommand();
        var command = new Command("embed", "Recall and mean reciprocal rank of searches by the vectors of texts, or the rank correlation of their cosines.") { options._model };
        foreach (Option option in options._texts.WithoutNegatives) command.Options.Add(option);
        command.Options.Add(options._task);
        foreach (Option option in options._pooling.All.Concat([options._fraction, options._batch])) command.Options.Add(option);
        add(evaluate, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        double fraction = parsed.GetValue(_fraction) ?? 0;
        bool searches = (parsed.GetValue(_task) ?? Retrieval) == Retrieval;
        ContrastiveTexts? texts = searches ? _texts.Pairs(parsed) : null;
        LabelledTexts? pairs = searches ? null : _texts.Scored(parsed);
        if (fraction > 0 && texts is not null) texts = texts.Split(fraction).Validation ?? throw NoneHeldOut(fraction, texts.Count);
        if (fraction > 0 && pairs is not null) pairs = pairs.Split(fraction).Validation ?? throw NoneHeldOut(fraction, pairs.Count);
        torch.Device device = session.Start();
        ITransformerModel model = ModelFolder.LoadModel(session, folder, device, ModelHead.None);
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        using var encoder = new SentenceEncoder(model, _pooling.Read(parsed, folder, model));
        int batch = parsed.GetValue(_batch) ?? DefaultBatch;
        IReadOnlyList<float[]> Embed(IReadOnlyList<string> some)
        {
            IReadOnlyList<float[]> vectors = encoder.Embed(tokenizer, some, batch, session.Cancellation);
            return vectors.All(vector => vector.All(float.IsFinite)) ? vectors : throw new NotFiniteException($"A vector holds numbers that are not finite: the weights in '{folder}' do, or are too large.");
        }
        if (texts is not null) Search(session, texts, Embed);
        else Compare(session, pairs!, Embed);
    }

    private UsageException NoneHeldOut(double fraction, int count) => new($"{_fraction.Name} ({fraction.ToString(CultureInfo.InvariantCulture)}) of {count} examples is none.");

    private static void Search(Session session, ContrastiveTexts texts, Func<IReadOnlyList<string>, IReadOnlyList<float[]>> embed)
    {
        string[] candidates = [.. texts.Examples.Select(example => example.Positive).Distinct()];
        Dictionary<string, int> places = candidates.Select((text, i) => (text, i)).ToDictionary(pair => pair.text, pair => pair.i);
        (string Anchor, IReadOnlySet<int> Right)[] queries = [.. texts.Examples.GroupBy(example => example.Anchor).Select(same => (same.Key, (IReadOnlySet<int>)same.Select(example => places[example.Positive]).ToHashSet()))];
        var index = new EmbeddingIndex(embed(candidates));
        IReadOnlyList<IReadOnlyList<SearchHit>> hits = index.SearchAll([.. embed([.. queries.Select(query => query.Anchor)])], Deepest);
        var scores = new RetrievalScores([.. queries.Select(query => query.Right)], [.. hits.Select(found => found.Select(hit => hit.Index).ToArray())]);
        session.Result(json =>
        {
            json.WriteNumber("queries", queries.Length);
            json.WriteNumber("candidates", candidates.Length);
            foreach (int k in s_cutoffs) json.WriteNumber($"recallAt{k}", scores.RecallAt(k));
            json.WriteNumber("meanReciprocalRank", scores.MeanReciprocalRank);
        }, text =>
        {
            text.WriteLine($"queries    {queries.Length} among {candidates.Length} texts");
            foreach (int k in s_cutoffs) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"recall@{k,-4}{scores.RecallAt(k):F4}"));
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"MRR        {scores.MeanReciprocalRank:F4}, of the first {Deepest}"));
        });
    }

    private static void Compare(Session session, LabelledTexts pairs, Func<IReadOnlyList<string>, IReadOnlyList<float[]>> embed)
    {
        IReadOnlyList<float[]> first = embed([.. pairs.Examples.Select(pair => pair.Text)]), second = embed([.. pairs.Examples.Select(pair => pair.Pair!)]);
        double[] cosines = [.. first.Zip(second).Select(pair => (double)TensorPrimitives.CosineSimilarity<float>(pair.First, pair.Second))], expected = [.. pairs.Examples.Select(pair => pair.Value)];
        double spearman = Correlation.Spearman(expected, cosines), pearson = Correlation.Pearson(expected, cosines);
        session.Result(json =>
        {
            json.WriteNumber("pairs", pairs.Count);
            json.WriteNumber("spearman", spearman);
            json.WriteNumber("pearson", pearson);
        }, text =>
        {
            text.WriteLine($"pairs     {pairs.Count}");
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Spearman  {spearman:F4}"));
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Pearson   {pearson:F4}"));
        });
    }
}
