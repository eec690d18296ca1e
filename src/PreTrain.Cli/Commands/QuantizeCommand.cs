using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Compression;
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
        Option<string[]> data = CorpusOption.Create(required: false);
        Option<int?> samples = Options.Positive("--samples", $"Windows of the model's context, at most {CalibrationWindows.LongestWindow} tokens, that are read from --data. The default is {DefaultSamples}.");
        Option<bool> overwrite = ExportCommand.OverwriteOption();
        var choice = new QuantizeChoice();
        var command = new Command("quantize", "Writes a model whose linear maps have weights of few bits. It is loaded as any model, and cannot be trained.") { model, output, data, samples, overwrite };
        foreach (Option option in choice.All) command.Add(option);
        add(root, command, (parsed, session) =>
        {
            choice.Read(parsed);
            bool hasData = parsed.GetResult(data) is { Implicit: false };
            if (choice.NeedsData && !hasData) throw new UsageException($"{Reader(choice)} needs --data: text as the model will see it.");
            if (!choice.NeedsData && (hasData || parsed.GetValue(samples) is not null)) throw new UsageException("--data and --samples go with --method gptq, awq, smoothquant or static, and with --budget.");
            string folder = parsed.GetRequiredValue(model)!, target = parsed.GetRequiredValue(output)!;
            ModelFolder.RequireWhole(folder);
            PruneCommand.RequireOutput(ModelFolder.Resolve(folder), target, parsed.GetValue(overwrite));
            Run(session, folder, target, choice, hasData ? parsed.GetRequiredValue(data) : [], parsed.GetValue(samples) ?? DefaultSamples);
        });
    }

    private static string Reader(QuantizeChoice choice) => choice.BudgetOrNull is not null ? "--budget" : choice.Method == "rtn" ? "--scheme int8-static" : $"--method {choice.Method}";

    private static void Run(Session session, string folder, string target, QuantizeChoice choice, string[] data, int samples)
    {
        TextCorpus? corpus = data.Length == 0 ? null : CorpusOption.Open(data);
        session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, CPU);
        if (choice.BudgetOrNull is null) choice.Stage.Require(model);
        else RequireBudget(folder, model, choice);
        CalibrationWindows? windows = corpus is null ? null : new CalibrationWindows(session, folder, model, corpus, samples);
        MixedPrecisionPlan? plan = choice.BudgetOrNull is { } budget ? Plan(session, model, choice, windows!, budget) : null;
        QuantizationResult result = plan is null ? CorpusOption.Calibrate(data, () => choice.Stage.Apply(model, windows?.Inputs ?? [], session.Cancellation)) : Quantizer.Quantize(model, choice.Stage.Quantization, plan, session.Cancellation);
        if (result.Smoothed.Count > 0) session.Detail($"smoothed: {string.Join(", ", result.Smoothed)}");
        session.Cancellation.ThrowIfCancellationRequested();
        AtomicFolder.Write(target, beside =>
        {
            model.SavePretrained(beside);
            CheckpointConverter.CopyCompanions(ModelFolder.Resolve(folder), beside);
        });
        session.Result(json =>
        {
            json.WriteString("output", target);
            json.WriteNumber("maps", result.Maps.Count);
            json.WriteNumber("bytesBefore", result.BytesBefore);
            json.WriteNumber("bytesAfter", result.BytesAfter);
            json.WriteNumber("tiedHeadBytes", result.TiedHeadBytes);
            json.WriteNumber("fileBytes", new FileInfo(Path.Combine(target, "model.safetensors")).Length);
            if (plan is not null) Write(json, plan);
        }, text =>
        {
            if (plan is not null) Write(text, plan);
            string part = result.BytesBefore == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" ({100.0 * result.BytesAfter / result.BytesBefore:F1} %)");
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target}\n{result.Maps.Count} linear maps, {result.BytesBefore:N0} bytes before and {result.BytesAfter:N0} now{part}{(result.TiedHeadBytes == 0 ? "" : $"; a copy of the tied head of {result.TiedHeadBytes:N0} bytes")}"));
        });
    }

    /// <summary>What a scan would refuse is told before a text is read.</summary>
    private static void RequireBudget(string folder, ITransformerModel model, QuantizeChoice choice)
    {
        if (model is not ICausalLanguageModel || model.Head != ModelHead.CausalLanguageModel) throw new UsageException($"--budget needs a model that predicts next tokens, and --model ({folder}) holds a {model.ModelType} with the head {model.Head}.");
        foreach (QuantizationScheme scheme in new[] { QuantizationScheme.Int8Weights, QuantizationScheme.Int4Weights }) new QuantizeStage { Quantization = choice.Stage.Quantization with { Scheme = scheme } }.Require(model);
    }

    private static MixedPrecisionPlan Plan(Session session, ITransformerModel model, QuantizeChoice choice, CalibrationWindows windows, double budget)
    {
        IReadOnlyList<MapSensitivity> scan = MixedPrecision.Scan(model, choice.Stage.Quantization, () => windows.Loss((ICausalLanguageModel)model, session.Cancellation), cancellationToken: session.Cancellation);
        long now = scan.Where(one => one.Scheme is null).Sum(one => one.Bytes);
        return MixedPrecision.Choose(scan, (long)(budget < 0 ? -budget * now : Math.Min(budget, now)));
    }

    private static void Write(Utf8JsonWriter json, MixedPrecisionPlan plan)
    {
        json.WriteFinite("expectedIncrease", plan.Increase);
        json.WriteStartArray("choices");
        foreach (MapSensitivity choice in plan.Choices)
        {
            json.WriteStartObject();
            json.WriteString("map", choice.Map);
            json.WriteNumber("bits", BitsOf(choice));
            json.WriteNumber("bytes", choice.Bytes);
            json.WriteFinite("increase", choice.Increase);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(TextWriter text, MixedPrecisionPlan plan)
    {
        int width = plan.Choices.Max(choice => choice.Map.Length);
        text.WriteLine($"{"map".PadRight(width)}  bits        bytes  loss alone");
        foreach (MapSensitivity choice in plan.Choices)
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{choice.Map.PadRight(width)}  {BitsOf(choice),4} {choice.Bytes,12:N0}  {choice.Increase,10:+0.00000;-0.00000}"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"together".PadRight(width)}       {plan.Bytes,12:N0}  {plan.Increase,10:+0.00000;-0.00000}"));
    }

    private static int BitsOf(MapSensitivity choice) => choice.Scheme switch
    {
        QuantizationScheme.Int4Weights => 4,
        QuantizationScheme.Int8Weights => 8,
        _ => 32,
    };
}
