// P virtual tokens, B sequences, T tokens
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>Makes room for virtual tokens at the beginning of a batch, and takes it away again.</summary>
internal static class VirtualTokens
{
    /// <summary>How many positions a model's virtual tokens take, by which its sequences have to be shorter.</summary>
    internal static int Count(SoftPrompt? prompt, AttentionPrefix? prefix) => (prompt?.Length ?? 0) + (prefix?.Length ?? 0);

    /// <summary>The input with P more columns at its left.</summary>
    internal static ModelInput Extend(SoftPrompt? prompt, ModelInput input) => prompt is null ? input : input with
    {
        Ids = Left(input.Ids!, prompt.Length, 0),
        AttentionMask = input.AttentionMask is { } mask ? Left(mask, prompt.Length, 1) : null,
        TokenTypeIds = input.TokenTypeIds is { } types ? Left(types, prompt.Length, 0) : null,
        PrefixLengths = input.PrefixLengths is { } lengths ? [.. lengths.Select(length => length + prompt.Length)] : null,
    };

    /// <summary>(B, T) → (B, P + T), where virtual tokens have no target.</summary>
    internal static Tensor Targets(SoftPrompt? prompt, Tensor targets) => prompt is null ? targets : Left(targets, prompt.Length, CrossEntropy.Ignored);

    /// <summary>(B, P + T, …) → (B, T, …).</summary>
    internal static Tensor Drop(SoftPrompt? prompt, Tensor padded) => prompt is null ? padded : padded.narrow(1, prompt.Length, padded.size(1) - prompt.Length);

    /// <summary>Lets a cache that nothing was written into begin with a model's virtual tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="cache">With room for them.</param>
    /// <param name="batch">B.</param>
    /// <param name="read">Reads embeddings (B·P, C) into the cache.</param>
    internal static void Read<TModel>(TModel model, KeyValueCache cache, long batch, Action<Tensor> read) where TModel : nn.Module, IVirtualTokens
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        bool wasTraining = model.training;
        model.eval();
        if (model.PrefixedBlocks[0].Prefix is { } first)
        {
            for (int layer = 0; layer < model.PrefixedBlocks.Count; layer++)
            {
                var (keys, values) = model.PrefixedBlocks[layer].Prefix!.Of(batch, model.KeyValueHeadCount);
                cache.Append(layer, keys, values);
            }
            cache.Advance(first.Length);
        }
        if (model.Prompt is { } prompt) read(prompt.embeddings.unsqueeze(0).expand(batch, -1, -1).reshape(batch * prompt.Length, -1));
        cache.Keep();
        if (wasTraining) model.train();
    }

    private static Tensor Left(Tensor rows, int count, long value) => cat([full([rows.size(0), count], value, dtype: rows.dtype, device: rows.device), rows], 1);
}
