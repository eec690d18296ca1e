using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;

namespace PreTrain.Pruning;

/// <summary>A map whose outputs are those of units, one beside the other.</summary>
/// <param name="Name">Its name in the model.</param>
/// <param name="Width">The outputs of a unit.</param>
/// <param name="Parts">How many such rows of units are one behind the other.</param>
internal sealed record UnitInput(string Name, int Width, int Parts = 1);

/// <summary>The attention or the feed-forward layer of a block: units that can be taken out, the maps that make them, and the one that reads them.</summary>
/// <param name="Output">The name of the map that reads the units.</param>
/// <param name="OutputWidth">The inputs of that map that are of one unit.</param>
/// <param name="Units">Heads, groups of heads, or neurons.</param>
/// <param name="IsAttention">Whether they are heads.</param>
/// <param name="Inputs">The maps that make them.</param>
internal sealed record PruningSite(string Output, int OutputWidth, int Units, bool IsAttention, params UnitInput[] Inputs)
{
    /// <summary>A parameter whose last axis has an element for each unit, which all sites that name it share; so they keep the same units. Null for none.</summary>
    internal string? Shared { get; init; }

    /// <summary>The sites of a model, in its order.</summary>
    /// <exception cref="ArgumentException">The family has none.</exception>
    internal static IReadOnlyList<PruningSite> Of(ITransformerModel model) => model switch
    {
        BertModel bert => [.. Enumerable.Range(0, bert.Config.LayerCount).SelectMany(layer => Of(bert.Config, $"encoder.blocks.{layer}."))],
        GptModel gpt => [.. Enumerable.Range(0, gpt.Config.LayerCount).SelectMany(layer => Of(gpt.Config, $"blocks.{layer}."))],
        LlamaModel llama => [.. Enumerable.Range(0, llama.Config.LayerCount).SelectMany(layer => Of(llama.Config, $"blocks.{layer}."))],
        T5Model t5 =>
        [
            .. Enumerable.Range(0, t5.Config.LayerCount).SelectMany(layer => Of(t5.Config, $"encoder_blocks.{layer}.", isDecoder: false)),
            .. t5.Head == ModelHead.None ? [] : Enumerable.Range(0, t5.Config.WrittenLayerCount).SelectMany(layer => Of(t5.Config, $"decoder_blocks.{layer}.", isDecoder: true)),
        ],
        _ => throw new ArgumentException($"Heads, neurons and layers can be taken out of BERT, GPT-2, T5, Llama and the latter's relatives, not out of a {model.ModelType} model."),
    };

    /// <summary>Where the outputs of some units lie in a map of <see cref="Inputs"/>.</summary>
    internal long[] Rows(UnitInput input, IEnumerable<int> units) =>
        [.. Enumerable.Range(0, input.Parts).SelectMany(part => units.SelectMany(unit => Enumerable.Range(0, input.Width).Select(i => ((long)part * Units + unit) * input.Width + i)))];

    /// <summary>Where some units lie in the inputs of <see cref="Output"/>.</summary>
    internal long[] Columns(IEnumerable<int> units) => [.. units.SelectMany(unit => Enumerable.Range(0, OutputWidth).Select(i => (long)unit * OutputWidth + i))];

    private static IEnumerable<PruningSite> Of(BertConfig config, string block)
    {
        int d = config.HeadDim;
        yield return new(block + "attention_output", d, config.HeadCount, true, new(block + "query", d), new(block + "key", d), new(block + "value", d));
        yield return new(block + "feed_forward_output", 1, config.InnerDim, false, new UnitInput(block + "feed_forward_input", 1));
    }

    private static IEnumerable<PruningSite> Of(GptConfig config, string block)
    {
        yield return new(block + "attention_output", config.HeadDim, config.HeadCount, true, new UnitInput(block + "qkv", config.HeadDim, Parts: 3));
        yield return new(block + "feed_forward_output", 1, config.InnerDim, false, new UnitInput(block + "feed_forward_input", 1));
    }

    private static IEnumerable<PruningSite> Of(LlamaConfig config, string block)
    {
        int d = config.HeadDim, group = config.HeadCount / config.SharedHeadCount * d;
        yield return new(block + "attention_output", group, config.SharedHeadCount, true, new(block + "query", group), new(block + "key", d), new(block + "value", d));
        yield return new(block + "down", 1, config.FeedForwardDim, false, new(block + "gate", 1), new(block + "up", 1));
    }

    private static IEnumerable<PruningSite> Of(T5Config config, string block, bool isDecoder)
    {
        int d = config.HeadDim;
        // The biases of the scores are one table for all layers, a column for each head.
        yield return new(block + "attention_output", d, config.HeadCount, true, new(block + "query", d), new(block + "key", d), new(block + "value", d)) { Shared = isDecoder ? "decoder_positions" : "encoder_positions" };
        if (isDecoder) yield return new(block + "cross_output", d, config.HeadCount, true, new(block + "cross_query", d), new(block + "cross_key", d), new(block + "cross_value", d));
        UnitInput[] inputs = config.IsGated ? [new(block + "gate", 1), new(block + "up", 1)] : [new(block + "up", 1)];
        yield return new(block + "down", 1, config.FeedForwardDim, false, inputs);
    }
}
