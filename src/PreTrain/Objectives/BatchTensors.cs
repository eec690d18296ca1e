using PreTrain.Models;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>A batch on a model's device.</summary>
internal static class BatchTensors
{
    /// <summary>What the model reads, and the targets. They belong to the current dispose scope.</summary>
    internal static (ModelInput Input, Tensor Targets) Of(Batch batch, Device device)
    {
        Tensor Rows(long[] values) => tensor(values, [batch.Rows, values.Length / batch.Rows]).to(device);
        var input = new ModelInput
        {
            Ids = Rows(batch.Inputs),
            AttentionMask = batch.AttentionMask is { } mask ? Rows(mask) : null,
            TokenTypeIds = batch.TokenTypes is { } types ? Rows(types) : null,
            PrefixLengths = batch.PrefixLengths,
        };
        return (input, Rows(batch.Targets));
    }
}
