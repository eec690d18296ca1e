// T tokens
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary>Windows of a text, spread over the whole of it, each as long as the model's context.</summary>
internal sealed class CalibrationWindows
{
    private readonly List<(Tensor Ids, Tensor Targets)> _windows = [];

    /// <summary>The most tokens of a window: a model that reads a hundred thousand would need more memory for one than there is.</summary>
    internal const int LongestWindow = 2048;

    /// <summary>Reads them. The tensors belong to the current dispose scope.</summary>
    /// <param name="session">The call of the tool.</param>
    /// <param name="folder">What <c>--model</c> says.</param>
    /// <param name="model">The model.</param>
    /// <param name="corpus">The text.</param>
    /// <param name="samples">The most windows.</param>
    public CalibrationWindows(Session session, string folder, ITransformerModel model, TextCorpus corpus, int samples)
    {
        if (model is ISequenceToSequenceModel || ModelFolder.Sizes(model) is not { } sizes)
            throw new UsageException($"--model ({folder}) holds a {model.ModelType} model; --data is read by one that takes one text. Use --method rtn or nf4.");
        int context = Math.Min(LongestWindow, sizes.Context);
        using var tokens = new ScratchTokens(session, corpus, ModelFolder.LoadTokenizer(folder, model));
        var windows = new EvaluationWindows(tokens.Store.All, context);
        int count = (int)Math.Min(samples, windows.Count);
        for (int i = 0; i < count; i++)
        {
            long window = windows.Count * i / count;
            long[] ids = new long[context], targets = new long[context];
            windows.Fill(window, ids, targets, 1);
            int length = windows.ValidLength(window);
            _windows.Add((tensor(ids[..length], [1, length]), tensor(targets[..length], [1, length])));   // (1, T)
        }
    }

    /// <summary>What the model reads.</summary>
    public IReadOnlyList<ModelInput> Inputs => [.. _windows.Select(window => new ModelInput { Ids = window.Ids })];

    /// <summary>The mean loss per token.</summary>
    public double Loss(ICausalLanguageModel model, CancellationToken cancellation)
    {
        using IDisposable mode = no_grad();
        double sum = 0;
        foreach (var (ids, targets) in _windows)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            sum += model.Loss(ids, targets, 1).item<float>();
        }
        return sum / _windows.Sum(window => window.Ids.numel());
    }
}
