using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        /// <summary>Changes parameters by their gradients.</summary>
        public abstract partial class Optimizer : IDisposable
        {
            protected IList<ParamGroup> _parameter_groups = [];

            /// <param name="handle">Must be zero: no optimizer of this assembly is native.</param>
            protected Optimizer(nint handle)
            {
                if (handle != 0) throw new ArgumentException("Native optimizers are not supported; pass 0 and override step.", nameof(handle));
            }

            public virtual IEnumerable<ILearningRateController> ParamGroups => _parameter_groups;

            public virtual IEnumerable<Parameter> parameters() => _parameter_groups.SelectMany(group => group.Parameters);

            public virtual void add_param_group(ParamGroup param_group) => _parameter_groups.Add(param_group);

            /// <summary>Fills the gradients with zeros. Parameters without a gradient stay so.</summary>
            public virtual void zero_grad()
            {
                using IDisposable noGrad = no_grad();
                foreach (ParamGroup group in _parameter_groups)
                {
                    foreach (Parameter parameter in group.Parameters)
                    {
                        using Tensor? grad = parameter.grad;
                        grad?.zero_();
                    }
                }
            }

            /// <summary>Changes the parameters once.</summary>
            /// <param name="closure">Computes the loss again; it is called with gradients enabled.</param>
            /// <returns>The closure's loss, or null.</returns>
            public virtual Tensor? step(Func<Tensor>? closure = null) => throw new NotSupportedException($"{GetType().Name} does not override step.");

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
                if (disposing) DisposeStates();
            }

            internal virtual void DisposeStates()
            {
            }
        }
    }
}
