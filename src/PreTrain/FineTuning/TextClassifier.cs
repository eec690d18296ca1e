using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.FineTuning;

/// <summary>Tells the class of texts or of pairs of texts, several classes, or a number, with a model that <see cref="SequenceClassification"/> trained or that Hugging Face transformers saved.</summary>
public sealed class TextClassifier : IDisposable
{
    private const int DefaultBatchSize = 32;

    private readonly HeadModel _head;

    /// <summary>Uses a model, which it owns from now on.</summary>
    /// <param name="model">A model with the head <see cref="ModelHead.SequenceClassification"/>.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="contextLength">The longest row; longer texts are cut. Null for the model's.</param>
    /// <exception cref="ArgumentException">The model has another head, or its vocabulary is too small.</exception>
    public TextClassifier(ITransformerModel model, TextTokenizer tokenizer, int? contextLength = null) =>
        _head = new(model, tokenizer, ModelHead.SequenceClassification, "a classification", contextLength);

    /// <summary>The model.</summary>
    public ITransformerModel Model => _head.Model;

    /// <summary>The tokenizer.</summary>
    public TextTokenizer Tokenizer => _head.Tokenizer;

    /// <summary>The labels; of a model without names those that transformers makes up, <c>LABEL_0</c> and so on.</summary>
    public LabelSet Labels => _head.Labels;

    /// <summary>What a text is told.</summary>
    public ClassificationTask Task => _head.Task;

    /// <summary>Loads a folder.</summary>
    /// <param name="folder">Holds <c>config.json</c>, <c>model.safetensors</c> and <c>tokenizer.json</c>.</param>
    /// <param name="contextLength">The longest row; null for the model's.</param>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or there is no trained head.</exception>
    /// <exception cref="TokenizerException">The tokenizer is missing or broken.</exception>
    public static TextClassifier FromPretrained(string folder, int? contextLength = null) =>
        HeadModel.Load(folder, ModelHead.SequenceClassification, (model, tokenizer) => new TextClassifier(model, tokenizer, contextLength));

    /// <summary>Tells about texts.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="pairs">The second texts, as many; null for none.</param>
    /// <param name="batchSize">Texts that are computed together.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>What is said of each, in their order.</returns>
    /// <exception cref="ArgumentException">There are other numbers of texts and second texts, or a text has no token, which a decoder cannot read.</exception>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyList<ClassifiedText> Predict(IReadOnlyList<string> texts, IReadOnlyList<string>? pairs = null, int batchSize = DefaultBatchSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        if (pairs is not null && pairs.Count != texts.Count) throw new ArgumentException($"There are {texts.Count} texts, but {pairs.Count} second ones; give as many.", nameof(pairs));
        TextWindow[] all = [.. texts.Select((text, i) => _head.Row(text, pairs?[i]))];
        if (Array.FindIndex(all, row => row.Ids.Length == 0) is >= 0 and var empty) throw new ArgumentException($"Text {empty} ('{texts[empty]}') has no token; leave it out.", nameof(texts));
        var results = new List<ClassifiedText>(texts.Count);
        foreach (TextWindow[] rows in all.Chunk(batchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (scores, width) = _head.Scores(rows);
            for (int row = 0; row < rows.Length; row++) results.Add(Read(scores.AsSpan(row * width, width)));
        }
        return results;
    }

    /// <summary>Measures on labelled texts.</summary>
    /// <param name="texts">Texts with the classifier's labels, or as many of other names where the model has none.</param>
    /// <param name="batchSize">Texts that are computed together.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>
    /// By name, of one class: accuracy, macroF1, weightedF1, matthews; of several: exactMatch (all labels right), microPrecision, microRecall, microF1; of numbers: meanSquaredError, meanAbsoluteError.
    /// </returns>
    /// <exception cref="ArgumentException">The texts have another task or other labels.</exception>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(LabelledTexts texts, int batchSize = DefaultBatchSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (texts.Task != Task) throw new ArgumentException($"The texts are labelled for {texts.Task}, and the classifier is for {Task}.", nameof(texts));
        if (texts.Labels is { } labels && !labels.Equals(Labels) && !(ModelLabels.AreUnnamed(Labels) && labels.Count == Labels.Count))
            throw new ArgumentException($"The labels of the texts ({string.Join(", ", labels.Names)}) are not those of the classifier ({string.Join(", ", Labels.Names)}), in their order. Read the texts with its labels.", nameof(texts));
        IReadOnlyList<ClassifiedText> said = Predict([.. texts.Examples.Select(e => e.Text)], texts.ArePairs ? [.. texts.Examples.Select(e => e.Pair!)] : null, batchSize, cancellationToken);
        switch (Task)
        {
            case ClassificationTask.SingleLabel:
                var metrics = new ClassificationMetrics([.. texts.Examples.Select(e => e.Labels[0])], [.. said.Select(s => Labels.Find(s.Labels[0])!.Value)], Labels.Count);
                return new Dictionary<string, double> { ["accuracy"] = metrics.Accuracy, ["macroF1"] = metrics.Macro.F1, ["weightedF1"] = metrics.Weighted.F1, ["matthews"] = metrics.Matthews };
            case ClassificationTask.MultiLabel:
                HashSet<string>[] wanted = [.. texts.Examples.Select(e => e.Labels.Select(label => Labels[label]).ToHashSet())];
                ClassScore micro = ClassScore.Of(said.Zip(wanted, (s, w) => (long)s.Labels.Count(w.Contains)).Sum(), said.Sum(s => (long)s.Labels.Count), wanted.Sum(w => (long)w.Count));
                double exact = said.Zip(wanted, (s, w) => w.SetEquals(s.Labels) ? 1.0 : 0).Average();
                return new Dictionary<string, double> { ["exactMatch"] = exact, ["microPrecision"] = micro.Precision, ["microRecall"] = micro.Recall, ["microF1"] = micro.F1 };
            default:
                double[] errors = [.. said.Zip(texts.Examples, (s, e) => s.Value!.Value - e.Value)];
                return new Dictionary<string, double> { ["meanSquaredError"] = errors.Average(error => error * error), ["meanAbsoluteError"] = errors.Average(Math.Abs) };
        }
    }

    /// <summary>Writes the model and the tokenizer as an ordinary Hugging Face folder.</summary>
    /// <param name="folder">Created where it is missing.</param>
    public void SavePretrained(string folder) => _head.Save(folder);

    /// <inheritdoc/>
    public void Dispose() => _head.Dispose();

    private ClassifiedText Read(ReadOnlySpan<float> scores)
    {
        switch (Task)
        {
            case ClassificationTask.Regression:
                return new() { Labels = [], Probabilities = [], Value = scores[0] };
            case ClassificationTask.MultiLabel:
                double[] each = [.. scores.ToArray().Select(score => 1 / (1 + Math.Exp(-score)))];
                return new() { Labels = [.. Labels.Names.Where((_, i) => each[i] >= 0.5)], Probabilities = each };
            default:
                double[] all = HeadModel.Softmax(scores);
                return new() { Labels = [Labels[Array.IndexOf(all, all.Max())]], Probabilities = all };
        }
    }
}
