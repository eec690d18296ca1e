// B sequences, T tokens, E width of embeddings, C width of the blocks, V vocabulary
using PreTrain.Modules;

namespace PreTrain.Export.Onnx;

/// <summary>A <see cref="PostNormEncoder"/> as operators, with the inputs of BERT and what came of it: ids, mask and, where there are several, segments.</summary>
internal sealed class EncoderGraph
{
    internal const string Batch = "batch_size", Tokens = "sequence_length";
    private const string Encoder = "encoder.";
    private readonly OnnxLayers _layers;
    private readonly OnnxGraph _graph;
    private readonly PostNormEncoderOptions _options;

    /// <param name="layers">The parts.</param>
    /// <param name="options">The sizes.</param>
    /// <param name="padding">The padding whose tokens have no position, and from whose id on the others are counted (fairseq's convention); null for positions that are columns.</param>
    internal EncoderGraph(OnnxLayers layers, PostNormEncoderOptions options, int? padding = null)
    {
        (_layers, _graph, _options) = (layers, layers.Graph, options);
        string ids = _graph.Input("input_ids", OnnxType.Int64, Batch, Tokens), mask = _graph.Input("attention_mask", OnnxType.Int64, Batch, Tokens);
        string? types = options.TypeCount > 1 ? _graph.Input("token_type_ids", OnnxType.Int64, Batch, Tokens) : null;
        States = Blocks(Embed(ids, types, padding), layers.Bias(layers.Present(mask)));
        First = _graph.Add("Gather", [new("axis", 1L)], States, _graph.Whole(0));
    }

    /// <summary>The last hidden states, (B, T, C).</summary>
    internal string States { get; }

    /// <summary>The first token's, (B, C).</summary>
    internal string First { get; }

    /// <summary>The first token's behind a map and a tanh, (B, C).</summary>
    internal string Pool() => _graph.Add("Tanh", _layers.Map(First, "pooler"));

    /// <summary>The scores of all tokens by a <see cref="VocabularyHead"/>.</summary>
    internal void OutputTokens(string name, Activation activation)
    {
        string transformed = _layers.LayerNorm(_layers.Activate(_layers.Map(States, "prediction.transform"), activation), "prediction.norm", _options.Block.NormEpsilon);
        _graph.Output(_graph.Add("Add", _layers.TiedProduct(transformed, Encoder + "token_embedding"), _layers.Weight("prediction.bias")), name, Batch, Tokens, _options.VocabSize);
    }

    /// <summary>The scores of classes for each token.</summary>
    internal void OutputTokenClasses(int classes) => _graph.Output(_layers.Map(States, "classifier"), "logits", Batch, Tokens, classes);

    /// <summary>The scores of classes for each sequence.</summary>
    /// <param name="x">What stands for the sequence, (B, C).</param>
    /// <param name="name">The map's name.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="output">The output's name.</param>
    internal void OutputClasses(string x, string name, int classes, string output = "logits") => _graph.Output(_layers.Map(x, name), output, Batch, classes);

    /// <summary>The scores of classes by a <see cref="ClassificationHead"/>.</summary>
    internal void OutputClassification(int classes, Activation activation) =>
        OutputClasses(_layers.Activate(_layers.Map(First, "sequence_classifier.hidden"), activation), "sequence_classifier.output", classes);

    /// <summary>The scores of an answer's start and end.</summary>
    internal void OutputAnswer()
    {
        string both = _layers.Map(States, "classifier");   // (B, T, 2)
        _graph.Output(Column(both, 0), "start_logits", Batch, Tokens);
        _graph.Output(Column(both, 1), "end_logits", Batch, Tokens);
    }

    /// <summary>One number for each token, by two maps with an activation between.</summary>
    internal void OutputDetection(Activation activation) =>
        _graph.Output(Column(_layers.Map(_layers.Activate(_layers.Map(States, "detector"), activation), "classifier"), 0), "logits", Batch, Tokens);

    /// <summary>The hidden states themselves.</summary>
    internal void OutputStates() => _graph.Output(States, "last_hidden_state", Batch, Tokens, _options.Block.Width);

    private string Column(string x, long column) => _graph.Add("Gather", [new("axis", 2L)], x, _graph.Whole(column));

    private string Embed(string ids, string? types, int? padding)
    {
        string x = _graph.Add("Add", _graph.Add("Gather", _layers.Weight(Encoder + "token_embedding"), ids), Positions(ids, padding));
        if (types is not null) x = _graph.Add("Add", x, _graph.Add("Gather", _layers.Weight(Encoder + "type_embedding"), types));
        else if (_options.TypeCount == 1) x = _graph.Add("Add", x, _layers.Weight(Encoder + "type_embedding"));   // (1, E) for all
        x = _layers.LayerNorm(x, Encoder + "embedding_norm", _options.Block.NormEpsilon);
        bool isNarrow = _options.EmbeddingWidth != 0 && _options.EmbeddingWidth != _options.Block.Width;
        return isNarrow ? _layers.Map(x, Encoder + "embedding_map") : x;   // (B, T, C)
    }

    /// <summary>The embeddings of positions, (T, E) or (B, T, E).</summary>
    private string Positions(string ids, int? padding)
    {
        string table = _layers.Weight(Encoder + "position_embedding");
        if (padding is not { } filler) return _graph.Add("Slice", table, _graph.Wholes(0), _layers.Length(ids, 1), _graph.Wholes(0));
        string real = _graph.Add("Cast", [new("to", (long)OnnxType.Int64)], _graph.Add("Not", _graph.Add("Equal", ids, _graph.Whole(filler))));
        return _graph.Add("Gather", table, _graph.Add("Add", _graph.Add("Mul", _graph.Add("CumSum", real, _graph.Whole(1)), real), _graph.Whole(filler)));
    }

    private string Blocks(string x, string bias)
    {
        PostNormBlockOptions sizes = _options.Block;
        long heads = sizes.HeadCount, width = sizes.HeadsWidth / heads;
        for (int layer = 0; layer < _options.LayerCount; layer++)
        {
            string block = $"{Encoder}blocks.{layer}.";
            string attended = _layers.Attention(Heads("query"), Heads("key"), Heads("value"), bias, heads, width);
            x = _layers.LayerNorm(_graph.Add("Add", x, _layers.Map(attended, block + "attention_output")), block + "attention_norm", sizes.NormEpsilon);
            string inner = _layers.Activate(_layers.Map(x, block + "feed_forward_input"), sizes.Activation);
            x = _layers.LayerNorm(_graph.Add("Add", x, _layers.Map(inner, block + "feed_forward_output")), block + "feed_forward_norm", sizes.NormEpsilon);

            string Heads(string name) => _layers.Split(_layers.Map(x, block + name), heads, width);
        }
        return x;
    }
}
