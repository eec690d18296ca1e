using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.FineTuning;

/// <summary>Finds names in texts, and their types, with a model that <see cref="TokenClassification"/> trained or that Hugging Face transformers saved. Texts of any length are read, in rows that overlap.</summary>
public sealed class NameFinder : IDisposable
{
    private const int DefaultBatchSize = 32;

    private readonly HeadModel _head;

    /// <summary>Uses a model, which it owns from now on.</summary>
    /// <param name="model">A model with the head <see cref="ModelHead.TokenClassification"/>, whose labels are tags of IOB2.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="contextLength">The longest row; null for the model's.</param>
    /// <exception cref="ArgumentException">The model has another head or other labels, or its vocabulary is too small.</exception>
    public NameFinder(ITransformerModel model, TextTokenizer tokenizer, int? contextLength = null)
    {
        _head = new(model, tokenizer, ModelHead.TokenClassification, "a tagging of words", contextLength);
        if (Tags.Names.FirstOrDefault(tag => TagScheme.Read(tag) is null) is { } strange) throw new ArgumentException($"The model's label '{strange}' must be O, B-TYPE or I-TYPE.", nameof(model));
    }

    /// <summary>The model.</summary>
    public ITransformerModel Model => _head.Model;

    /// <summary>The tokenizer.</summary>
    public TextTokenizer Tokenizer => _head.Tokenizer;

    /// <summary>The tags.</summary>
    public LabelSet Tags => _head.Labels;

    /// <summary>Loads a folder.</summary>
    /// <param name="folder">Holds <c>config.json</c>, <c>model.safetensors</c> and <c>tokenizer.json</c>.</param>
    /// <param name="contextLength">The longest row; null for the model's.</param>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or there is no trained head.</exception>
    /// <exception cref="TokenizerException">The tokenizer is missing or broken.</exception>
    public static NameFinder FromPretrained(string folder, int? contextLength = null) =>
        HeadModel.Load(folder, ModelHead.TokenClassification, (model, tokenizer) => new NameFinder(model, tokenizer, contextLength));

    /// <summary>Finds names in plain texts, whose words are those of <see cref="TaggedText.WordsOf"/>.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="batchSize">Rows that are computed together.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>What is said of each, in their order.</returns>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyList<TaggedWords> Predict(IReadOnlyList<string> texts, int batchSize = DefaultBatchSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return Predict([.. texts.Select(text => (text, TaggedText.WordsOf(text)))], batchSize, cancellationToken);
    }

    /// <summary>Measures on tagged texts.</summary>
    /// <param name="texts">Texts with the finder's tags.</param>
    /// <param name="batchSize">Rows that are computed together.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>By name: precision, recall and f1 of all names together, their macroF1 over the types, and the accuracy of the tags.</returns>
    /// <exception cref="ArgumentException">The texts have other tags.</exception>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(TaggedTexts texts, int batchSize = DefaultBatchSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (!texts.Tags.Equals(Tags))
            throw new ArgumentException($"The tags of the texts ({string.Join(", ", texts.Tags.Names)}) are not those of the model ({string.Join(", ", Tags.Names)}), in their order. Read the texts with its tags.", nameof(texts));
        IReadOnlyList<TaggedWords> said = Predict([.. texts.Examples.Select(example => (example.Text, example.Words))], batchSize, cancellationToken);
        string[][] wanted = [.. texts.Examples.Select(example => example.Tags.Select(tag => Tags[tag]).ToArray())];
        var metrics = new EntityMetrics(wanted, [.. said.Select(words => words.Tags)]);
        long right = wanted.Zip(said, (w, s) => w.Zip(s.Tags, (a, b) => a == b).LongCount(same => same)).Sum();
        return new Dictionary<string, double>
        {
            ["precision"] = metrics.Micro.Precision,
            ["recall"] = metrics.Micro.Recall,
            ["f1"] = metrics.Micro.F1,
            ["macroF1"] = metrics.Macro.F1,
            ["accuracy"] = (double)right / wanted.Sum(tags => tags.Length),
        };
    }

    /// <summary>Writes the model and the tokenizer as an ordinary Hugging Face folder.</summary>
    /// <param name="folder">Created where it is missing.</param>
    public void SavePretrained(string folder) => _head.Save(folder);

    /// <inheritdoc/>
    public void Dispose() => _head.Dispose();

    private List<TaggedWords> Predict(IReadOnlyList<(string Text, IReadOnlyList<TokenSpan> Words)> texts, int batchSize, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        TextWindow[][] windows = [.. texts.Select(text => TextWindow.Cut(Tokenizer, text.Text, null, _head.Length, TokenClassification.StrideOf(_head.Length)))];
        TextWindow[] rows = [.. windows.SelectMany(w => w)];
        var scores = new float[rows.Length][];
        for (int first = 0; first < rows.Length; first += batchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TextWindow[] batch = rows[first..Math.Min(rows.Length, first + batchSize)];
            var (all, width) = _head.Scores(batch);
            for (int row = 0; row < batch.Length; row++) scores[first + row] = all[(row * width)..((row + 1) * width)];
        }
        var results = new List<TaggedWords>(texts.Count);
        int at = 0;
        for (int i = 0; i < texts.Count; i++)
        {
            results.Add(Read(texts[i].Text, texts[i].Words, windows[i], scores.AsSpan(at, windows[i].Length)));
            at += windows[i].Length;
        }
        return results;
    }

    private TaggedWords Read(string text, IReadOnlyList<TokenSpan> words, TextWindow[] windows, ReadOnlySpan<float[]> scores)
    {
        (int Window, int Token)?[] places = WordPieces.First(windows, words);
        string[] tags = new string[words.Count];
        double[] probabilities = new double[words.Count];
        for (int w = 0; w < tags.Length; w++)
        {
            (tags[w], probabilities[w]) = (TagScheme.Outside, 1);
            if (places[w] is not var (window, token)) continue;
            double[] all = HeadModel.Softmax(scores[window].AsSpan(token * _head.LabelCount, _head.LabelCount));
            int best = Array.IndexOf(all, all.Max());
            // A token of several words has the tag of the first, and the others go on with it.
            if (w > 0 && places[w] == places[w - 1]) best = TagScheme.Continued(Tags, best);
            (tags[w], probabilities[w]) = (Tags[best], all.Max());
        }
        return new(words, tags, probabilities, [.. Names(text, words, tags, probabilities)]);
    }

    private static IEnumerable<FoundName> Names(string text, IReadOnlyList<TokenSpan> words, string[] tags, double[] probabilities)
    {
        for (int first = 0; first < tags.Length;)
        {
            int end = first + 1;
            if (TagScheme.Read(tags[first])!.Value.Type is not { } type)
            {
                first = end;
                continue;
            }
            while (end < tags.Length && TagScheme.Read(tags[end]) is (false, { } next) && next == type) end++;
            var (from, to) = (words[first].Start, words[end - 1].End);
            yield return new(type, from, to, text[from..to], probabilities[first..end].Average());
            first = end;
        }
    }
}
