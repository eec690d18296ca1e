// B sequences, T tokens, L tokens of the longest sequence, C embedding
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>What a student's layers lose to its teacher's: those of an encoder, or of a decoder.</summary>
/// <param name="What">The stack, for messages.</param>
/// <param name="Present">Where there is a token, (B, T), in 64-bit integers.</param>
/// <param name="Weights">What each token's loss counts, (B, T), in 32 bits; 0 for none.</param>
internal sealed record LayerStack(string What, Tensor Present, Tensor Weights)
{
    /// <summary>The hidden states' and the attention's part of the loss, a 32-bit scalar; null for none.</summary>
    internal Tensor? Loss(DistillationOptions options, StackStates student, StackStates teacher, Projection? embeddingMap, Projection? hiddenMap)
    {
        Tensor? sum = null;
        if (options.WantsHiddenStates)
        {
            var (own, theirs) = (student.Hidden!, teacher.Hidden!);
            if (options.HiddenWeight > 0)
            {
                IReadOnlyList<int> pairs = LayerPairs.Of(options.LayerMap, own.Count - 1, theirs.Count - 1);
                Add(options.HiddenWeight, DistillationLosses.Hidden(Mapped(own[0], theirs[0], embeddingMap), theirs[0]));
                for (int layer = 0; layer < pairs.Count; layer++)
                {
                    Tensor followed = theirs[pairs[layer] + 1];
                    Add(options.HiddenWeight, DistillationLosses.Hidden(Mapped(own[layer + 1], followed, hiddenMap), followed));
                }
            }
            if (options.CosineWeight > 0) Add(options.CosineWeight, DistillationLosses.Cosine(Mapped(own[^1], theirs[^1], hiddenMap), theirs[^1]));
        }
        if (options.WantsAttentions)
        {
            var (own, theirs) = (student.Attentions!, teacher.Attentions!);
            RequireHeads(own[0], theirs[0]);
            Tensor keys = Present.sum([1]), weights = Placed(own[0].size(2));   // (B), (B, L)
            IReadOnlyList<int> pairs = options.AttentionWeight > 0 ? LayerPairs.Of(options.LayerMap, own.Count, theirs.Count) : [];
            for (int layer = 0; layer < pairs.Count; layer++)
                Add(options.AttentionWeight, DistillationLosses.Attention(own[layer], theirs[pairs[layer]], keys.clamp_min(1)), weights);
            if (options.RelationWeight > 0) Add(options.RelationWeight, DistillationLosses.Relation(own[^1], theirs[^1]), weights);
        }
        if (options.WantsValues)
        {
            var (own, theirs) = (student.Values![^1], teacher.Values![^1]);
            RequireHeads(own, theirs);
            Add(options.ValueRelationWeight, DistillationLosses.ValueRelation(own, theirs, IsRow(own.size(2))), Placed(own.size(2)));
        }
        return sum;

        void Add(double weight, Tensor perToken, Tensor? weights = null)
        {
            Tensor part = (perToken * (weights ?? Weights).to(perToken.dtype)).sum() * weight;
            sum = sum is null ? part : sum + part;
        }
    }

    private void RequireHeads(Tensor own, Tensor theirs)
    {
        if (own.size(1) != theirs.size(1))
            throw new ArgumentException($"The student's {What} has {own.size(1)} heads and the teacher's {theirs.size(1)}; to compare attention they must have as many. Leave out the weights of attention and relations.");
    }

    /// <summary>The tokens' weights in the rows of attention. (B, T) → (B, L)</summary>
    private Tensor Placed(long longest)
    {
        Tensor isRow = IsRow(longest);
        return zeros(isRow.shape, dtype: Weights.dtype, device: Weights.device).masked_scatter(isRow, Weights.masked_select(Present.ne(0)));
    }

    /// <summary>Where attention has a token: there the tokens of a sequence follow each other, and what is missing is behind them. (B, L)</summary>
    private Tensor IsRow(long longest) => arange(longest, dtype: ScalarType.Int64, device: Present.device).unsqueeze(0).lt(Present.ne(0).sum([1]).unsqueeze(1));

    private Tensor Mapped(Tensor own, Tensor theirs, Projection? map)
    {
        Tensor mapped = map is null ? own : map.forward(own);
        if (mapped.size(-1) == theirs.size(-1)) return mapped;
        throw new ArgumentException($"The hidden states of the student's {What} have {mapped.size(-1)} features and the teacher's {theirs.size(-1)}. "
            + $"Leave out the weights of hidden states and of their cosine, or train a ProjectedStudent with a ProjectedDistillation, whose maps are learned along.");
    }
}
