using PreTrain.Models;
using PreTrain.Models.Roberta;
using PreTrain.Modules;

namespace PreTrain.Export.Onnx;

/// <summary>RoBERTa and XLM-R as operators.</summary>
internal static class RobertaGraph
{
    internal static void Build(OnnxLayers layers, RobertaConfig config, ModelHead head)
    {
        var encoder = new EncoderGraph(layers, config.ToEncoder(), config.PaddingId);
        switch (head)
        {
            case ModelHead.MaskedLanguageModel:
                encoder.OutputTokens("logits", Activation.Gelu);
                break;
            case ModelHead.SequenceClassification:
                encoder.OutputClassification(config.LabelCount, Activation.Tanh);
                break;
            case ModelHead.TokenClassification:
                encoder.OutputTokenClasses(config.LabelCount);
                break;
            case ModelHead.QuestionAnswering:
                encoder.OutputAnswer();
                break;
            default:
                encoder.OutputStates();
                layers.Graph.Output(encoder.Pool(), "pooler_output", EncoderGraph.Batch, config.EmbeddingDim);
                break;
        }
    }
}
