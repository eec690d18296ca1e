using System.Globalization;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Modules one after the other. The results between two modules are disposed.</summary>
public class Sequential : nn.Module<Tensor, Tensor>
{
    private readonly List<(string Name, nn.IModule<Tensor, Tensor> Step)> _steps = [];

    internal Sequential() : base(nameof(Sequential))
    {
    }

    protected Sequential(params (string name, nn.Module<Tensor, Tensor> submodule)[] modules) : this()
    {
        foreach (var (n, m) in modules) Add(n, m);
    }

    protected Sequential(params nn.Module<Tensor, Tensor>[] modules) : this()
    {
        foreach (var m in modules) Add(m);
    }

    internal void Add(string name, nn.IModule<Tensor, Tensor> module) => _steps.Add((name, module));

    internal void Add(nn.IModule<Tensor, Tensor> module) => Add(_steps.Count.ToString(CultureInfo.InvariantCulture), module);

    public Sequential append(string name, nn.IModule<Tensor, Tensor> module)
    {
        Add(name, module);
        return this;
    }

    public Sequential append(nn.IModule<Tensor, Tensor> module)
    {
        Add(module);
        return this;
    }

    public int Count => _steps.Count;

    [IndexerName("SequentialItems")]
    public nn.IModule<Tensor, Tensor> this[int index] => _steps[index].Step;

    /// <summary>The modules from start up to, and without, end; they are shared with this one.</summary>
    [IndexerName("SequentialItems")]
    public Sequential this[(int? start, int? end) index] => Slice(index.start ?? 0, index.end ?? Count);

    [IndexerName("SequentialItems")]
    public Sequential this[Range index] => Slice(index.Start.GetOffset(Count), index.End.GetOffset(Count));

    private Sequential Slice(int start, int end)
    {
        if (start < 0 || start > Count) throw new IndexOutOfRangeException($"{start} is not a valid index.");
        if (end < 0 || end > Count) throw new IndexOutOfRangeException($"{end} is not a valid index.");
        var slice = new Sequential();
        for (int i = start; i < end; i++) slice._steps.Add(_steps[i]);
        return slice;
    }

    public override Tensor forward(Tensor tensor)
    {
        if (_steps.Count == 0) return tensor.alias();
        Tensor current = tensor;
        foreach (var (_, step) in _steps)
        {
            Tensor next = step.call(current);
            if (!ReferenceEquals(current, tensor) && !ReferenceEquals(current, next)) current.Dispose();
            current = next;
        }
        return current;
    }

    public override IEnumerable<(string name, nn.Module module)> named_children() => _steps.Select(s => (s.Name, (nn.Module)s.Step));

    public override IEnumerable<(string name, nn.Module module)> named_modules()
    {
        foreach (var child in named_children()) yield return child;
        foreach (var (childName, child) in named_children())
            foreach (var (n, m) in child.named_modules()) yield return ($"{childName}.{n}", m);
    }

    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
    {
        if (!recurse) yield break;
        var seen = new HashSet<nint> { 0 };
        foreach (var (childName, child) in named_children())
            foreach (var (n, p) in child.named_parameters(true))
                if (seen.Add(p.handle)) yield return ($"{childName}.{n}", p);
    }

    public override IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_persistent = true)
    {
        if (!recurse) yield break;
        var seen = new HashSet<nint> { 0 };
        foreach (var (childName, child) in named_children())
            foreach (var (n, b) in child.named_buffers(true, include_persistent))
                if (seen.Add(b.handle)) yield return ($"{childName}.{n}", b);
    }

    public override nn.Module apply(Action<nn.Module> fn)
    {
        foreach (var (_, m) in named_children()) m.apply(fn);
        fn(this);
        return this;
    }
}
