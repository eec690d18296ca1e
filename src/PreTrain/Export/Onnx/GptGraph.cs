// B sequences, T tokens, C embedding, H heads, D width of a head, V vocabulary
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;

namespace PreTrain.Export.Onnx;

/// <summary>GPT-2 as operators.</summary>
internal static class GptGraph
{
    internal static void Build(OnnxLayers layers, GptConfig config, ModelHead head, bool hasPast)
    {
        OnnxGraph graph = layers.Graph;
        var inputs = new DecoderPorts(layers, hasPast, window: 0);
        long heads = config.HeadCount, width = config.HeadDim;
        string x = graph.Add("Add", graph.Add("Gather", layers.Weight("token_embedding"), inputs.Ids), graph.Add("Gather", layers.Weight("position_embedding"), inputs.Positions));   // (B, T, C)
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string block = $"blocks.{layer}.";
            string joint = layers.Map(layers.LayerNorm(x, block + "attention_norm", config.NormEpsilon), block + "qkv");
            string[] parts = graph.AddMany("Split", 3, [new("axis", 2L)], joint, graph.Wholes(heads * width, heads * width, heads * width));
            string key = inputs.Continue(layers.Split(parts[1], heads, width), layer, "key", heads, width), value = inputs.Continue(layers.Split(parts[2], heads, width), layer, "value", heads, width);
            x = graph.Add("Add", x, layers.Map(layers.Attention(layers.Split(parts[0], heads, width), key, value, inputs.Bias, heads, width), block + "attention_output"));
            string inner = layers.Activate(layers.Map(layers.LayerNorm(x, block + "feed_forward_norm", config.NormEpsilon), block + "feed_forward_input"), Activation.GeluTanh);
            x = graph.Add("Add", x, layers.Map(inner, block + "feed_forward_output"));
        }
        x = layers.LayerNorm(x, "final_norm", config.NormEpsilon);
        switch (head)
        {
            case ModelHead.CausalLanguageModel:
                graph.Output(layers.TiedProduct(x, "token_embedding"), "logits", DecoderPorts.Batch, DecoderPorts.Tokens, config.VocabSize);
                break;
            case ModelHead.SequenceClassification:
                graph.Output(layers.Map(inputs.Last(x), "classifier"), "logits", DecoderPorts.Batch, config.LabelCount);
                break;
            default:
                graph.Output(x, "last_hidden_state", DecoderPorts.Batch, DecoderPorts.Tokens, config.EmbeddingDim);
                break;
        }
    }
}
