using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

/// <summary>Computes an ONNX file operator by operator, each as its specification says, with torch's plain operators.</summary>
internal static class OnnxInterpreter
{
    /// <summary>Runs a file.</summary>
    public static Dictionary<string, Tensor> Run(string path, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var file = new OnnxReader(path);
        Assert.Equal(file.Inputs.Select(port => port.Name).Order(), inputs.Keys.Order());
        var values = new Dictionary<string, Tensor>(inputs);
        foreach (var (name, constant) in file.Constants) values.Add(name, Read(constant));
        foreach (OnnxReader.Node node in file.Nodes)
        {
            Tensor[] results = Compute(node, [.. node.Inputs.Select(name => values[name])]);
            for (int i = 0; i < node.Outputs.Length; i++) values.Add(node.Outputs[i], results[i]);
        }
        return file.Outputs.ToDictionary(port => port.Name, port => values[port.Name]);
    }

    private static Tensor Read(OnnxReader.Constant constant) => constant.Type switch
    {
        1 => tensor(MemoryMarshal.Cast<byte, float>(constant.Data).ToArray(), constant.Shape),
        3 => tensor(MemoryMarshal.Cast<byte, sbyte>(constant.Data).ToArray(), constant.Shape),
        _ => tensor(MemoryMarshal.Cast<byte, long>(constant.Data).ToArray(), constant.Shape),
    };

    private static Tensor[] Compute(OnnxReader.Node node, Tensor[] x)
    {
        long Whole(string name) => (long)node.Attributes[name];
        switch (node.Operator)
        {
            case "Split":
                return x[0].split(Longs(x[1]), Whole("axis"));
            case "DynamicQuantizeLinear":
                // Zero is always within the range, and one of the 256 codes.
                float least = Math.Min(0, x[0].min().item<float>()), most = Math.Max(0, x[0].max().item<float>()), scale = (most - least) / 255;
                float zero = Math.Clamp(MathF.Round(-least / scale), 0, 255);
                return [((x[0] / scale).round() + zero).clamp(0, 255), tensor(scale), tensor(zero)];
        }
        return [node.Operator switch
        {
            "Identity" => x[0],
            "Add" => x[0] + x[1],
            "Sub" => x[0] - x[1],
            "Mul" => x[0] * x[1],
            "Div" => x[0] / x[1],
            "Max" => maximum(x[0], x[1]),
            "Sqrt" => x[0].sqrt(),
            "Erf" => x[0].erf(),
            "Tanh" => x[0].tanh(),
            "Relu" => x[0].relu(),
            "Sigmoid" => x[0].sigmoid(),
            "Cos" => x[0].cos(),
            "Sin" => x[0].sin(),
            "And" => x[0].logical_and(x[1]),
            "Not" => x[0].logical_not(),
            "Equal" => x[0].eq(x[1]),
            "Greater" => x[0].gt(x[1]),
            "LessOrEqual" => x[0].le(x[1]),
            "MatMul" => x[0].matmul(x[1]),
            "MatMulInteger" => (x[0] - x[2]).to(ScalarType.Float64).matmul(x[1].to(ScalarType.Float64)),
            "DequantizeLinear" => x[0].to(ScalarType.Float32) * x[1],   // its axis is the last of two
            "Softmax" => x[0].softmax(Whole("axis")),
            "LayerNormalization" => LayerNorm(x, (float)node.Attributes["epsilon"]),
            "ReduceSum" => x[0].sum(Longs(x[1]), keepdim: Whole("keepdims") == 1),
            "CumSum" => x[0].cumsum(x[1].item<long>()),
            "Range" => arange(x[0].item<long>(), x[1].item<long>(), x[2].item<long>(), ScalarType.Int64),
            "Where" => where(x[0], x[1], x[2]),
            "Cast" => x[0].to(Whole("to") switch { 1 => ScalarType.Float32, 7 => ScalarType.Int64, 9 => ScalarType.Bool, var type => throw new InvalidDataException($"type {type}") }),
            "Transpose" => x[0].permute((long[])node.Attributes["perm"]),
            "Reshape" => x[0].reshape([.. Longs(x[1]).Select((length, axis) => length == 0 ? x[0].size(axis) : length)]),
            "Unsqueeze" => Longs(x[1]).Aggregate(x[0], (value, axis) => value.unsqueeze(axis)),
            "Squeeze" => Longs(x[1]).OrderDescending().Aggregate(x[0], (value, axis) => value.squeeze(axis)),
            "Concat" => cat(x, Whole("axis")),
            "Expand" => x[0].broadcast_to([.. x[0].shape.Zip(Longs(x[1]), Math.Max)]),
            "Shape" => tensor(x[0].shape),
            "Gather" => Gather(x[0], x[1], node.Attributes.TryGetValue("axis", out object? axis) ? (long)axis : 0),
            "GatherND" => stack([.. Enumerable.Range(0, (int)x[0].size(0)).Select(b => x[0][b][x[1][b, 0].item<long>()])]),   // of one batch axis and one index
            "Slice" => x[0].slice(Longs(x[3])[0], Longs(x[1])[0], Longs(x[2])[0], 1),
            "ArgMax" => x[0].size(1) - 1 - x[0].flip(1).argmax(1, keepdim: true),
            _ => throw new InvalidDataException($"operator {node.Operator}"),
        }];
    }

    private static Tensor LayerNorm(Tensor[] x, float epsilon)
    {
        Tensor centred = x[0] - x[0].mean([-1], keepdim: true);
        return centred / (centred.pow(2).mean([-1], keepdim: true) + epsilon).sqrt() * x[1] + x[2];
    }

    private static Tensor Gather(Tensor x, Tensor indices, long axis) =>
        x.index_select(axis, indices.reshape(-1)).reshape([.. x.shape[..(int)axis], .. indices.shape, .. x.shape[((int)axis + 1)..]]);

    private static long[] Longs(Tensor x) => x.data<long>().ToArray();
}
