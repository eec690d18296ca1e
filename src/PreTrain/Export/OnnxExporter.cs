using PreTrain.Export.Onnx;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Electra;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.Roberta;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Export;

/// <summary>
/// Writes a model as an ONNX file, for ONNX Runtime and whatever else reads it, with batches and sequences of any length: BERT, DistilBERT, RoBERTa, XLM-R and ELECTRA with each of their heads, GPT-2, Llama, Mistral, Qwen2
/// and Qwen3. Inputs and outputs have the names that Hugging Face's Optimum gives them.
/// </summary>
public static class OnnxExporter
{
    /// <summary>The families that can be exported, as <c>config.json</c> calls them.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = ["bert", "distilbert", "roberta", "xlm-roberta", "electra", "gpt2", "llama", "mistral", "qwen2", "qwen3"];

    /// <summary>Writes the file, atomically.</summary>
    /// <param name="model">The model, with any head; on any device.</param>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="options">How to write; null for the defaults.</param>
    /// <param name="cancellationToken">Ends it between two tensors.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ArgumentException">The family has no export, the model is quantized, a weight is not finite, or an option is wrong or does not fit the model.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled. What was there is there still.</exception>
    public static OnnxExportResult Export(ITransformerModel model, string path, OnnxExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        options ??= new OnnxExportOptions();
        options.Validate();
        if (!ModelTypes.Contains(model.ModelType)) throw new ArgumentException($"A {model.ModelType} model cannot be exported as ONNX; {string.Join(", ", ModelTypes)} can.", nameof(model));
        ExportRules.RequireWholeWeights(model);
        if (options.HasPast && (model is not ICausalLanguageModel || model.Head != ModelHead.CausalLanguageModel))
            throw new ArgumentException($"{nameof(OnnxExportOptions.HasPast)} is for a model that predicts the next token, and this {model.ModelType} has the head {model.Head}.", nameof(options));

        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var graph = new OnnxGraph();
        var layers = new OnnxLayers(graph, ((nn.Module)model).state_dict(), options.Quantization);
        switch (model)
        {
            case BertModel bert:
                BertGraph.Build(layers, bert.Config, bert.Head);
                break;
            case RobertaModel roberta:
                RobertaGraph.Build(layers, roberta.Config, roberta.Head);
                break;
            case DistilBertModel distilBert:
                DistilBertGraph.Build(layers, distilBert.Config, distilBert.Head);
                break;
            case ElectraModel electra:
                ElectraGraph.Build(layers, electra.Config, electra.Head);
                break;
            case GptModel gpt:
                GptGraph.Build(layers, gpt.Config, gpt.Head, options.HasPast);
                break;
            case LlamaModel llama:
                LlamaGraph.Build(layers, llama.Config, llama.Head, options.HasPast);
                break;
            default:
                throw new ArgumentException($"A {model.GetType().Name} cannot be exported as ONNX; load the folder with one of its usual heads.", nameof(model));
        }
        IReadOnlyList<string> files = OnnxFile.Write(path, graph, options.Opset, options.MaxInlineBytes, cancellationToken);
        return new OnnxExportResult(files, [.. graph.Inputs.Select(port => port.Name)], [.. graph.Outputs.Select(port => port.Name)], files.Sum(file => new FileInfo(file).Length));
    }
}
