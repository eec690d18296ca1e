// B batch, T tokens, C embedding, H heads, D = C/H width of a head
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Causal multi-head self-attention from the fused query–key–value product (Vaswani et al. 2017, section 3.2; Radford et al. 2019):
/// softmax(QKᵀ/√D + mask)·V. The mask is never materialized.
/// </summary>
public static class CausalAttention
{
    private static readonly bool s_hasMatrixUnit = Processor.HasBFloat16Matrices;

    /// <summary>Attends over the whole sequence at once.</summary>
    /// <param name="qkv">Queries, keys and values side by side, without their bias, (B·T, 3C).</param>
    /// <param name="bias">Their bias, (3C).</param>
    /// <param name="batch">B.</param>
    /// <param name="heads">H, a divisor of C.</param>
    /// <param name="dropout">The probability with which an attention weight is dropped.</param>
    /// <returns>The heads' outputs side by side, (B·T, C).</returns>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static Tensor Apply(Tensor qkv, Tensor bias, long batch, int heads, double dropout = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        long width = bias.numel() / 3;
        if (qkv.ndim != 2 || qkv.size(1) != bias.numel() || bias.numel() % (3 * heads) != 0 || qkv.size(0) % batch != 0)
            throw new ArgumentException(
                $"qkv ({string.Join(", ", qkv.shape)}) must be (B·T, 3C) with B = {batch}, a bias ({bias.numel()}) of 3C elements, and C divisible by {heads} heads.", nameof(qkv));
        bool kernel = dropout == 0 && TensorMemory.HasKernelsFor(qkv) && qkv.dtype == bias.dtype && width / heads % 16 == 0 && qkv.numel() > 0
            && qkv.is_contiguous() && bias.is_contiguous();
        if (dropout is > 0 and < 1 && TensorMemory.HasKernelsFor(qkv) && width / heads % 16 == 0 && qkv.numel() > 0) return Dropped(qkv + bias, batch, heads, dropout);
        if (!kernel) return Composed(qkv + bias, batch, heads, dropout);
        long length = qkv.size(0) / batch;
        return HasMatrixUnit(qkv.dtype) && Attention.HoldsScores(batch, heads, length, length) ? BatchedCausalAttention.apply(qkv, bias, batch, heads) : BlockedCausalAttention.apply(qkv, bias, batch, heads);
    }

    /// <summary>Attends from new tokens to all up to themselves, for cached generation.</summary>
    /// <param name="query">Of the new tokens, (B, H, T, D).</param>
    /// <param name="keys">Of all tokens, the new ones last, (B, H, S, D).</param>
    /// <param name="values">Likewise.</param>
    /// <returns>(B·T, C).</returns>
    public static Tensor Continue(Tensor query, Tensor keys, Tensor values)
    {
        long length = query.size(2), all = keys.size(2);
        Tensor? mask = length == 1 || length == all ? null : ones([length, all], dtype: ScalarType.Bool, device: query.device).tril_(all - length);
        Tensor y = WidenedProduct.Attention(query, keys, values, mask, 0, length > 1 && length == all);   // (B, H, T, D)
        return y.transpose(1, 2).reshape(query.size(0) * length, -1);
    }

    /// <summary>
    /// Whether libtorch multiplies this type on the processor's matrix unit (AMX), many times faster than vectors can: then two batched products a
    /// side are best, although they compute what the mask discards and keep the weights, as long as these are not too many. Otherwise attention block by block is.
    /// </summary>
    private static bool HasMatrixUnit(ScalarType type) => type == ScalarType.BFloat16 && s_hasMatrixUnit;

    private static Tensor Dropped(Tensor qkv, long batch, int heads, double dropout)
    {
        using DisposeScope scope = NewDisposeScope();
        PackedSequences sequences = PackedSequences.Full(batch, qkv.size(0) / batch);
        Tensor[] split = qkv.chunk(3, 1);   // (N, C) each
        return scope.MoveToOuter(Attention.Apply(split[0], split[1], split[2], sequences, sequences, AttentionMask.Causal, new() { HeadCount = heads, Dropout = dropout }).Rows);
    }

    private static Tensor Composed(Tensor qkv, long batch, int heads, double dropout)
    {
        long length = qkv.size(0) / batch, width = qkv.size(1) / 3;
        Tensor split = qkv.view(batch, length, 3, heads, width / heads).permute(2, 0, 3, 1, 4);   // (3, B, H, T, D)
        Tensor y = WidenedProduct.Attention(split[0], split[1], split[2], null, dropout, isCausal: true);   // (B, H, T, D)
        return y.transpose(1, 2).reshape(batch * length, width);
    }
}
