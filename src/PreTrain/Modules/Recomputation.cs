using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Runs a part of a model without keeping what its backward pass needs, and runs it again when that comes (Chen et al. 2016, section 4). Random
/// numbers are the same both times, so that gradients are those of the plain run to the last bit.
/// </summary>
public static class Recomputation
{
    /// <summary>Runs <paramref name="part"/> on <paramref name="inputs"/>.</summary>
    /// <param name="part">From the inputs to a tensor. All tensors but parameters must be among the inputs; gradients of parameters are accumulated as usual.</param>
    /// <param name="inputs">Its inputs.</param>
    public static Tensor Apply(Func<IReadOnlyList<Tensor>, Tensor> part, params Tensor[] inputs)
    {
        ArgumentNullException.ThrowIfNull(part);
        return ApplyAll(given => [part(given)], inputs)[0];
    }

    /// <summary>Runs a <paramref name="part"/> with several results.</summary>
    /// <param name="part">From the inputs to tensors. All tensors but parameters must be among the inputs; gradients of parameters are accumulated as usual.</param>
    /// <param name="inputs">Its inputs.</param>
    public static List<Tensor> ApplyAll(Func<IReadOnlyList<Tensor>, List<Tensor>> part, params Tensor[] inputs)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentNullException.ThrowIfNull(inputs);
        return is_grad_enabled() && inputs.Any(x => x.requires_grad) ? Function.apply([part, .. inputs]) : part(inputs);
    }

    private sealed class Function : autograd.MultiTensorFunction<Function>
    {
        public override string Name => nameof(Recomputation);

        public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var part = (Func<IReadOnlyList<Tensor>, List<Tensor>>)vars[0];
            List<Tensor> inputs = [.. vars.Skip(1).Cast<Tensor>()];
            ctx.save_for_backward(inputs);
            ctx.save_data("part", part);
            ctx.save_data("wanted", inputs.ConvertAll(x => x.requires_grad));
            ctx.save_data("random", RandomState.Save(inputs[0].device));
            ctx.set_materialize_grads(false);
            using IDisposable mode = no_grad();
            return part(inputs);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
        {
            var wanted = (List<bool>)ctx.get_data("wanted");
            using var random = (RandomState)ctx.get_data("random");
            List<Tensor> saved = ctx.get_saved_variables();
            using RandomState current = RandomState.Save(saved[0].device);
            Tensor[] inputs = [.. saved.Select((x, i) => wanted[i] ? x.detach().requires_grad_() : x.detach())];
            random.Restore();
            try
            {
                using IDisposable mode = enable_grad();
                List<Tensor> results = ((Func<IReadOnlyList<Tensor>, List<Tensor>>)ctx.get_data("part"))(inputs);
                // The gradient of a result that nothing used is an invalid tensor.
                int[] used = [.. Enumerable.Range(0, results.Count).Where(i => !grad_outputs[i].IsInvalid && results[i].requires_grad)];
                autograd.backward([.. used.Select(i => results[i])], [.. used.Select(i => grad_outputs[i])]);
                foreach (Tensor result in results) result.Dispose();
            }
            finally
            {
                current.Restore();
            }
            return [null!, .. inputs.Select((x, i) => wanted[i] ? x.grad! : null!)];
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
