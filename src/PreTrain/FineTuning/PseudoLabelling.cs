// B texts, T tokens, L labels
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>Lets a model label texts that nobody has labelled, where it is sure, and learns from them too (Lee 2013; in rounds, Yarowsky 1995).</summary>
public static class PseudoLabelling
{
    /// <summary>The texts of whose class a model is sure, with that class, in their order.</summary>
    /// <param name="model">A model with a classification head, one output for each label.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="texts">Texts without labels.</param>
    /// <param name="options">How sure; null for the usual.</param>
    /// <exception cref="ArgumentException">An option is out of range, a text is empty, or the model has no such head.</exception>
    public static IReadOnlyList<LabelledText> Label(ITransformerModel model, TextTokenizer tokenizer, IReadOnlyList<string> texts, PseudoLabellingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        RequireTexts(texts, nameof(texts));
        options ??= new();
        options.Validate();
        var classifier = new TextClassifier(model, tokenizer);   // the model stays the caller's to dispose
        if (classifier.Task != ClassificationTask.SingleLabel) throw new ArgumentException($"The model's head is for {classifier.Task}, and one of at least two classes is needed.", nameof(model));
        var sure = new List<(int Place, int Label, double Probability)>();
        foreach (var (place, said) in classifier.Predict(texts, null, options.BatchSize).Index())
        {
            int label = classifier.Labels.Find(said.Labels[0])!.Value;
            if (said.Probabilities[label] >= options.Threshold) sure.Add((place, label, said.Probabilities[label]));
        }
        IEnumerable<(int Place, int Label, double Probability)> taken = options.MostOfClass == 0 ? sure
            : sure.GroupBy(text => text.Label).SelectMany(same => same.OrderByDescending(text => text.Probability).ThenBy(text => text.Place).Take(options.MostOfClass));
        return [.. taken.OrderBy(text => text.Place).Select(text => new LabelledText { Text = texts[text.Place], Labels = [text.Label] })];
    }

    /// <summary>Trains on the labelled texts, labels the others, trains on both, and so on. What was labelled in a round is labelled anew in the next.</summary>
    /// <param name="labelled">Texts with one label each.</param>
    /// <param name="unlabelled">Texts without.</param>
    /// <param name="tokenizer">The models' tokenizer.</param>
    /// <param name="train">Trains a model in a round, from 0, on texts; it is disposed when it has labelled.</param>
    /// <param name="options">How sure, and how often; null for the usual.</param>
    /// <returns>The labelled texts and behind them those of the last round, to train on at last; and how many each round took.</returns>
    /// <exception cref="ArgumentException">An option is out of range, the texts have other than one label or are pairs, a text without label is empty, or a model has no classification head.</exception>
    public static (LabelledTexts Texts, IReadOnlyList<int> Taken) Run(LabelledTexts labelled, IReadOnlyList<string> unlabelled, TextTokenizer tokenizer, Func<int, LabelledTexts, ITransformerModel> train,
        PseudoLabellingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(labelled);
        ArgumentNullException.ThrowIfNull(train);
        options ??= new();
        options.Validate();
        if (labelled.Task != ClassificationTask.SingleLabel || labelled.ArePairs) throw new ArgumentException("Pseudo-labels are for single texts with one label each.", nameof(labelled));
        RequireTexts(unlabelled, nameof(unlabelled));
        LabelledTexts known = labelled;
        var taken = new List<int>();
        for (int round = 0; round < options.Rounds; round++)
        {
            using ITransformerModel model = train(round, known);
            IReadOnlyList<LabelledText> more = Label(model, tokenizer, unlabelled, options);
            taken.Add(more.Count);
            known = new LabelledTexts([.. labelled.Examples, .. more], labelled.Labels);
        }
        return (known, taken);
    }

    private static void RequireTexts(IReadOnlyList<string> texts, string name)
    {
        ArgumentNullException.ThrowIfNull(texts, name);
        for (int i = 0; i < texts.Count; i++)
            if (string.IsNullOrWhiteSpace(texts[i])) throw new ArgumentException($"Text {i} is empty; leave it out.", name);
    }
}
