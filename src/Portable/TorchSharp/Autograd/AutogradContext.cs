using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class autograd
    {
        /// <summary>What a function's forward pass leaves for its backward pass.</summary>
        public class AutogradContext : IDisposable
        {
            private Dictionary<string, object>? _data;

            internal List<Tensor> ToSave { get; private set; } = [];
            internal List<Tensor> Dirty { get; private set; } = [];
            internal List<Tensor> NonDifferentiable { get; private set; } = [];

            /// <summary>The native node that keeps the saved tensors; it is alive whenever the backward pass runs.</summary>
            internal nint Node { get; set; }

            internal AutogradContext()
            {
            }

            /// <summary>Whether an undefined gradient reaches the backward pass as zeros, and not as an invalid tensor; true unless changed.</summary>
            public bool MaterializeGrads { get; private set; } = true;

            public void set_materialize_grads(bool value) => MaterializeGrads = value;

            public void save_for_backward(List<Tensor> tensors) => ToSave = [.. tensors];

            public void mark_dirty(List<Tensor> tensors) => Dirty = [.. tensors];

            public void mark_non_differentiable(List<Tensor> tensors) => NonDifferentiable = [.. tensors];

            public void save_data(string key, object value) => (_data ??= [])[key] = value;

            /// <summary>What was saved under a key; null if nothing was.</summary>
            public object get_data(string key) => _data is not null && _data.TryGetValue(key, out object? value) ? value : null!;

            public unsafe List<Tensor> get_saved_variables()
            {
                if (Node == 0) return [.. ToSave];
                int count = Native.pt_node_saved_count(Node);
                nint* handles = stackalloc nint[Math.Max(count, 1)];
                Errors.Check(Native.pt_node_saved(Node, handles));
                var list = new List<Tensor>(count);
                for (int i = 0; i < count; i++) list.Add(handles[i] == 0 ? null! : new Tensor(handles[i]));
                return list;
            }

            /// <summary>Drops what only the forward pass needed; the saved tensors now live in the native node.</summary>
            internal void EndForward()
            {
                ToSave = [];
                Dirty = [];
                NonDifferentiable = [];
            }

            public void Dispose() => _data = null;
        }
    }
}
