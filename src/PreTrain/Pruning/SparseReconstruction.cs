// O outputs, I inputs, B inputs of a block
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>SparseGPT (Frantar and Alistarh 2023, algorithm 1): weights go input by input, and those of later inputs take over what the outputs lose.</summary>
internal static class SparseReconstruction
{
    /// <summary>The weight with its zeros.</summary>
    /// <param name="weight">W, (O, I).</param>
    /// <param name="products">The Hessian, twice the mean of x·xᵀ over the calibration, (I, I), in 64 bits; finite.</param>
    /// <param name="options">How many weights go, damping and block size.</param>
    /// <returns>(O, I), in 64 bits.</returns>
    internal static Tensor Apply(Tensor weight, Tensor products, PruningOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rest = weight.to(ScalarType.Float64).clone();
        Tensor inverse = InverseFactor(products, rest, options.Damping), diagonal = inverse.diagonal();
        long outputs = rest.size(0), inputs = rest.size(1);
        for (long first = 0; first < inputs; first += options.BlockSize)
        {
            using DisposeScope block = NewDisposeScope();
            long count = Math.Min(options.BlockSize, inputs - first), end = first + count;
            Tensor values = rest.narrow(1, first, count), factor = inverse.narrow(0, first, count).narrow(1, first, count), scale = diagonal.narrow(0, first, count);
            Tensor errors = zeros_like(values);
            // Counted from the first input on, so that the blocks' roundings do not add up.
            Tensor gone = options.Pattern is not null
                ? zeros(values.shape, dtype: ScalarType.Bool, device: values.device)
                : PruningMasks.Lowest(Scores(values, scale).reshape(-1), PruningMasks.Count(outputs * end, options.Sparsity) - PruningMasks.Count(outputs * first, options.Sparsity)).view(values.shape);
            for (long i = 0; i < count; i++)
            {
                using DisposeScope column = NewDisposeScope();
                if (options.Pattern is { } pattern && i % pattern.Group == 0)
                    gone.narrow(1, i, pattern.Group).copy_(PruningMasks.Lowest(Scores(values.narrow(1, i, pattern.Group), scale.narrow(0, i, pattern.Group)), pattern.Group - pattern.Kept));
                Tensor lost = gone.narrow(1, i, 1).to(ScalarType.Float64) * values.narrow(1, i, 1) / scale.narrow(0, i, 1);   // (O, 1)
                errors.narrow(1, i, 1).copy_(lost);
                values.narrow(1, i, count - i).sub_(matmul(lost, factor.narrow(0, i, 1).narrow(1, i, count - i)));
                values.narrow(1, i, 1).masked_fill_(gone.narrow(1, i, 1), 0);
            }
            if (end < inputs) rest.narrow(1, end, inputs - end).sub_(matmul(errors, inverse.narrow(0, first, count).narrow(1, end, inputs - end)));
        }
        return scope.MoveToOuter(rest);
    }

    /// <summary>What the outputs lose with a weight, (O, B).</summary>
    private static Tensor Scores(Tensor values, Tensor scale) => (values / scale).pow(2);

    /// <summary>The upper factor of the inverse of the damped Hessian, (I, I). Inputs that were always zero lose their weights.</summary>
    private static Tensor InverseFactor(Tensor products, Tensor rest, double damping)
    {
        Tensor hessian = products.clone();
        Tensor diagonal = hessian.diagonal();
        Tensor dead = diagonal.eq(0);
        diagonal.masked_fill_(dead, 1);
        rest.masked_fill_(dead.unsqueeze(0), 0);
        diagonal.add_(diagonal.mean() * damping);
        return linalg.cholesky(linalg.cholesky(hessian).cholesky_inverse()).t().contiguous();
    }
}
