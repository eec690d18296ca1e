// B sequences, T new tokens, S tokens with those of the past, H heads, D width of a head, I inputs, O outputs
using PreTrain.Modules;
using static TorchSharp.torch;

namespace PreTrain.Export.Onnx;

/// <summary>The parts of models as operators. Weights are named as the model names them.</summary>
/// <param name="graph">The graph.</param>
/// <param name="weights">The model's parameters.</param>
/// <param name="quantization">What linear maps compute with.</param>
internal sealed class OnnxLayers(OnnxGraph graph, IReadOnlyDictionary<string, Tensor> weights, OnnxQuantization quantization)
{
    /// <summary>What is added to the score of a place that is not seen: near the least number of 32 bits, and no infinity, so that a row without any place stays a number.</summary>
    private const float Hidden = -3.0e38f;

    internal OnnxGraph Graph => graph;

    /// <summary>A parameter as it is.</summary>
    internal string Weight(string name) => graph.Weight(name, weights[name].shape, () => weights[name].alias());

    /// <summary>x·Wᵀ + b of a linear map; b where the model has one.</summary>
    internal string Map(string x, string name)
    {
        string product = Product(x, name + ".weight");
        return weights.ContainsKey(name + ".bias") ? graph.Add("Add", product, Weight(name + ".bias")) : product;
    }

    /// <summary>x·Eᵀ with an embedding, which stays in 32 bits since tokens are looked up in it too.</summary>
    internal string TiedProduct(string x, string embedding) => graph.Add("MatMul", x, graph.Add("Transpose", [new("perm", new long[] { 1, 0 })], Weight(embedding)));

    /// <summary>The norm with a mean, over the last axis.</summary>
    internal string LayerNorm(string x, string name, double epsilon) =>
        graph.Add("LayerNormalization", [new("axis", -1L), new("epsilon", (float)epsilon)], x, Weight(name + ".weight"), Weight(name + ".bias"));

    /// <summary>The norm without a mean, over the last axis of so many elements.</summary>
    internal string RmsNorm(string x, string name, long width, double epsilon)
    {
        string squares = graph.Add("ReduceSum", [new("keepdims", 1L)], graph.Add("Mul", x, x), graph.Wholes(-1));
        string root = graph.Add("Sqrt", graph.Add("Add", graph.Add("Div", squares, graph.Number(width)), graph.Number((float)epsilon)));
        return graph.Add("Mul", graph.Add("Div", x, root), Weight(name + ".weight"));
    }

    /// <summary>An activation.</summary>
    internal string Activate(string x, Activation activation)
    {
        switch (activation)
        {
            case Activation.Gelu:
                string error = graph.Add("Erf", graph.Add("Mul", x, graph.Number(MathF.Sqrt(0.5f))));
                return graph.Add("Mul", graph.Add("Mul", x, graph.Add("Add", error, graph.Number(1))), graph.Number(0.5f));
            case Activation.GeluTanh:
                string cube = graph.Add("Mul", graph.Add("Mul", graph.Add("Mul", x, x), x), graph.Number(0.044715f));
                string bent = graph.Add("Tanh", graph.Add("Mul", graph.Add("Add", x, cube), graph.Number(MathF.Sqrt(2 / MathF.PI))));
                return graph.Add("Mul", graph.Add("Mul", x, graph.Add("Add", bent, graph.Number(1))), graph.Number(0.5f));
            case Activation.Relu:
                return graph.Add("Relu", x);
            case Activation.Silu:
                return graph.Add("Mul", x, graph.Add("Sigmoid", x));
            case Activation.SquaredRelu:
                string positive = graph.Add("Relu", x);
                return graph.Add("Mul", positive, positive);
            default:
                return graph.Add("Tanh", x);
        }
    }

    /// <summary>(B, T, H·D) → (B, H, T, D).</summary>
    internal string Split(string x, long heads, long width) => graph.Add("Transpose", [new("perm", new long[] { 0, 2, 1, 3 })], graph.Add("Reshape", x, graph.Wholes(0, 0, heads, width)));

    /// <summary>Attention over values, softmax(q·kᵀ/√D + mask)·v.</summary>
    /// <param name="query">(B, H, T, D).</param>
    /// <param name="key">(B, H, S, D).</param>
    /// <param name="value">(B, H, S, D).</param>
    /// <param name="mask">What is added to scores, (B, 1, T, S) or (B, 1, 1, S).</param>
    /// <param name="heads">H.</param>
    /// <param name="width">D.</param>
    /// <returns>(B, T, H·D).</returns>
    internal string Attention(string query, string key, string value, string mask, long heads, long width)
    {
        string scores = graph.Add("MatMul", graph.Add("Mul", query, graph.Number(1 / MathF.Sqrt(width))), graph.Add("Transpose", [new("perm", new long[] { 0, 1, 3, 2 })], key));
        string attended = graph.Add("MatMul", graph.Add("Softmax", [new("axis", -1L)], graph.Add("Add", scores, mask)), value);
        return graph.Add("Reshape", graph.Add("Transpose", [new("perm", new long[] { 0, 2, 1, 3 })], attended), graph.Wholes(0, 0, heads * width));
    }

    /// <summary>Zero where a truth holds, and what hides a place where it does not.</summary>
    internal string Bias(string seen) => graph.Add("Where", seen, graph.Number(0), graph.Number(Hidden));

    /// <summary>Which tokens are there, (B, S) of whole numbers → (B, 1, 1, S) of truths.</summary>
    internal string Present(string attentionMask) => graph.Add("Unsqueeze", graph.Add("Cast", [new("to", (long)OnnxType.Bool)], attentionMask), graph.Wholes(1, 2));

    /// <summary>The length of an axis, (1).</summary>
    internal string Length(string x, long axis) => graph.Add("Gather", graph.Add("Shape", x), graph.Wholes(axis));

    /// <summary>A value of one element without axes.</summary>
    internal string Scalar(string one) => graph.Add("Squeeze", one, graph.Wholes(0));

    private string Product(string x, string name)
    {
        Tensor weight = weights[name];
        long outputs = weight.size(0), inputs = weight.size(1);
        if (quantization == OnnxQuantization.None) return graph.Add("MatMul", x, graph.Weight(name, [inputs, outputs], () => weights[name].t().contiguous()));
        (float[] scales, Func<sbyte[]> rounded) = EightBits.Of(name, weight);
        string codes = graph.Codes(name + "_codes", [inputs, outputs], rounded), scale = graph.Numbers(name + "_scale", scales);
        if (quantization == OnnxQuantization.Int8Weights) return graph.Add("MatMul", x, graph.Add("DequantizeLinear", [new("axis", 1L)], codes, scale));
        string[] activations = graph.AddMany("DynamicQuantizeLinear", 3, [], x);   // codes, their scale, their zero
        string sums = graph.Add("Cast", [new("to", (long)OnnxType.Float32)], graph.Add("MatMulInteger", activations[0], codes, activations[2]));
        return graph.Add("Mul", sums, graph.Add("Mul", activations[1], scale));
    }
}
