// B texts, C what the last map of the head reads, K classes
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// Tells classes of which there are a few examples without training: a text is of the class whose mean, its prototype, is nearest (Snell, Swersky and Zemel 2017, "Prototypical Networks for Few-shot Learning").
/// The squared Euclidean distance to it is an affine function but for a term that all classes share, so that prototypes are the weights of an ordinary classifier: w = 2·c, b = −c·c (section 2.4, equation 8).
/// </summary>
public static class PrototypicalHead
{
    /// <summary>Sets the last map of a model's classification head from prototypes; the softmax of its scores is then that of the negative squared distances.</summary>
    /// <param name="model">A model with a classification head that has a bias, and as many labels.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="support">Some examples of each class.</param>
    /// <param name="batchSize">Texts that are read at once.</param>
    /// <exception cref="ArgumentException">The model has no such head or other labels; a class has no example, or texts have other than one label.</exception>
    public static void Fit(ITransformerModel model, TextTokenizer tokenizer, LabelledTexts support, int batchSize = 32)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        int[] counts = ClassBalance.Counts(support, all: true);
        if (support.ArePairs) throw new ArgumentException("Prototypes are of single texts.", nameof(support));
        var head = new HeadModel(model, tokenizer, ModelHead.SequenceClassification, "prototypes", null);
        Projection map = ((nn.Module)model).named_modules().Where(m => m.name is "classifier" or "classifier.output" or "sequence_classifier.output").Select(m => m.module).OfType<Projection>().Last();
        if (map.weight.size(0) != counts.Length) throw new ArgumentException($"The model has {map.weight.size(0)} labels, and the examples {counts.Length}; create it with LabelCount = {counts.Length}.", nameof(model));
        if (head.IsNamed && !support.Labels!.Equals(head.Labels))
            throw new ArgumentException($"The labels of the examples ({string.Join(", ", support.Labels!.Names)}) are not those of the model ({string.Join(", ", head.Labels.Names)}), in their order. Read the examples with its labels.", nameof(support));
        if (map.bias is null) throw new ArgumentException($"The head of a {model.ModelType} model has no bias, which distances need; take an encoder such as bert.", nameof(model));
        if (map.Transform is not null) throw new ArgumentException($"The head computes with a {map.Transform.GetType().Name}; take the adapter away first.", nameof(model));

        using var recording = new RecordingTransform();
        map.Transform = recording;
        try
        {
            using IDisposable mode = no_grad();
            using DisposeScope scope = NewDisposeScope();
            Tensor sums = zeros([counts.Length, map.weight.size(1)], dtype: ScalarType.Float32, device: model.Device);   // (K, C)
            for (int first = 0; first < support.Count; first += batchSize)
            {
                using DisposeScope batch = NewDisposeScope();
                LabelledText[] examples = [.. support.Examples.Skip(first).Take(batchSize)];
                head.Scores([.. examples.Select(e => head.Row(e.Text))]);
                using Tensor read = recording.Take();
                sums.index_add_(0, tensor(examples.Select(e => (long)e.Labels[0]).ToArray(), device: model.Device), read.to(ScalarType.Float32), 1);
            }
            Tensor prototypes = sums / tensor(Array.ConvertAll(counts, count => (float)count), device: model.Device).unsqueeze(1);
            map.weight.copy_(prototypes * 2);
            map.bias.copy_(-prototypes.square().sum([1]));
        }
        finally
        {
            map.Transform = null;
        }
    }
}
