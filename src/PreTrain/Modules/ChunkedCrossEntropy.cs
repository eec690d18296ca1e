// N rows (positions), C hidden states, V vocabulary
using PreTrain.Torch;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// The map to the vocabulary and its cross entropy together, a few rows at a time: all scores, which for a large vocabulary take more memory than the rest of a model's
/// activations, are never there at once. Where a gradient is wanted, each chunk's scores turn into their gradient at once and that into the gradients of rows and weight, so that
/// nothing is computed twice (Hsu et al. 2024, "Liger Kernel", section 3.2).
/// </summary>
public static class ChunkedCrossEntropy
{
    /// <summary>The memory that scores may take unless a model is told otherwise: 256 MiB.</summary>
    public const long DefaultBytes = 1L << 28;

    // In 16-bit floats, sums over n rows of numbers of magnitudes up to 1 times a row's elements are kept below the largest, 65504, as long as those are below a thousand.
    private const int HalfSumRows = 64;

    /// <summary>The sum of −log softmax(rows·Wᵀ + b)[target] over the positions that count, divided by <paramref name="normalizer"/>.</summary>
    /// <param name="rows">(N, C).</param>
    /// <param name="weight">W, (V, C).</param>
    /// <param name="bias">b, (V), or null.</param>
    /// <param name="targets">(N) of 64-bit integers: a class, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <param name="maxBytes">The memory that scores may take at once. Where all fit, they are computed at once; a single row is always computed.</param>
    /// <returns>A 32-bit scalar.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit, or a target is neither a class nor <see cref="CrossEntropy.Ignored"/>.</exception>
    public static Tensor Apply(Tensor rows, Tensor weight, Tensor? bias, Tensor targets, double normalizer, long maxBytes = DefaultBytes)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return Apply(rows, weight, bias, targets, normalizer, maxBytes, late: rows.dtype == ScalarType.Float16);
    }

    /// <summary>The same.</summary>
    /// <param name="rows">(N, C).</param>
    /// <param name="weight">W, (V, C).</param>
    /// <param name="bias">b, (V), or null.</param>
    /// <param name="targets">(N).</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <param name="maxBytes">The memory that scores may take at once.</param>
    /// <param name="late">Whether gradients are divided in the backward pass alone, where a loss scale comes along: the least 16-bit float is 6·10⁻⁸.</param>
    internal static Tensor Apply(Tensor rows, Tensor weight, Tensor? bias, Tensor targets, double normalizer, long maxBytes, bool late)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBytes);
        if (rows.ndim != 2 || weight.ndim != 2 || rows.size(1) != weight.size(1))
            throw new ArgumentException($"rows ({string.Join(", ", rows.shape)}) must be (N, C) and weight ({string.Join(", ", weight.shape)}) (V, C), with one C.", nameof(weight));
        if (targets.ndim != 1 || targets.size(0) != rows.size(0))
            throw new ArgumentException($"targets ({string.Join(", ", targets.shape)}) must be (N), one for each of the {rows.size(0)} rows.", nameof(targets));
        if (targets.dtype != ScalarType.Int64) throw new ArgumentException($"targets must be 64-bit integers, not {targets.dtype}.", nameof(targets));
        if (!(normalizer > 0)) throw new ArgumentOutOfRangeException(nameof(normalizer), normalizer, "The normalizer must be positive.");
        long step = Math.Max(1, maxBytes / (weight.size(0) * rows.element_size()));
        if (step >= rows.size(0)) return Whole(WeightProduct.Apply(rows, weight, bias), targets, normalizer);
        if (is_grad_enabled() && (rows.requires_grad || weight.requires_grad || bias is { requires_grad: true })) return Function.apply(rows, weight, bias!, targets, normalizer, step, late);
        return OfScores(rows, weight.size(0), part => WeightProduct.Apply(part, weight, bias), targets, normalizer, maxBytes);
    }

    /// <summary>The same with a head that may compute otherwise than by its weight.</summary>
    internal static Tensor Apply(Tensor rows, Projection head, Tensor targets, double normalizer, long maxBytes, long vocabulary) => head.Transform is null
        ? Apply(rows, head.weight, head.bias, targets, normalizer, maxBytes)
        : OfScores(rows, vocabulary, head.forward, targets, normalizer, maxBytes);

    /// <summary>The same of scores that come from anything.</summary>
    /// <param name="rows">(N, C).</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="scores">(n, C) → (n, V).</param>
    /// <param name="targets">(N).</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <param name="maxBytes">The memory that scores may take at once where no gradient is wanted.</param>
    internal static Tensor OfScores(Tensor rows, long vocabulary, Func<Tensor, Tensor> scores, Tensor targets, double normalizer, long maxBytes)
    {
        long step = Math.Max(1, maxBytes / (vocabulary * rows.element_size()));
        if (step >= rows.size(0)) return Whole(scores(rows), targets, normalizer);
        using DisposeScope scope = NewDisposeScope();
        Tensor loss = zeros([], dtype: ScalarType.Float64, device: rows.device);
        for (long first = 0; first < rows.size(0); first += step)
        {
            using DisposeScope chunk = NewDisposeScope();
            long count = Math.Min(step, rows.size(0) - first);
            loss += Whole(scores(rows.narrow(0, first, count)), targets.narrow(0, first, count), normalizer);
            chunk.MoveToOuter(loss);
        }
        return scope.MoveToOuter(loss.to(ScalarType.Float32));
    }

    private static Tensor Whole(Tensor scores, Tensor targets, double normalizer)
    {
        TargetCounter.Count(scores, targets);
        return CrossEntropy.Apply(scores, targets, normalizer);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(ChunkedCrossEntropy);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (rows, weight, bias, targets) = ((Tensor)vars[0], (Tensor)vars[1], vars[2] as Tensor, (Tensor)vars[3]);
            var (normalizer, step, late) = ((double)vars[4], (long)vars[5], (bool)vars[6]);
            using IDisposable mode = no_grad();
            using DisposeScope scope = NewDisposeScope();
            double shrink = late ? Math.Pow(2, -Math.Max(0, Math.Ceiling(Math.Log2((double)step / HalfSumRows)))) : 1;

            // Sums over chunks are 32-bit ones, as a product over all rows would make them.
            Tensor loss = zeros([], dtype: ScalarType.Float64, device: rows.device);
            Tensor? drows = rows.requires_grad ? empty_like(rows) : null;                                                            // (N, C)
            Tensor? dweight = weight.requires_grad ? zeros(weight.shape, dtype: ScalarType.Float32, device: weight.device) : null;   // (V, C)
            Tensor? dbias = bias is { requires_grad: true } ? zeros(bias.shape, dtype: ScalarType.Float32, device: weight.device) : null;
            for (long first = 0; first < rows.size(0); first += step)
            {
                using DisposeScope chunk = NewDisposeScope();
                long count = Math.Min(step, rows.size(0) - first);
                Tensor x = rows.narrow(0, first, count);
                var (part, dlogits) = CrossEntropy.WithGradient(WidenedProduct.Linear(x, weight, bias), targets.narrow(0, first, count), late ? 1 : normalizer);   // (), (n, V)
                loss.add_(part);
                drows?.narrow(0, first, count).copy_(WidenedProduct.Of(dlogits, weight));
                if (late) dweight?.add_(WidenedProduct.Of(dlogits.t(), x * shrink), alpha: 1 / shrink);
                else if (dweight is { dtype: var sum } && sum == dlogits.dtype) dweight.addmm_(dlogits.t(), x);
                else dweight?.add_(WidenedProduct.Of(dlogits.t(), x));
                dbias?.add_(dlogits.sum(dim: 0, type: ScalarType.Float32));
            }
            if (late) loss.div_(normalizer);
            ScalarType kept = late ? ScalarType.Float32 : weight.dtype;
            ctx.save_data("gradients", new[] { drows, dweight?.to(kept), dbias?.to(kept) }.Select(t => t?.DetachFromDisposeScope()).ToArray());
            ctx.save_data("divisor", late ? normalizer : 0.0);
            ctx.save_data("parameters", new[] { weight });   // in an array: of a tensor, TorchSharp complains on standard output
            return scope.MoveToOuter(loss.to(ScalarType.Float32));
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var gradients = (Tensor?[])ctx.get_data("gradients");
            Tensor weight = ((Tensor[])ctx.get_data("parameters"))[0];
            float factor = grad_output.item<float>();
            double divisor = (double)ctx.get_data("divisor");
            Tensor?[] scaled = [.. gradients.Select(t => t is not null && divisor > 0 ? Divided(t, factor / divisor, weight.dtype) : t is null || factor == 1 ? t?.alias() : t.mul(factor))];
            Tensor? dweight = scaled[1];
            if (dweight is not null && GradientBuffers.Of(weight) is { } buffer)
            {
                buffer.add_(dweight);
                dweight = null;
            }
            foreach (Tensor? gradient in gradients) gradient?.Dispose();   // a second backward pass finds none, as behind every operation
            return [scaled[0]!, dweight!, scaled[2]!, null!, null!, null!, null!];
        }

        /// <summary>The factor itself may be no 16-bit float.</summary>
        private static Tensor Divided(Tensor t, double factor, ScalarType type)
        {
            using DisposeScope scope = NewDisposeScope();
            return scope.MoveToOuter(t.to(ScalarType.Float32).mul(factor).to(type));
        }
    }
}
