// B sequences, T tokens, C embedding, V vocabulary
using PreTrain.Models;
using PreTrain.Models.Bert;

namespace PreTrain.Export.Onnx;

/// <summary>BERT as operators: ids, mask and segments in; the head's scores out. Padding stands behind the tokens of a row, as BERT's tokenizers put it.</summary>
internal static class BertGraph
{
    private const string Batch = "batch_size", Tokens = "sequence_length";

    internal static void Build(OnnxLayers layers, BertConfig config, ModelHead head)
    {
        OnnxGraph graph = layers.Graph;
        string ids = graph.Input("input_ids", OnnxType.Int64, Batch, Tokens), mask = graph.Input("attention_mask", OnnxType.Int64, Batch, Tokens);
        string types = graph.Input("token_type_ids", OnnxType.Int64, Batch, Tokens);
        string x = Encode(layers, config, ids, mask, types);                                                                          // (B, T, C)
        string? pooled = BertModel.HasPooler(head) ? graph.Add("Tanh", layers.Map(graph.Add("Gather", [new("axis", 1L)], x, graph.Whole(0)), "pooler")) : null;   // (B, C)
        switch (head)
        {
            case ModelHead.MaskedLanguageModel:
                graph.Output(Predict(layers, config, x), "logits", Batch, Tokens, config.VocabSize);
                break;
            case ModelHead.PreTraining:
                graph.Output(Predict(layers, config, x), "prediction_logits", Batch, Tokens, config.VocabSize);
                graph.Output(layers.Map(pooled!, "next_sentence"), "seq_relationship_logits", Batch, 2);
                break;
            case ModelHead.NextSentence:
                graph.Output(layers.Map(pooled!, "next_sentence"), "logits", Batch, 2);
                break;
            case ModelHead.SequenceClassification:
                graph.Output(layers.Map(pooled!, "classifier"), "logits", Batch, config.LabelCount);
                break;
            case ModelHead.TokenClassification:
                graph.Output(layers.Map(x, "classifier"), "logits", Batch, Tokens, config.LabelCount);
                break;
            case ModelHead.QuestionAnswering:
                string both = layers.Map(x, "classifier");   // (B, T, 2)
                graph.Output(graph.Add("Gather", [new("axis", 2L)], both, graph.Whole(0)), "start_logits", Batch, Tokens);
                graph.Output(graph.Add("Gather", [new("axis", 2L)], both, graph.Whole(1)), "end_logits", Batch, Tokens);
                break;
            default:
                graph.Output(x, "last_hidden_state", Batch, Tokens, config.EmbeddingDim);
                graph.Output(pooled!, "pooler_output", Batch, config.EmbeddingDim);
                break;
        }
    }

    private static string Encode(OnnxLayers layers, BertConfig config, string ids, string mask, string types)
    {
        OnnxGraph graph = layers.Graph;
        string positions = graph.Add("Slice", layers.Weight("encoder.position_embedding"), graph.Wholes(0), layers.Length(ids, 1), graph.Wholes(0));   // (T, C)
        string x = graph.Add("Add", graph.Add("Gather", layers.Weight("encoder.token_embedding"), ids), positions);
        x = graph.Add("Add", x, graph.Add("Gather", layers.Weight("encoder.type_embedding"), types));
        x = layers.LayerNorm(x, "encoder.embedding_norm", config.NormEpsilon);
        string bias = layers.Bias(layers.Present(mask));   // (B, 1, 1, T)
        long heads = config.HeadCount, width = config.HeadDim;
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            string block = $"encoder.blocks.{layer}.";
            string attended = layers.Attention(Heads("query"), Heads("key"), Heads("value"), bias, heads, width);
            x = layers.LayerNorm(graph.Add("Add", x, layers.Map(attended, block + "attention_output")), block + "attention_norm", config.NormEpsilon);
            string inner = layers.Activate(layers.Map(x, block + "feed_forward_input"), config.Activation);
            x = layers.LayerNorm(graph.Add("Add", x, layers.Map(inner, block + "feed_forward_output")), block + "feed_forward_norm", config.NormEpsilon);

            string Heads(string name) => layers.Split(layers.Map(x, block + name), heads, width);
        }
        return x;
    }

    /// <summary>(B, T, C) → (B, T, V).</summary>
    private static string Predict(OnnxLayers layers, BertConfig config, string x)
    {
        string transformed = layers.LayerNorm(layers.Activate(layers.Map(x, "prediction.transform"), config.Activation), "prediction.norm", config.NormEpsilon);
        return layers.Graph.Add("Add", layers.TiedProduct(transformed, "encoder.token_embedding"), layers.Weight("prediction.bias"));
    }
}
