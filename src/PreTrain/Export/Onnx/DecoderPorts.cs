// B sequences, P tokens of the past, T new ones, S = P + T, G key-value heads, D width of a head
namespace PreTrain.Export.Onnx;

/// <summary>What the decoders have in common: ids and a mask, the keys and values of the past, positions, and what a token sees.</summary>
internal sealed class DecoderPorts
{
    internal const string Batch = "batch_size", Tokens = "sequence_length";
    private const string Past = "past_sequence_length", All = "total_sequence_length";
    private readonly OnnxLayers _layers;
    private readonly bool _hasPast;

    /// <param name="layers">The parts.</param>
    /// <param name="hasPast">Whether keys and values go in and out.</param>
    /// <param name="window">The positions that a token sees, its own included; 0 for all before it.</param>
    internal DecoderPorts(OnnxLayers layers, bool hasPast, int window)
    {
        (_layers, _hasPast) = (layers, hasPast);
        OnnxGraph graph = layers.Graph;
        Ids = graph.Input("input_ids", OnnxType.Int64, Batch, Tokens);
        AttentionMask = graph.Input("attention_mask", OnnxType.Int64, Batch, hasPast ? All : Tokens);
        string all = layers.Length(AttentionMask, 1), past = graph.Add("Sub", all, layers.Length(Ids, 1));   // (1)
        // A token's position is the number of tokens before it; padding before all of them has none, and takes the first.
        string places = graph.Add("Max", graph.Add("Sub", graph.Add("CumSum", AttentionMask, graph.Whole(1)), graph.Whole(1)), graph.Whole(0));   // (B, S)
        Positions = graph.Add("Slice", places, past, all, graph.Wholes(1));                                                                      // (B, T)
        string columns = graph.Add("Range", graph.Whole(0), layers.Scalar(all), graph.Whole(1));                                               // (S)
        string rows = graph.Add("Unsqueeze", graph.Add("Range", layers.Scalar(past), layers.Scalar(all), graph.Whole(1)), graph.Wholes(1));   // (T, 1)
        string seen = graph.Add("LessOrEqual", columns, rows);                                                                                  // (T, S)
        if (window > 0) seen = graph.Add("And", seen, graph.Add("Greater", columns, graph.Add("Sub", rows, graph.Whole(window))));
        Bias = layers.Bias(graph.Add("And", seen, layers.Present(AttentionMask)));                                                              // (B, 1, T, S)
    }

    /// <summary>(B, T).</summary>
    internal string Ids { get; }

    /// <summary>(B, S).</summary>
    internal string AttentionMask { get; }

    /// <summary>(B, T).</summary>
    internal string Positions { get; }

    /// <summary>What is added to scores, (B, 1, T, S).</summary>
    internal string Bias { get; }

    /// <summary>Puts the keys or values of the past before new ones, and gives all of them out.</summary>
    /// <param name="fresh">(B, G, T, D).</param>
    /// <param name="layer">The block.</param>
    /// <param name="what">key or value.</param>
    /// <param name="heads">G.</param>
    /// <param name="width">D.</param>
    /// <returns>(B, G, S, D).</returns>
    internal string Continue(string fresh, int layer, string what, long heads, long width)
    {
        if (!_hasPast) return fresh;
        OnnxGraph graph = _layers.Graph;
        string all = graph.Add("Concat", [new("axis", 2L)], graph.Input($"past_key_values.{layer}.{what}", OnnxType.Float32, Batch, heads, Past, width), fresh);
        graph.Output(all, $"present.{layer}.{what}", Batch, heads, All, width);
        return all;
    }

    /// <summary>The last token of each sequence. (B, T, C) → (B, C)</summary>
    internal string Last(string x)
    {
        OnnxGraph graph = _layers.Graph;
        string mask = graph.Add("Cast", [new("to", (long)OnnxType.Float32)], AttentionMask);
        string last = graph.Add("ArgMax", [new("axis", 1L), new("keepdims", 1L), new("select_last_index", 1L)], mask);   // (B, 1)
        return graph.Add("GatherND", [new("batch_dims", 1L)], x, last);
    }
}
