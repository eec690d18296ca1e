// M positions, V vocabulary, B sequences, T tokens, S tokens that are seen, H heads, C embedding
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>The distances between student and teacher, each position for itself. The teacher's side has no gradient.</summary>
internal static class DistillationLosses
{
    /// <summary>The logarithms of what scores say at a temperature, (M, V) → (M, V).</summary>
    internal static Tensor Logs(Tensor scores, double temperature) => nn.functional.log_softmax(Precise(scores) / temperature, -1);

    /// <summary>The logarithms of a weighted mean of distributions, given by their logarithms, (M, V) → (M, V).</summary>
    internal static Tensor Mixture(IReadOnlyList<(Tensor Logs, double Weight)> parts) =>
        parts.Count == 1 ? parts[0].Logs : stack([.. parts.Select(part => part.Logs + Math.Log(part.Weight))]).logsumexp(0);

    /// <summary>T² times the divergence of the tokens' distributions, (M, V) → (M): the factor keeps the gradient's size when T changes (Hinton et al. 2015, section 2.1).</summary>
    /// <param name="student">Scores, (M, V).</param>
    /// <param name="teacher">The logarithms of the teacher's distribution at the temperature, (M, V).</param>
    /// <param name="temperature">T.</param>
    /// <param name="divergence">Which.</param>
    internal static Tensor Soft(Tensor student, Tensor teacher, double temperature, DistillationDivergence divergence)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = Logs(student, temperature), p = teacher.to(q.dtype);
        Tensor sum = divergence switch
        {
            DistillationDivergence.ForwardKl => Kl(p, q),
            DistillationDivergence.ReverseKl => Kl(q, p),
            DistillationDivergence.SymmetricKl => (Kl(p, q) + Kl(q, p)) / 2,
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

    /// <summary>KL(teacher‖student) of how like the values of two tokens are, softmax(V·Vᵀ/√D), the mean over heads, (B, H, T, D) → (B, T); D may differ.</summary>
    /// <param name="student">(B, H, T, D).</param>
    /// <param name="teacher">(B, H, T, D).</param>
    /// <param name="isToken">Where there is a token, (B, T).</param>
    internal static Tensor ValueRelation(Tensor student, Tensor teacher, Tensor isToken)
    {
        Tensor hidden = isToken.logical_not().unsqueeze(1).unsqueeze(1);   // (B, 1, 1, T)
        return Relation(Alike(student), Alike(teacher));

        Tensor Alike(Tensor values)
        {
            Tensor v = Precise(values);
            return matmul(v / Math.Sqrt(v.size(-1)), v.transpose(-2, -1)).masked_fill(hidden, -1e30).softmax(-1);   // (B, H, T, T); not −∞, so that a row without tokens is a number
        }
    }

    internal static Tensor Precise(Tensor x) => x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32);

    private static Tensor Kl(Tensor p, Tensor q) => (p.exp() * (p - q)).sum(-1);

    private static Tensor JensenShannon(Tensor p, Tensor q)
    {
        Tensor middle = p.logaddexp(q) - Math.Log(2);
        return (Kl(p, middle) + Kl(q, middle)) / 2;
    }
}
