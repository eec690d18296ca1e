using System.Runtime.InteropServices;
using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>One application of a function written in C#: its place in the autograd graph, and the way back from it.</summary>
internal sealed unsafe class FunctionCall
{
    private readonly string _name;
    private readonly Func<autograd.AutogradContext, List<Tensor>, List<Tensor>> _backward;
    private readonly autograd.AutogradContext _context = new();
    private readonly bool[] _isTensor;   // of each argument of the forward pass
    private (long[] Shape, ScalarType Type, Device Device)[] _outputs = [];

    private FunctionCall(string name, Func<autograd.AutogradContext, List<Tensor>, List<Tensor>> backward, bool[] isTensor)
    {
        _name = name;
        _backward = backward;
        _isTensor = isTensor;
    }

    internal static List<Tensor> Apply(string name, Func<autograd.AutogradContext, object[], List<Tensor>> forward,
        Func<autograd.AutogradContext, List<Tensor>, List<Tensor>> backward, object[] vars)
    {
        var isTensor = Array.ConvertAll(vars, v => v is Tensor { IsInvalid: false });
        Tensor[] inputs = vars.OfType<Tensor>().Where(t => !t.IsInvalid).ToArray();
        nint[] handles = HandleList.Of(inputs);
        var call = new FunctionCall(name, backward, isTensor);

        GCHandle self = GCHandle.Alloc(call);
        nint node;
        fixed (nint* p = handles) node = Native.pt_node_new(GCHandle.ToIntPtr(self), &ApplyCallback, &ReleaseCallback, name, p, handles.Length);
        if (node == 0)
        {
            self.Free();
            if (Marshal.ReadByte(Native.pt_error()) != 0) Errors.Throw();
        }

        try
        {
            List<Tensor> raw;
            int gradMode = Native.pt_grad_enabled();
            Native.pt_set_grad_enabled(0);
            try
            {
                raw = forward(call._context, vars);
            }
            finally
            {
                Native.pt_set_grad_enabled(gradMode);
            }
            List<Tensor> outputs = call.Wrap(node, handles, raw);
            GC.KeepAlive(inputs);
            if (node != 0) call.Save(node, raw, outputs);
            return outputs;
        }
        finally
        {
            call._context.EndForward();
            if (node != 0) Native.pt_node_release(node);   // the graph holds it now
        }
    }

    /// <summary>Ties the results to the node. A result keeps its object where libtorch keeps its tensor.</summary>
    private List<Tensor> Wrap(nint node, nint[] inputs, List<Tensor> raw)
    {
        nint[] outputs = HandleList.Of(raw), constant = HandleList.Of(_context.NonDifferentiable), dirty = HandleList.Of(_context.Dirty);
        var results = new nint[outputs.Length];
        fixed (nint* pi = inputs, pc = constant, pd = dirty, po = outputs, pr = results)
            Errors.Check(Native.pt_node_wrap(node, pi, inputs.Length, pc, constant.Length, pd, dirty.Length, po, outputs.Length, pr));

        var list = new List<Tensor>(results.Length);
        for (int i = 0; i < results.Length; i++)
        {
            if (results[i] != 0 && results[i] == outputs[i] && Array.IndexOf(inputs, results[i]) < 0)
            {
                Native.pt_release(results[i]);
                list.Add(raw[i]);
            }
            else
            {
                list.Add(results[i] == 0 ? null! : new Tensor(results[i]));
            }
        }
        return list;
    }

    private void Save(nint node, List<Tensor> raw, List<Tensor> outputs)
    {
        _context.Node = Native.pt_node_get(node);
        _outputs = outputs.Select(t => t is null ? ([], default, CPU) : (t.shape, t.dtype, t.device)).ToArray();

        // A saved result is the one that is part of the graph.
        Tensor?[] saved = [.. _context.ToSave.Select(t => t is null ? null : raw.IndexOfReference(t) is var i and >= 0 ? outputs[i] : t)];
        nint[] handles = HandleList.Of(saved);
        fixed (nint* p = handles) Errors.Check(Native.pt_node_save(node, p, handles.Length));
        GC.KeepAlive(saved);
    }

    private void Backward(nint* gradOutputs, int gradCount, nint* results, int resultCount)
    {
        var grads = new List<Tensor>(gradCount);
        for (int i = 0; i < gradCount; i++)
        {
            if (gradOutputs[i] != 0)
            {
                Native.pt_retain(gradOutputs[i]);
                grads.Add(new Tensor(gradOutputs[i]));
            }
            else
            {
                var (shape, type, device) = _outputs[i];
                grads.Add(_context.MaterializeGrads ? zeros(shape, dtype: type, device: device) : Tensor.Undefined());
            }
        }

        List<Tensor> gradInputs = _backward(_context, grads);

        if (gradInputs.Count > _isTensor.Length && gradInputs.Skip(_isTensor.Length).All(t => t is null or { IsInvalid: true }))
            gradInputs = gradInputs.GetRange(0, _isTensor.Length);
        if (gradInputs.Count != _isTensor.Length)
            throw new InvalidOperationException($"Function {_name} returned an incorrect number of gradients (expected {_isTensor.Length}, got {gradInputs.Count})");

        int next = 0;
        for (int i = 0; i < _isTensor.Length; i++)
        {
            Tensor? gradient = gradInputs[i] is { IsInvalid: false } t ? t : null;
            if (!_isTensor[i])
            {
                if (gradient is not null)
                    throw new InvalidOperationException($"Function {_name} returned a gradient at position {i + 1}, but the corresponding forward input was not a Tensor");
                continue;
            }
            if (gradient is not null && next < resultCount)
            {
                Native.pt_retain(gradient.Handle);
                results[next] = gradient.Handle;
            }
            next++;
        }
    }

    /// <summary>Called by autograd, on whichever thread computes: temporaries are disposed before it returns.</summary>
    [UnmanagedCallersOnly]
    private static nint ApplyCallback(nint context, nint* gradOutputs, int gradCount, nint* results, int resultCount)
    {
        var call = (FunctionCall)GCHandle.FromIntPtr(context).Target!;
        try
        {
            using DisposeScope scope = NewDisposeScope();
            call.Backward(gradOutputs, gradCount, results, resultCount);
            return 0;
        }
        catch (Exception e)
        {
            return Marshal.StringToCoTaskMemUTF8(Errors.Remember(call._name, e));   // malloc's memory on Unix, as the caller frees it
        }
    }

    [UnmanagedCallersOnly]
    private static void ReleaseCallback(nint context)
    {
        GCHandle self = GCHandle.FromIntPtr(context);
        ((FunctionCall)self.Target!)._context.Dispose();
        self.Free();
    }
}

file static class ListExtensions
{
    internal static int IndexOfReference(this List<Tensor> list, Tensor item) => list.FindIndex(t => ReferenceEquals(t, item));
}
