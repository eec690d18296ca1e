using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A model with a head and its tokenizer, as the predictors of this folder use it.</summary>
internal sealed class HeadModel : IDisposable
{
    private readonly bool _knowsTypes;

    /// <exception cref="ArgumentException">The model has another head, or its vocabulary is too small.</exception>
    internal HeadModel(ITransformerModel model, TextTokenizer tokenizer, ModelHead head, string task, int? contextLength)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (Length, _knowsTypes) = HeadRules.Require(model, tokenizer, head, task, contextLength);
        (Model, Tokenizer) = (model, tokenizer);
        var config = new ConfigReader(model.ToConfigJson(), "config.json");
        LabelCount = head == ModelHead.QuestionAnswering ? 2 : config.Labels();
        IsNamed = config.LabelNames() is not null;
        Labels = config.LabelNames() ?? new LabelSet(Enumerable.Range(0, LabelCount).Select(ModelLabels.Unnamed));
        Task = config.Task() ?? (LabelCount == 1 ? ClassificationTask.Regression : ClassificationTask.SingleLabel);   // as transformers takes it
    }

    internal ITransformerModel Model { get; }

    internal TextTokenizer Tokenizer { get; }

    /// <summary>The longest row.</summary>
    internal int Length { get; }

    internal int LabelCount { get; }

    internal LabelSet Labels { get; }

    /// <summary>Whether the model says what its labels are called.</summary>
    internal bool IsNamed { get; }

    internal ClassificationTask Task { get; }

    /// <summary>Loads a folder that was saved with the head, and trained.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="head">The head.</param>
    /// <param name="use">Makes the predictor, which owns the model from then on.</param>
    /// <exception cref="CheckpointException">A file is missing or broken, or holds no such head.</exception>
    internal static T Load<T>(string folder, ModelHead head, Func<ITransformerModel, TextTokenizer, T> use)
    {
        ITransformerModel model = AutoModel.FromPretrained(folder);
        try
        {
            if (model.Head != head) throw new CheckpointException(folder, $"it was saved with the head {model.Head}, and {head} is needed. Fine-tune it first.");
            if (LoadedWeights.Of(model) is { New: [var missing, ..] }) throw new CheckpointException(folder, missing, $"it is missing, so that the model has no trained head {head}. Fine-tune it first.");
            return use(model, TextTokenizer.Load(folder));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The row of a text or a pair, cut to the longest.</summary>
    internal TextWindow Row(string text, string? pair = null)
    {
        TokenEncoding encoding = Tokenizer.Tokenize(text, pair, new() { Truncation = new() { MaxLength = Length }, Padding = PaddingOptions.None });
        return new(Array.ConvertAll(encoding.Ids.ToArray(), id => (long)id), Array.ConvertAll(encoding.TypeIds.ToArray(), type => (long)type), []);
    }

    /// <summary>The scores of rows, without dropout and gradients.</summary>
    /// <param name="windows">The rows.</param>
    /// <returns>All scores in their order, and how many a row has; rows of tokens are filled up to the longest.</returns>
    /// <exception cref="NotFiniteNumberException">A score is not finite, and would be taken for the first class.</exception>
    internal (float[] Scores, int Width) Scores(IReadOnlyList<TextWindow> windows)
    {
        var module = (nn.Module)Model;
        bool training = module.training;
        module.eval();
        try
        {
            using IDisposable mode = no_grad();
            using DisposeScope scope = NewDisposeScope();
            var (input, _) = BatchTensors.Of(TextWindow.ToBatch(windows, [.. windows.Select(_ => new long[1])], Tokenizer.SpecialTokens.Padding ?? 0, _knowsTypes), Model.Device);
            float[] scores = Model.Forward(input).Logits.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
            if (!Array.TrueForAll(scores, float.IsFinite)) throw new NotFiniteNumberException("What the model says is not finite: its weights hold values that are not, or too large ones.");
            return (scores, scores.Length / windows.Count);
        }
        finally
        {
            module.train(training);
        }
    }

    /// <summary>Writes an ordinary Hugging Face folder.</summary>
    internal void Save(string folder)
    {
        Model.SavePretrained(folder);
        Tokenizer.Save(folder);
    }

    /// <summary>exp(z) over their sum.</summary>
    internal static double[] Softmax(ReadOnlySpan<float> scores)
    {
        double[] values = new double[scores.Length];
        double highest = double.NegativeInfinity, sum = 0;
        foreach (float score in scores) highest = Math.Max(highest, score);
        for (int i = 0; i < values.Length; i++) sum += values[i] = Math.Exp(scores[i] - highest);
        for (int i = 0; i < values.Length; i++) values[i] /= sum;
        return values;
    }

    public void Dispose() => Model.Dispose();
}
