using PreTrain.Modules;

namespace PreTrain.Models;

/// <summary>The rows of the parts that BERT, RoBERTa, ERNIE and ELECTRA share, under the names that their checkpoints share.</summary>
internal static class EncoderWeights
{
    /// <summary>A <see cref="PostNormEncoder"/>. The bare model's checkpoint leaves the prefix out, and an old one names the norms' parameters otherwise.</summary>
    /// <param name="options">The sizes.</param>
    /// <param name="prefix">What the checkpoint's names begin with, for example <c>bert.</c>.</param>
    /// <param name="bare">Whether names are without it.</param>
    internal static IEnumerable<WeightRow> Encoder(PostNormEncoderOptions options, string prefix, bool bare)
    {
        foreach (WeightRow row in Rows(options))
        {
            string name = bare ? row.Theirs : prefix + row.Theirs, other = bare ? prefix + row.Theirs : row.Theirs;
            yield return row with { Ours = "encoder." + row.Ours, Theirs = name, Aliases = row.Theirs.Contains("LayerNorm", StringComparison.Ordinal) ? [other, Old(name), Old(other)] : [other] };
        }
    }

    /// <summary>What BERT and ERNIE call the map to the vocabulary, whose weight is the token embedding.</summary>
    internal const string VocabularyMap = "cls.predictions.decoder";

    /// <summary>The rows with another name for one of them: that of a map whose weight it is.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="ours">The parameter.</param>
    /// <param name="map">The map's name in the checkpoint.</param>
    internal static IEnumerable<WeightRow> Tied(IEnumerable<WeightRow> rows, string ours, string map) => rows.Select(row => row.Ours == ours ? row with { Aliases = [.. row.Aliases, map + ".weight"] } : row);

    /// <summary>A map with its bias.</summary>
    internal static IEnumerable<WeightRow> Map(string ours, string theirs, long outputs, long inputs)
    {
        yield return new(ours + ".weight", theirs + ".weight", outputs, inputs);
        yield return new(ours + ".bias", theirs + ".bias", outputs);
    }

    /// <summary>The map to the scores of labels, with its bias.</summary>
    internal static IEnumerable<WeightRow> Labels(string ours, string theirs, long labels, long inputs) => Map(ours, theirs, labels, inputs).Select(row => row with { IsOfLabels = true });

    /// <summary>A norm.</summary>
    internal static IEnumerable<WeightRow> Norm(string ours, string theirs, long width)
    {
        yield return new(ours + ".weight", theirs + ".weight", width) { Aliases = [Old(theirs + ".weight")] };
        yield return new(ours + ".bias", theirs + ".bias", width) { Aliases = [Old(theirs + ".bias")] };
    }

    /// <summary>A <see cref="VocabularyHead"/> as BERT and ERNIE name it.</summary>
    internal static IEnumerable<WeightRow> Vocabulary(string ours, long width, long vocabSize) =>
    [
        .. Map(ours + ".transform", "cls.predictions.transform.dense", width, width), .. Norm(ours + ".norm", "cls.predictions.transform.LayerNorm", width),
        new(ours + ".bias", "cls.predictions.bias", vocabSize) { Aliases = [VocabularyMap + ".bias"], TiedMap = VocabularyMap },
    ];

    /// <summary>What older versions saved besides parameters.</summary>
    internal static bool IsBuffer(string name) =>
        name.EndsWith("embeddings.position_ids", StringComparison.Ordinal) || name.EndsWith("embeddings.token_type_ids", StringComparison.Ordinal);

    private static IEnumerable<WeightRow> Rows(PostNormEncoderOptions options)
    {
        long c = options.Block.Width, e = options.EmbeddingWidth == 0 ? c : options.EmbeddingWidth, inner = options.Block.FeedForwardDim, heads = options.Block.HeadsWidth;
        yield return new("token_embedding", "embeddings.word_embeddings.weight", options.VocabSize, e);
        yield return new("position_embedding", "embeddings.position_embeddings.weight", options.PositionCount, e);
        yield return new("type_embedding", "embeddings.token_type_embeddings.weight", options.TypeCount, e);
        if (options.TaskCount > 0) yield return new("task_embedding", "embeddings.task_type_embeddings.weight", options.TaskCount, e);
        foreach (WeightRow row in Norm("embedding_norm", "embeddings.LayerNorm", e)) yield return row;
        if (e != c)
        {
            foreach (WeightRow row in Map("embedding_map", "embeddings_project", c, e)) yield return row;
        }
        for (int layer = 0; layer < options.LayerCount; layer++)
        {
            string ours = $"blocks.{layer}.", theirs = $"encoder.layer.{layer}.";
            IEnumerable<WeightRow> block =
            [
                .. Map(ours + "query", theirs + "attention.self.query", heads, c), .. Map(ours + "key", theirs + "attention.self.key", heads, c),
                .. Map(ours + "value", theirs + "attention.self.value", heads, c), .. Map(ours + "attention_output", theirs + "attention.output.dense", c, heads),
                .. Norm(ours + "attention_norm", theirs + "attention.output.LayerNorm", c), .. Map(ours + "feed_forward_input", theirs + "intermediate.dense", inner, c),
                .. Map(ours + "feed_forward_output", theirs + "output.dense", c, inner), .. Norm(ours + "feed_forward_norm", theirs + "output.LayerNorm", c),
            ];
            foreach (WeightRow row in block) yield return row;
        }
    }

    // As the first checkpoints named the norms' parameters.
    private static string Old(string name) => name.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal).Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal);
}
