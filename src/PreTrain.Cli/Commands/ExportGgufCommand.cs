using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Export;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain export gguf</c>: a causal language model with its tokenizer, for llama.cpp.</summary>
internal static class ExportGgufCommand
{
    public static void AddTo(Command export, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<string?> output = Options.Text("--output", "FILE", "The file to write, usually named .gguf.", required: true);
        Option<GgufPrecision?> type = Options.Choice("--type", "How matrices are stored. q4_k_m is llama.cpp's mixture, about 4.8 bits a weight. The default is f16.",
            ("f32", GgufPrecision.Float32), ("f16", GgufPrecision.Float16), ("q8_0", GgufPrecision.Q80), ("q4_0", GgufPrecision.Q40), ("q4_k_m", GgufPrecision.Q4KM));
        Option<string?> name = Options.Text("--name", "NAME", "What the file calls the model. The default is the name of the file.");
        Option<bool> noTokenizer = new("--no-tokenizer") { Description = "Leaves the tokenizer out; llama.cpp is fed with ids then." };
        Option<bool> overwrite = ExportCommand.OverwriteOption();
        add(export, new Command("gguf", "Writes a GPT-2, Llama, Mistral, Qwen2 or Qwen3 as a GGUF file, which llama.cpp runs.") { model, output, type, name, noTokenizer, overwrite }, (parsed, session) =>
            Run(session, parsed.GetRequiredValue(model)!, parsed.GetRequiredValue(output)!, !parsed.GetValue(noTokenizer), parsed.GetValue(overwrite),
                new GgufExportOptions { Precision = parsed.GetValue(type) ?? new GgufExportOptions().Precision, Name = parsed.GetValue(name) }));
    }

    private static void Run(Session session, string folder, string output, bool hasTokenizer, bool overwrites, GgufExportOptions options)
    {
        session.Start();
        ExportCommand.Prepare(output, overwrites);
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ExportCommand.Load(session, folder, "GGUF", GgufExporter.ModelTypes, ModelHead.CausalLanguageModel, canDropHead: false);
        TextTokenizer? tokenizer = hasTokenizer ? ModelFolder.LoadTokenizer(folder, model) : null;
        if (hasTokenizer) options = options with { ChatTemplate = ChatTemplate.ReadSource(ModelFolder.Resolve(folder)) };
        GgufExportResult result = GgufExporter.Export(model, tokenizer, output, options, session.Cancellation);
        session.Result(json =>
        {
            json.WriteString("output", output);
            json.WriteString("architecture", result.Architecture);
            json.WriteString("tokenizer", result.TokenizerModel);
            json.WriteStartObject("tensors");
            foreach (var (name, count) in result.TensorTypes) json.WriteNumber(name, count);
            json.WriteEndObject();
            json.WriteNumber("bytes", result.Bytes);
        }, text => text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{output}\n{result.Architecture}, tokenizer {result.TokenizerModel}, {string.Join(", ", result.TensorTypes.Select(t => $"{t.Value} {t.Key}"))}, {result.Bytes:N0} bytes")));
    }
}
