// K values that share a step
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>
/// Values rounded to multiples of a step that is learned (Esser et al. 2020, "Learned Step Size Quantization"): v̂ = ⌊clip(v/s, −Qn, Qp)⌉·s (equations 1 and 2), with the gradients of equations 3 and 5, that of the
/// step times 1/√(K·Qp) (section 2.2).
/// </summary>
internal static class LearnedStep
{
    /// <summary>Rounds.</summary>
    /// <param name="values">(…, K), or with one step any shape.</param>
    /// <param name="step">(…, 1), or one.</param>
    /// <param name="down">Qn, the codes below 0.</param>
    /// <param name="up">Qp, the codes above 0.</param>
    /// <param name="shared">K, the number of values that the step's gradient is scaled by.</param>
    internal static Tensor Apply(Tensor values, Tensor step, int down, int up, long shared) => Function.apply(values, step, down, up, shared);

    /// <summary>The codes, whole numbers in 32 bits.</summary>
    internal static Tensor Codes(Tensor values, Tensor step, int down, int up) => Steps(values, step).clamp(-down, up).round();

    /// <summary>2·⟨|v|⟩/√Qp (section 2.1).</summary>
    /// <param name="mean">⟨|v|⟩.</param>
    /// <param name="up">Qp.</param>
    internal static Tensor Initial(Tensor mean, int up) => (mean * (2 / Math.Sqrt(up))).clamp(min: 1e-6);

    // By the inverse, as the quantized map does it, so that both have the same codes.
    private static Tensor Steps(Tensor values, Tensor step) => values.to(ScalarType.Float32) * step.to(ScalarType.Float32).reciprocal();

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(LearnedStep);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (values, step, down, up) = ((Tensor)vars[0], (Tensor)vars[1], (int)vars[2], (int)vars[3]);
            ctx.save_for_backward([values, step]);
            ctx.save_data("limits", (down, up, (long)vars[4]));
            return (Codes(values, step, down, up) * step.to(ScalarType.Float32)).to(values.dtype);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using DisposeScope scope = NewDisposeScope();
            List<Tensor> saved = ctx.get_saved_variables();
            var (values, step) = (saved[0], saved[1]);
            var (down, up, shared) = ((int, int, long))ctx.get_data("limits");
            Tensor steps = Steps(values, step), inside = steps.gt(-down).logical_and(steps.lt(up));
            Tensor ofValues = where(inside, grad_output, zeros_like(grad_output));
            Tensor slope = where(inside, steps.round() - steps, steps.clamp(-down, up));                   // equation 3
            Tensor ofStep = slope * grad_output.to(ScalarType.Float32) / Math.Sqrt((double)shared * up);
            ofStep = step.numel() == 1 ? ofStep.sum().view(step.shape) : ofStep.sum([-1], keepdim: true);
            return [scope.MoveToOuter(ofValues), scope.MoveToOuter(ofStep.to(step.dtype)), null!, null!, null!];
        }
    }
}
