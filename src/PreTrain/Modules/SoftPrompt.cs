// P virtual tokens, N rows (the tokens that are there, virtual ones included), V vocabulary, C embedding
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Embeddings of virtual tokens, which stand before each sequence as if they were its first tokens (Lester, Al-Rfou and Constant 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning", section 2).</summary>
internal sealed class SoftPrompt : nn.Module
{
    /// <summary>(P, C).</summary>
    internal readonly Parameter embeddings;

    /// <param name="initial">(P, C), which is copied.</param>
    internal SoftPrompt(Tensor initial) : base(nameof(SoftPrompt))
    {
        embeddings = new Parameter(initial.detach().to(ScalarType.Float32).clone());
        embeddings.DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>P.</summary>
    internal int Length => (int)embeddings.size(0);

    /// <summary>The embeddings of tokens, those of the first ones of each sequence in the place of theirs.</summary>
    /// <param name="prompt">The virtual tokens; null for none.</param>
    /// <param name="table">(V, C).</param>
    /// <param name="ids">(N) of 64-bit integers, any for virtual tokens.</param>
    /// <param name="sequences">The sequences of the rows, each of which begins with the virtual tokens.</param>
    /// <returns>(N, C).</returns>
    internal static Tensor Embed(SoftPrompt? prompt, Tensor table, Tensor ids, PackedSequences sequences)
    {
        Tensor rows = table.index_select(0, ids);
        if (prompt is null) return rows;
        long[] order = new long[sequences.Rows];
        for (int b = 0; b < sequences.Count; b++)
        {
            for (int t = 0; t < sequences.Lengths[b]; t++) order[sequences.Starts[b] + t] = t < prompt.Length ? sequences.Rows + t : sequences.Starts[b] + t;
        }
        return cat([rows, prompt.embeddings], 0).index_select(0, tensor(order, device: rows.device));
    }
}
