using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain quantize</c>: a model with weights of few bits.</summary>
internal static class QuantizeCommand
{
    private const int DefaultSamples = 128;

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<string?> output = Options.Text("--output", "DIR", "The folder to write: config.json with quantization_config, model.safetensors and the tokenizer.", required: true);
        Option<QuantizationScheme?> scheme = Options.Choice("--scheme", "int8: weights and activations in 8 bits, the fastest; int8-weights; int4: weights in 4 bits, the smallest. The default is int8.",
            ("int8", QuantizationScheme.Int8Dynamic), ("int8-weights", QuantizationScheme.Int8Weights), ("int4", QuantizationScheme.Int4Weights));
        Option<string?> method = Options.Word("--method", "nearest rounds each weight; gptq keeps what the maps compute from --data. The default is nearest.", ["nearest", "gptq"]);
        Option<int?> groupSize = Options.Positive("--group-size", $"int4: weights that share a scale, 32, 64 or 128. The default is {new QuantizationOptions().GroupSize}.");
        Option<bool> symmetric = new("--symmetric") { Description = "int4: scales without zero points." };
        Option<bool> halfScales = new("--half-scales") { Description = "Scales of 16 bits instead of 32." };
        Option<bool> tiedHead = new("--tied-head") { Description = "Quantizes a head that is the token embedding too, as a copy: faster when tokens are written." };
        Option<string[]> skip = new("--skip") { Description = "Linear maps that stay as they are, by patterns with *, such as *classifier*.", HelpName = "PATTERN", AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore };
        Option<string[]> data = CorpusOption.Create(required: false);
        Option<int?> samples = Options.Positive("--samples", $"gptq: windows of the model's context that are read from --data. The default is {DefaultSamples}.");
        var command = new Command("quantize", "Writes a model whose linear maps have weights of few bits. It is loaded as any model, and cannot be trained.")
        {
            model, output, scheme, method, groupSize, symmetric, halfScales, tiedHead, skip, data, samples,
        };
        add(root, command, (parsed, session) =>
        {
            QuantizationScheme chosen = parsed.GetValue(scheme) ?? QuantizationScheme.Int8Dynamic;
            bool isGptq = parsed.GetValue(method) == "gptq", hasData = parsed.GetResult(data) is { Implicit: false };
            if (isGptq != hasData) throw new UsageException(isGptq ? "--method gptq needs --data: text as the model will see it." : "--data goes with --method gptq.");
            if (chosen != QuantizationScheme.Int4Weights && (parsed.GetValue(groupSize) is not null || parsed.GetValue(symmetric))) throw new UsageException("--group-size and --symmetric go with --scheme int4.");
            string folder = parsed.GetRequiredValue(model)!, target = parsed.GetRequiredValue(output)!;
            if (Path.GetFullPath(target) == Path.GetFullPath(ModelFolder.Resolve(folder))) throw new UsageException($"--output ({target}) must be another folder than --model, whose weights would be lost.");
            var options = new QuantizationOptions
            {
                Scheme = chosen,
                GroupSize = parsed.GetValue(groupSize) ?? new QuantizationOptions().GroupSize,
                IsSymmetric = parsed.GetValue(symmetric),
                HasHalfScales = parsed.GetValue(halfScales),
                HasQuantizedTiedHead = parsed.GetValue(tiedHead),
                Skip = parsed.GetValue(skip) ?? [],
            };
            Run(session, folder, target, options, isGptq ? CorpusOption.Open(parsed.GetRequiredValue(data)) : null, parsed.GetValue(samples) ?? DefaultSamples);
        });
    }

    private static void Run(Session session, string folder, string target, QuantizationOptions options, TextCorpus? corpus, int samples)
    {
        session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, CPU);
        TextTokenizer? tokenizer = File.Exists(Path.Combine(ModelFolder.Resolve(folder), "tokenizer.json")) ? ModelFolder.LoadTokenizer(folder, model) : null;
        QuantizationResult result = corpus is null ? Quantizer.Quantize(model, options) : Quantizer.QuantizeGptq(model, options, Windows(session, folder, model, corpus, samples));
        model.SavePretrained(target);
        tokenizer?.Save(target);
        session.Result(json =>
        {
            json.WriteString("output", target);
            json.WriteNumber("maps", result.Maps.Count);
            json.WriteNumber("bytesBefore", result.BytesBefore);
            json.WriteNumber("bytesAfter", result.BytesAfter);
            json.WriteNumber("fileBytes", new FileInfo(Path.Combine(target, "model.safetensors")).Length);
        }, text => text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{target}\n{result.Maps.Count} linear maps, {result.BytesBefore:N0} bytes before and {result.BytesAfter:N0} now ({100.0 * result.BytesAfter / result.BytesBefore:F1} %)")));
    }

    /// <summary>Windows of the text, spread over the whole of it.</summary>
    private static List<ModelInput> Windows(Session session, string folder, ITransformerModel model, TextCorpus corpus, int samples)
    {
        if (model is ISequenceToSequenceModel || ModelFolder.Sizes(model) is not { } sizes) throw new UsageException($"--model ({folder}) holds a {model.ModelType} model; --method gptq takes one that reads one text. Use --method nearest.");
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        string scratch = Directory.CreateTempSubdirectory("pretrain-quantize-").FullName;
        try
        {
            using TokenStore store = TokenStore.Build(corpus, tokenizer, Path.Combine(scratch, "tokens"), cancellationToken: session.Cancellation);
            var windows = new EvaluationWindows(store.All, sizes.Context);
            var inputs = new List<ModelInput>();
            int count = (int)Math.Min(samples, windows.Count);
            for (int i = 0; i < count; i++)
            {
                long window = windows.Count * i / count;
                long[] ids = new long[sizes.Context], targets = new long[sizes.Context];
                windows.Fill(window, ids, targets, 1);
                int length = windows.ValidLength(window);
                inputs.Add(new ModelInput { Ids = tensor(ids[..length], [1, length]) });
            }
            return inputs;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }
}
