using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public bool requires_grad
        {
            get
            {
                int result = Native.pt_requires_grad(Handle);
                GC.KeepAlive(this);
                return result != 0;
            }
            set
            {
                Errors.Check(Native.pt_set_requires_grad(Handle, value ? 1 : 0));
                GC.KeepAlive(this);
            }
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public bool is_leaf
        {
            get
            {
                int result = Native.pt_is_leaf(Handle);
                GC.KeepAlive(this);
                return result != 0;
            }
        }

        public void retain_grad()
        {
            Errors.Check(Native.pt_retain_grad(Handle));
            GC.KeepAlive(this);
        }

        /// <summary>The accumulated gradient, or null. Each read gives a new object over the same gradient.</summary>
        public unsafe Tensor? grad
        {
            get
            {
                nint result = 0;
                Errors.Check(Native.pt_get_grad(Handle, &result));
                GC.KeepAlive(this);
                return result == 0 ? null : new Tensor(result);
            }
            set
            {
                Errors.Check(Native.pt_set_grad(Handle, value?.Handle ?? 0));
                GC.KeepAlive(this);
                GC.KeepAlive(value);
            }
        }

        public void backward() => autograd.backward([this]);

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }
}
