using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Runs a part of a model without keeping what its backward pass needs, and runs it again when that comes (Chen et al. 2016, section 4). Random
/// numbers are the same both times, so that gradients are those of the plain run to the last bit.
/// </summary>
public static class Recomputation
{
    /// <summary>Runs <paramref name="part"/> on <paramref name="x"/>.</summary>
    /// <param name="part">From x to a tensor; what else it uses must not change before the backward pass. Gradients of parameters are accumulated as usual.</param>
    /// <param name="x">Its input.</param>
    public static Tensor Apply(Func<Tensor, Tensor> part, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentNullException.ThrowIfNull(x);
        return is_grad_enabled() && x.requires_grad ? Function.apply(x, part) : part(x);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(Recomputation);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, part) = ((Tensor)vars[0], (Func<Tensor, Tensor>)vars[1]);
            ctx.save_for_backward([x]);
            ctx.save_data("part", part);
            ctx.save_data("random", RandomState.Save(x.device));
            using IDisposable mode = no_grad();
            return part(x);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var random = (RandomState)ctx.get_data("random");
            using RandomState current = RandomState.Save(grad_output.device);
            using Tensor x = ctx.get_saved_variables()[0].detach().requires_grad_();
            random.Restore();
            try
            {
                using IDisposable mode = enable_grad();
                using Tensor y = ((Func<Tensor, Tensor>)ctx.get_data("part"))(x);
                y.backward([grad_output]);
            }
            finally
            {
                current.Restore();
            }
            return [x.grad!, null!];
        }
    }

    /// <summary>
    /// What torch's default generators go on from. That of a CUDA device cannot be read through TorchSharp, so there all of them are seeded
    /// from one draw at the beginning, and again from the same number.
    /// </summary>
    private sealed class RandomState(Tensor? state, long seed) : IDisposable
    {
        internal static RandomState Save(Device device)
        {
            if (device.type == DeviceType.CPU) return new(get_rng_state().DetachFromDisposeScope(), 0);
            using Tensor drawn = randint(long.MaxValue, [1], dtype: ScalarType.Int64);
            var saved = new RandomState(null, drawn.item<long>());
            saved.Restore();
            return saved;
        }

        internal void Restore()
        {
            if (state is not null) set_rng_state(state);
            else manual_seed(seed);
        }

        public void Dispose() => state?.Dispose();
    }
}
