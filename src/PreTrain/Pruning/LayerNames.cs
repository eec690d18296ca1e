using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;

namespace PreTrain.Pruning;

/// <summary>The layers of an encoder or of a decoder.</summary>
/// <param name="Prefix">What their names begin with, the number excluded.</param>
/// <param name="Count">How many there are.</param>
/// <param name="IsEncoderOfPair">Whether a decoder reads them.</param>
internal sealed record LayerNames(string Prefix, int Count, bool IsEncoderOfPair = false)
{
    /// <summary>The stacks of a model, the one with <see cref="StructuredPruningOptions.RemovedLayers"/> first.</summary>
    internal static IReadOnlyList<LayerNames> Of(ITransformerModel model) => model switch
    {
        BertModel bert => [new("encoder.blocks.", bert.Config.LayerCount)],
        GptModel gpt => [new("blocks.", gpt.Config.LayerCount)],
        LlamaModel llama => [new("blocks.", llama.Config.LayerCount)],
        T5Model { Head: ModelHead.None } t5 => [new("encoder_blocks.", t5.Config.LayerCount)],
        T5Model t5 => [new("encoder_blocks.", t5.Config.LayerCount, IsEncoderOfPair: true), new("decoder_blocks.", t5.Config.WrittenLayerCount)],
        _ => [],
    };
}
