using System.Globalization;
using PreTrain.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>The files of optimizers: named tensors and the number of steps.</summary>
internal static class OptimizerState
{
    internal static void Save(string path, IOptimizer optimizer)
    {
        using DisposeScope scope = NewDisposeScope();
        SafetensorsWriter.Write(path, optimizer.State(), new Dictionary<string, string> { ["step"] = optimizer.StepCount.ToString(CultureInfo.InvariantCulture) });
    }

    /// <returns>The number of steps.</returns>
    internal static long Load(string path, IOptimizer optimizer)
    {
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue("step", out string? text) || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step))
            throw new CheckpointException(path, "its header has no step; it is not the state of an optimizer.");
        (string Name, Tensor View)[] tensors = [.. optimizer.State()];
        if (file.Names.Except(tensors.Select(t => t.Name)).FirstOrDefault() is { } unknown)
            throw new CheckpointException(path, unknown, "the model has no such trainable parameter.");
        foreach (var (name, view) in tensors) file.ReadInto(name, view);
        return step;
    }
}
