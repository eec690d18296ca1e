using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class autograd
    {
        /// <summary>The gradients of the outputs with respect to the inputs; invalid where an input was not used and that is allowed.</summary>
        public static unsafe IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null,
            bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            nint[] o = HandleList.OfAll(outputs, nameof(outputs)), i = HandleList.OfAll(inputs, nameof(inputs)), g = HandleList.Of(grad_outputs);
            var results = new nint[i.Length];
            fixed (nint* po = o, pi = i, pg = g, pr = results)
                Errors.Check(Native.pt_grad(po, o.Length, pi, i.Length, pg, g.Length, retain_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, pr));
            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return results.Select(h => h == 0 ? Tensor.Undefined() : new Tensor(h)).ToList();
        }

        public static unsafe void backward(IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
            bool create_graph = false, IList<Tensor>? inputs = null)
        {
            nint[] t = HandleList.OfAll(tensors, nameof(tensors)), g = HandleList.Of(grad_tensors), i = HandleList.OfAll(inputs, nameof(inputs));
            fixed (nint* pt = t, pg = g, pi = i)
                Errors.Check(Native.pt_backward(pt, t.Length, pg, g.Length, (retain_graph ?? create_graph) ? 1 : 0, create_graph ? 1 : 0, pi, i.Length));
            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        public static void backward(Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false,
            IList<Tensor>? inputs = null) => backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false,
            IList<Tensor>? inputs = null) => backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        public static AnomalyMode detect_anomaly(bool check_nan = true) => new(true, check_nan);

        public static AnomalyMode set_detect_anomaly(bool mode, bool check_nan = true) => new(mode, check_nan);
    }
}
