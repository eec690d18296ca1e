using System.Globalization;
using System.Runtime.InteropServices;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Export.Onnx;

/// <summary>A graph of operators while it is built. Values are named by strings, which <see cref="Add(string, string[])"/> makes.</summary>
internal sealed class OnnxGraph
{
    private readonly List<OnnxNode> _nodes = [];
    private readonly List<OnnxPort> _inputs = [], _outputs = [];
    private readonly List<OnnxTensor> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    internal IReadOnlyList<OnnxNode> Nodes => _nodes;

    internal IReadOnlyList<OnnxPort> Inputs => _inputs;

    internal IReadOnlyList<OnnxPort> Outputs => _outputs;

    internal IReadOnlyList<OnnxTensor> Tensors => _tensors;

    /// <summary>An input of the graph.</summary>
    internal string Input(string name, OnnxType type, params object[] axes)
    {
        _inputs.Add(new OnnxPort(name, type, axes));
        return name;
    }

    /// <summary>Gives a value out under a name.</summary>
    internal void Output(string value, string name, params object[] axes)
    {
        _nodes.Add(new OnnxNode("Identity", [value], [name], []));
        _outputs.Add(new OnnxPort(name, OnnxType.Float32, axes));
    }

    /// <summary>An operator with one output.</summary>
    internal string Add(string name, params string[] inputs) => Add(name, [], inputs);

    /// <summary>An operator with settings and one output.</summary>
    internal string Add(string name, OnnxAttribute[] attributes, params string[] inputs) => AddMany(name, 1, attributes, inputs)[0];

    /// <summary>An operator with several outputs.</summary>
    internal string[] AddMany(string name, int outputs, OnnxAttribute[] attributes, params string[] inputs)
    {
        string[] results = [.. Enumerable.Range(0, outputs).Select(i => string.Create(CultureInfo.InvariantCulture, $"{name}_{_nodes.Count}{(i == 0 ? "" : $"_{i}")}"))];
        _nodes.Add(new OnnxNode(name, inputs, results, attributes));
        return results;
    }

    /// <summary>Numbers of 32 bits from a tensor, which is read when the file is written, and must be finite then.</summary>
    internal string Weight(string name, IReadOnlyList<long> shape, Func<Tensor> values) => Tensor(name, OnnxType.Float32, shape, stream =>
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor weight = values().detach();
        ExportRules.RequireFinite(name, weight);
        TensorEntry.Write(stream, weight.to(ScalarType.Float32));
    });

    /// <summary>Numbers of 8 bits.</summary>
    internal string Codes(string name, IReadOnlyList<long> shape, Func<sbyte[]> values) => Tensor(name, OnnxType.Int8, shape, stream => stream.Write(MemoryMarshal.AsBytes<sbyte>(values())));

    /// <summary>Numbers of 32 bits.</summary>
    internal string Numbers(string name, float[] values) => Tensor(name, OnnxType.Float32, [values.Length], stream => stream.Write(MemoryMarshal.AsBytes<float>(values)));

    /// <summary>One number.</summary>
    internal string Number(float value) => Tensor(string.Create(CultureInfo.InvariantCulture, $"number_{value:G9}"), OnnxType.Float32, [], stream => stream.Write(BitConverter.GetBytes(value)));

    /// <summary>One whole number.</summary>
    internal string Whole(long value) => Tensor(string.Create(CultureInfo.InvariantCulture, $"whole_{value}"), OnnxType.Int64, [], stream => stream.Write(BitConverter.GetBytes(value)));

    /// <summary>Whole numbers: axes, a shape.</summary>
    internal string Wholes(params long[] values) =>
        Tensor($"wholes_{string.Join('_', values)}", OnnxType.Int64, [values.Length], stream => stream.Write(MemoryMarshal.AsBytes<long>(values)));

    private string Tensor(string name, OnnxType type, IReadOnlyList<long> shape, Action<Stream> write)
    {
        if (_names.Add(name)) _tensors.Add(new OnnxTensor(name, type, shape, write));
        return name;
    }
}
