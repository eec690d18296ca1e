// M positions, V vocabulary, B sequences, T tokens, S tokens that are seen, H heads, C embedding
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>The distances between student and teacher, each position for itself. The teacher's side has no gradient.</summary>
internal static class DistillationLosses
{
    /// <summary>T² times the divergence of the tokens' distributions, (M, V) → (M): the factor keeps the gradient's size when T changes (Hinton et al. 2015, section 2.1).</summary>
    internal static Tensor Soft(Tensor student, Tensor teacher, double temperature, DistillationDivergence divergence)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = nn.functional.log_softmax(Precise(student) / temperature, -1), p = nn.functional.log_softmax(Precise(teacher).to(q.dtype) / temperature, -1);
        Tensor sum = divergence switch
        {
            DistillationDivergence.ForwardKl => (p.exp() * (p - q)).sum(-1),
            DistillationDivergence.ReverseKl => (q.exp() * (q - p)).sum(-1),
            _ => JensenShannon(p, q),
        };
        return scope.MoveToOuter(sum * (temperature * temperature));
    }

    /// <summary>The squared error of hidden states, the mean over the features, (B, T, C) → (B, T).</summary>
    internal static Tensor Hidden(Tensor student, Tensor teacher) => (Precise(student) - Precise(teacher)).pow(2).mean([-1]);

    /// <summary>1 − cos of hidden states, (B, T, C) → (B, T).</summary>
    internal static Tensor Cosine(Tensor student, Tensor teacher) => 1 - nn.functional.cosine_similarity(Precise(student), Precise(teacher), -1);

    /// <summary>The squared error of attention weights, the mean over heads and keys, (B, H, T, S) → (B, T).</summary>
    /// <param name="student">(B, H, T, S).</param>
    /// <param name="teacher">(B, H, T, S).</param>
    /// <param name="keys">The keys of each sequence, (B).</param>
    internal static Tensor Attention(Tensor student, Tensor teacher, Tensor keys)
    {
        Tensor squares = (Precise(student) - Precise(teacher)).pow(2).sum([-1]).mean([1]);   // (B, T)
        return squares / keys.to(squares.dtype).unsqueeze(1);
    }

    /// <summary>KL(teacher‖student) of attention weights, the mean over heads, (B, H, T, S) → (B, T). A key that the teacher does not see counts nothing.</summary>
    internal static Tensor Relation(Tensor student, Tensor teacher)
    {
        Tensor q = Precise(student), p = Precise(teacher).to(q.dtype);
        const double Least = 1e-30;   // log 0 would turn the zeros of p into no number
        return (p * (p.clamp_min(Least).log() - q.clamp_min(Least).log())).sum([-1]).mean([1]);
    }

    internal static Tensor Precise(Tensor x) => x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32);

    private static Tensor JensenShannon(Tensor p, Tensor q)
    {
        Tensor middle = p.logaddexp(q) - Math.Log(2);
        return (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(-1) / 2;
    }
}
