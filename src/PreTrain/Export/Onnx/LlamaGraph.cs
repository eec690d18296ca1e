// B sequences, T tokens, S with the past, C embedding, H query heads, G key-value heads, D width of a head, V vocabulary
using PreTrain.Models;
using PreTrain.Models.Llama;
using PreTrain.Modules;

namespace PreTrain.Export.Onnx;

/// <summary>Llama, Mistral, Qwen2 and Qwen3 as operators.</summary>
internal static class LlamaGraph
{
    internal static void Build(OnnxLayers layers, LlamaConfig config, ModelHead head, bool hasPast)
    {
        OnnxGraph graph = layers.Graph;
        var inputs = new DecoderPorts(layers, hasPast, config.SlidingWindow);
        string x = graph.Add("Gather", layers.Weight("token_embedding"), inputs.Ids);   // (B, T, C)
        string frequencies = graph.Numbers("rotary_frequencies", RotaryTable.Frequencies(config.HeadDim, config.RotaryBase, config.RotaryScaling));
        string positions = graph.Add("Unsqueeze", graph.Add("Cast", [new("to", (long)OnnxType.Float32)], inputs.Positions), graph.Wholes(1, 3));   // (B, 1, T, 1)
        string angles = graph.Add("Mul", positions, frequencies);                                                                                // (B, 1, T, D/2)
        var turn = (Cosine: graph.Add("Cos", angles), Sine: graph.Add("Sin", angles));
        for (int layer = 0; layer < config.LayerCount; layer++) x = Block(layers, config, inputs, turn, x, layer);
        x = layers.RmsNorm(x, "final_norm", config.EmbeddingDim, config.NormEpsilon);
        switch (head)
        {
            case ModelHead.CausalLanguageModel:
                graph.Output(config.IsHeadTied ? layers.TiedProduct(x, "token_embedding") : layers.Map(x, "head"), "logits", DecoderPorts.Batch, DecoderPorts.Tokens, config.VocabSize);
                break;
            case ModelHead.SequenceClassification:
                graph.Output(layers.Map(inputs.Last(x), "classifier"), "logits", DecoderPorts.Batch, config.LabelCount);
                break;
            default:
                graph.Output(x, "last_hidden_state", DecoderPorts.Batch, DecoderPorts.Tokens, config.EmbeddingDim);
                break;
        }
    }

    private static string Block(OnnxLayers layers, LlamaConfig config, DecoderPorts inputs, (string Cosine, string Sine) turn, string x, int layer)
    {
        OnnxGraph graph = layers.Graph;
        string block = $"blocks.{layer}.";
        long heads = config.HeadCount, shared = config.SharedHeadCount, width = config.HeadDim;
        string normed = layers.RmsNorm(x, block + "attention_norm", config.EmbeddingDim, config.NormEpsilon);
        string query = Turn(graph, Heads("query", heads), turn, width);                                                         // (B, H, T, D)
        string key = inputs.Continue(Turn(graph, Heads("key", shared), turn, width), layer, "key", shared, width);              // (B, G, S, D)
        string value = inputs.Continue(layers.Split(layers.Map(normed, block + "value"), shared, width), layer, "value", shared, width);
        string attended = layers.Attention(query, Spread(graph, key, heads, shared, width), Spread(graph, value, heads, shared, width), inputs.Bias, heads, width);
        x = graph.Add("Add", x, layers.Map(attended, block + "attention_output"));
        normed = layers.RmsNorm(x, block + "feed_forward_norm", config.EmbeddingDim, config.NormEpsilon);
        string gated = graph.Add("Mul", layers.Activate(layers.Map(normed, block + "gate"), Activation.Silu), layers.Map(normed, block + "up"));
        return graph.Add("Add", x, layers.Map(gated, block + "down"));

        string Heads(string name, long count)
        {
            string split = layers.Split(layers.Map(normed, block + name), count, width);
            return config.HasHeadNorms ? layers.RmsNorm(split, $"{block}{name}_norm", width, config.NormEpsilon) : split;
        }
    }

    /// <summary>Turns the components i and i + D/2 of each head.</summary>
    private static string Turn(OnnxGraph graph, string x, (string Cosine, string Sine) turn, long width)
    {
        string[] halves = graph.AddMany("Split", 2, [new("axis", 3L)], x, graph.Wholes(width / 2, width / 2));
        string first = graph.Add("Sub", graph.Add("Mul", halves[0], turn.Cosine), graph.Add("Mul", halves[1], turn.Sine));
        string second = graph.Add("Add", graph.Add("Mul", halves[1], turn.Cosine), graph.Add("Mul", halves[0], turn.Sine));
        return graph.Add("Concat", [new("axis", 3L)], first, second);
    }

    /// <summary>Each key-value head for all query heads that share it. (B, G, S, D) → (B, H, S, D)</summary>
    private static string Spread(OnnxGraph graph, string x, long heads, long shared, long width)
    {
        if (heads == shared) return x;
        string copies = graph.Add("Expand", graph.Add("Unsqueeze", x, graph.Wholes(2)), graph.Wholes(1, 1, heads / shared, 1, 1));   // (B, G, H/G, S, D)
        string shape = graph.Add("Concat", [new("axis", 0L)], graph.Wholes(0, heads), graph.Add("Gather", graph.Add("Shape", x), graph.Wholes(2)), graph.Wholes(width));
        return graph.Add("Reshape", copies, shape);
    }
}
