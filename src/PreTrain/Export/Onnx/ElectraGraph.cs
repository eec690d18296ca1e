using PreTrain.Models;
using PreTrain.Models.Electra;
using PreTrain.Modules;

namespace PreTrain.Export.Onnx;

/// <summary>ELECTRA, generator or discriminator, as operators.</summary>
internal static class ElectraGraph
{
    internal static void Build(OnnxLayers layers, ElectraConfig config, ModelHead head)
    {
        var encoder = new EncoderGraph(layers, config.ToEncoder());
        switch (head)
        {
            case ModelHead.MaskedLanguageModel:
                encoder.OutputTokens("logits", Activation.Gelu);
                break;
            case ModelHead.ReplacedTokenDetection:
                encoder.OutputDetection(config.Activation);
                break;
            case ModelHead.SequenceClassification:
                encoder.OutputClassification(config.LabelCount, Activation.Gelu);
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
