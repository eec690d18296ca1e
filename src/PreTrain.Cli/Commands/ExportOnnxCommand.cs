using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Export;
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain export onnx</c>: a model as a graph of operators, for ONNX Runtime.</summary>
internal static class ExportOnnxCommand
{
    public static void AddTo(Command export, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<string?> output = Options.Text("--output", "FILE", "The file to write, usually named .onnx. Weights of more than 1.9 GB go to a second file beside it.", required: true);
        Option<ModelHead?> head = HeadOption.Create();
        Option<OnnxQuantization?> quantize = Options.Choice("--quantize", "int8: weights and activations of linear maps in 8 bits; int8-weights: weights alone. The default is neither.",
            ("int8", OnnxQuantization.Int8Dynamic), ("int8-weights", OnnxQuantization.Int8Weights));
        Option<int?> opset = Options.Positive("--opset", $"The version of ONNX's operators, {OnnxExportOptions.OldestOpset} to {OnnxExportOptions.NewestOpset}. The default is {new OnnxExportOptions().Opset}.");
        Option<bool> past = new("--past") { Description = "A causal model takes the keys and values of earlier tokens, and gives them with the new ones, so that writing computes each token once." };
        Option<bool> overwrite = ExportCommand.OverwriteOption();
        add(export, new Command("onnx", "Writes a BERT, DistilBERT, RoBERTa, ELECTRA, GPT-2, Llama, Mistral, Qwen2 or Qwen3 as an ONNX file, which ONNX Runtime runs.") { model, output, head, quantize, opset, past, overwrite }, (parsed, session) =>
        {
            int version = parsed.GetValue(opset) ?? new OnnxExportOptions().Opset;
            if (version is < OnnxExportOptions.OldestOpset or > OnnxExportOptions.NewestOpset)
                throw new UsageException($"--opset ({version}) must be from {OnnxExportOptions.OldestOpset} to {OnnxExportOptions.NewestOpset}.");
            Run(session, parsed.GetRequiredValue(model)!, parsed.GetRequiredValue(output)!, parsed.GetValue(head), parsed.GetValue(overwrite),
                new OnnxExportOptions { Quantization = parsed.GetValue(quantize) ?? OnnxQuantization.None, Opset = version, HasPast = parsed.GetValue(past) });
        });
    }

    private static void Run(Session session, string folder, string output, ModelHead? head, bool overwrites, OnnxExportOptions options)
    {
        session.Start();
        ExportCommand.Prepare(output, overwrites);
        ExportCommand.Prepare(output + ".data", overwrites);   // where large weights would go
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ExportCommand.Load(session, folder, "ONNX", OnnxExporter.ModelTypes, head);
        if (options.HasPast && model.Head != ModelHead.CausalLanguageModel) throw new UsageException($"--past goes with a model that predicts the next token, and --model ({folder}) holds a {model.ModelType} with the head {model.Head}.");
        OnnxExportResult result = OnnxExporter.Export(model, output, options, session.Cancellation);
        session.Result(json =>
        {
            json.WriteString("output", output);
            Write("files", result.Files);
            Write("inputs", result.Inputs);
            Write("outputs", result.Outputs);
            json.WriteNumber("bytes", result.Bytes);

            void Write(string name, IReadOnlyList<string> values)
            {
                json.WriteStartArray(name);
                foreach (string value in values) json.WriteStringValue(value);
                json.WriteEndArray();
            }
        }, text => text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{string.Join('\n', result.Files)}\ninputs {string.Join(", ", result.Inputs)}; outputs {string.Join(", ", result.Outputs)}; {result.Bytes:N0} bytes")));
    }
}
