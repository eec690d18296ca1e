using TorchSharp.Modules;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>The base of all neural networks: a tree of parameters, buffers and sub-modules, each under the name of the field that holds it.</summary>
        public partial class Module : IDisposable
        {
            protected OrderedDict<string, Module> _internal_submodules = [];
            protected OrderedDict<string, (Tensor, bool)> _internal_buffers = [];
            protected OrderedDict<string, Parameter> _internal_params = [];
            protected DeviceType _deviceType = DeviceType.CPU;
            protected int _deviceIndex = -1;
            protected string? name;

            private bool _training = true;
            private bool _disposed;

            protected Module(string name) => this.name = name;

            public virtual string GetName() => string.IsNullOrEmpty(name) ? GetType().Name : name;

            public virtual bool training => _training;

            public virtual void train(bool train = true)
            {
                _training = train;
                foreach (var (_, m) in named_children()) m.train(train);
            }

            public virtual void eval() => train(false);

            /// <summary>Calls a function with each module of the tree, a parent after its children.</summary>
            public virtual Module apply(Action<Module> fn)
            {
                foreach (var (_, m) in _internal_submodules) m.apply(fn);
                fn(this);
                return this;
            }

            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (var (_, p) in named_parameters())
                {
                    using Tensor? grad = p.grad;
                    if (grad is null) continue;
                    if (set_to_none) p.grad = null;
                    else Kernels.ZeroInPlace(grad);
                }
            }

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            /// <summary>Disposes the module's parameters and persistent buffers, and its sub-modules.</summary>
            protected virtual void Dispose(bool disposing)
            {
                if (!disposing || _disposed) return;
                _disposed = true;
                foreach (var (_, b) in named_buffers(false)) b.DetachFromDisposeScope().Dispose();
                foreach (var (_, p) in named_parameters(false)) p.DetachFromDisposeScope().Dispose();
                foreach (var (_, m) in named_children()) m.Dispose();
            }

            internal bool IsDisposed => _disposed;
        }
    }
}
