using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>Finds the positions that have a target, so that a head computes no others.</summary>
internal static class MaskedTargets
{
    /// <summary>The rows that have a target, and their targets.</summary>
    /// <param name="targets">(N): a class, or <see cref="CrossEntropy.Ignored"/>.</param>
    internal static (Tensor Rows, Tensor Classes) Select(Tensor targets)
    {
        Tensor rows = targets.ne(CrossEntropy.Ignored).nonzero().view(-1);   // (M)
        return (rows, targets.index_select(0, rows));
    }
}
