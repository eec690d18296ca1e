using PreTrain.Models;
using PreTrain.Models.DistilBert;
using PreTrain.Modules;

namespace PreTrain.Export.Onnx;

/// <summary>DistilBERT as operators.</summary>
internal static class DistilBertGraph
{
    internal static void Build(OnnxLayers layers, DistilBertConfig config, ModelHead head)
    {
        var encoder = new EncoderGraph(layers, config.ToEncoder());
        switch (head)
        {
            case ModelHead.MaskedLanguageModel:
                encoder.OutputTokens("logits", config.Activation);
                break;
            case ModelHead.SequenceClassification:
                encoder.OutputClasses(layers.Activate(layers.Map(encoder.First, "pre_classifier"), Activation.Relu), "classifier", config.LabelCount);
                break;
            case ModelHead.TokenClassification:
                encoder.OutputTokenClasses(config.LabelCount);
                break;
            case ModelHead.QuestionAnswering:
                encoder.OutputAnswer();
                break;
            default:
                encoder.OutputStates();
                break;
        }
    }
}
