// B sequences, U tokens of the decoder
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>What a decoder reads when it is trained: the sequence that it is to write, one place further right.</summary>
internal static class DecoderInputs
{
    /// <summary>Completes an input for training: without ids of the decoder these are made from the targets, and without a mask what lies behind a sequence's last target is not computed.</summary>
    /// <param name="input">The source, and perhaps the decoder's ids.</param>
    /// <param name="targets">(B, U): the decoder's next token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="start">The token that sequences begin with.</param>
    /// <param name="padding">The token in the place of a target that does not count; null for <paramref name="start"/>.</param>
    internal static ModelInput Of(ModelInput input, Tensor targets, int start, int? padding)
    {
        if (targets.ndim != 2 || targets.numel() == 0) throw new ArgumentException($"targets must be (B, U) and not empty, not ({string.Join(", ", targets.shape)}).", nameof(targets));
        if (input.DecoderIds is { } given && !given.shape.SequenceEqual(targets.shape))
            throw new ArgumentException($"The targets ({string.Join(", ", targets.shape)}) must have the shape of {nameof(ModelInput.DecoderIds)} ({string.Join(", ", given.shape)}).", nameof(targets));
        if (targets.dtype != ScalarType.Int64) throw new ArgumentException($"targets must be 64-bit integers, not {targets.dtype}.", nameof(targets));
        return input with { DecoderIds = input.DecoderIds ?? ShiftRight(targets, start, padding), DecoderAttentionMask = input.DecoderAttentionMask ?? UpToLastTarget(targets) };
    }

    /// <summary>(B, U) → (B, U): the start, and then each target but the last.</summary>
    internal static Tensor ShiftRight(Tensor targets, int start, int? padding)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor first = full([targets.size(0), 1], start, dtype: ScalarType.Int64, device: targets.device);
        Tensor shifted = cat([first, targets.narrow(1, 0, targets.size(1) - 1)], 1);
        return scope.MoveToOuter(shifted.masked_fill(shifted.eq(CrossEntropy.Ignored), padding ?? start));
    }

    /// <summary>No token sees what follows it, so nothing behind the last target matters. Null where that is nothing, or no target is left.</summary>
    private static Tensor? UpToLastTarget(Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] all = targets.cpu().contiguous().data<long>().ToArray();
        int width = (int)targets.size(1);
        long[] keep = new long[all.Length];
        for (int row = 0; row < targets.size(0); row++)
        {
            int count = all.AsSpan(row * width, width).LastIndexOfAnyExcept(CrossEntropy.Ignored) + 1;
            keep.AsSpan(row * width, count).Fill(1);
        }
        return keep.All(k => k == 1) || keep.All(k => k == 0) ? null : scope.MoveToOuter(tensor(keep, targets.shape));
    }
}
