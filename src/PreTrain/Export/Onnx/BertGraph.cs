using PreTrain.Models;
using PreTrain.Models.Bert;

namespace PreTrain.Export.Onnx;

/// <summary>BERT as operators. Padding stands behind the tokens of a row, as BERT's tokenizers put it.</summary>
internal static class BertGraph
{
    internal static void Build(OnnxLayers layers, BertConfig config, ModelHead head)
    {
        var encoder = new EncoderGraph(layers, config.ToEncoder());
        switch (head)
        {
            case ModelHead.MaskedLanguageModel:
                encoder.OutputTokens("logits", config.Activation);
                break;
            case ModelHead.PreTraining:
                encoder.OutputTokens("prediction_logits", config.Activation);
                encoder.OutputClasses(encoder.Pool(), "next_sentence", 2, "seq_relationship_logits");
                break;
            case ModelHead.NextSentence:
                encoder.OutputClasses(encoder.Pool(), "next_sentence", 2);
                break;
            case ModelHead.SequenceClassification:
                encoder.OutputClasses(encoder.Pool(), "classifier", config.LabelCount);
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
