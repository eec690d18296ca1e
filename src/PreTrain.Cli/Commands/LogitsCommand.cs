using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain logits</c>: what a model of any family and head computes from given numbers, to compare it with other programs.</summary>
internal static class LogitsCommand
{
    private const int Shown = 5;

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<ModelHead?> head = HeadOption.Create();
        Option<string?> input = Options.Text("--input", "FILE.json", "What the model takes, as far as it does: an object with input_ids, attention_mask, token_type_ids, decoder_input_ids and "
            + "decoder_attention_mask as lists of rows, pixel_values as images of channels of rows.");
        Option<long[]> ids = new("--ids")
        {
            Description = "Instead of --input: the token ids of one sequence with commas between them.",
            HelpName = "5,1,2",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
            CustomParser = result =>
            {
                var values = new List<long>();
                foreach (string text in result.Tokens.SelectMany(token => token.Value.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)))
                {
                    if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long id))
                        values.Add(id);
                    else
                        result.AddError($"--ids ({text}) must be whole numbers from 0 with commas between them, as in --ids 5,1,2.");
                }
                return [.. values];
            },
        };
        var command = new Command("logits", "Prints a head's scores, in float32, row by row: of every token at every position, of every class, of every answer's start and end.") { model, head, input, ids };
        add(root, command, (parsed, session) =>
        {
            string? file = parsed.GetValue(input);
            bool hasIds = parsed.GetResult(ids) is not null;
            if (file is null == !hasIds) throw new UsageException("Give either --input or --ids.");
            Run(session, parsed.GetRequiredValue(model)!, parsed.GetValue(head), file, hasIds ? parsed.GetValue(ids)! : []);
        });
    }

    private static void Run(Session session, string folder, ModelHead? head, string? file, long[] ids)
    {
        Device device = session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device, head);
        WarnOfNewHead(session, folder, model);
        ModelInput input = file is null ? OfIds(ids, model, device) : ModelInputFile.Read(file, device);
        using IDisposable mode = no_grad();
        Tensor logits = Compute(model, input, file).to(ScalarType.Float32).cpu().contiguous();
        float[] values = logits.data<float>().ToArray();
        session.Result(json =>
        {
            json.WriteStartArray("shape");
            foreach (long size in logits.shape) json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteStartArray("logits");
            foreach (float value in values)
            {
                if (float.IsFinite(value))
                    json.WriteNumberValue(value);
                else
                    json.WriteNullValue();
            }
            json.WriteEndArray();
        }, text =>
        {
            text.WriteLine($"shape      {string.Join(" × ", logits.shape)}");
            if (model.Head == ModelHead.CausalLanguageModel)
                WriteBest(text, folder, model, values);
            else
                WriteRows(text, logits.shape, values);
        });
    }

    private static ModelInput OfIds(long[] ids, ITransformerModel model, Device device)
    {
        if (ids.Length == 0) throw new UsageException("--ids must hold at least one token id, as in --ids 5,1,2.");
        if (ModelFolder.Sizes(model) is { } sizes)
        {
            if (ids.Length > sizes.Context) throw new UsageException($"--ids holds {ids.Length} ids; the model's context takes at most {sizes.Context}.");
            if (ids.FirstOrDefault(id => id >= sizes.Vocabulary, -1) is var outside and >= 0)
                throw new UsageException($"--ids ({outside}) must be below the model's vocabulary of {sizes.Vocabulary} tokens.");
        }
        return new ModelInput { Ids = tensor(ids, [1, ids.Length], device: device) };
    }

    private static Tensor Compute(ITransformerModel model, ModelInput input, string? file)
    {
        try
        {
            return model.Forward(input).Logits;
        }
        catch (ArgumentException fault) when (file is not null)
        {
            throw new CorpusException($"The file '{file}' does not suit the model: {Faults.Explain(fault).Message}", file, fault);
        }
    }

    /// <summary>A head that the folder lacks has random values, which somebody who compares numbers has to know.</summary>
    private static void WarnOfNewHead(Session session, string folder, ITransformerModel model)
    {
        string file = Path.Combine(ModelFolder.Resolve(folder), "config.json");
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(file));
        string wanted = (string)model.ToConfigJson()["architectures"]![0]!;
        if (!config.RootElement.TryGetProperty("architectures", out JsonElement saved) || saved.ValueKind != JsonValueKind.Array || saved.GetArrayLength() == 0) return;
        string?[] names = [.. saved.EnumerateArray().Select(name => name.ValueKind == JsonValueKind.String ? name.GetString() : null)];
        if (names.Any(name => name is not null && name.EndsWith(wanted, StringComparison.Ordinal))) return;
        session.Log($"The folder was saved from {string.Join(", ", names)}, not from {wanted}: what that head has and the folder lacks starts from random values (--seed).");
    }

    private static void WriteBest(TextWriter text, string folder, ITransformerModel model, float[] values)
    {
        text.WriteLine("The best tokens after the last one:");
        int vocabulary = ModelFolder.Sizes(model)!.Value.Vocabulary;
        TextTokenizer? tokenizer = File.Exists(Path.Combine(ModelFolder.Resolve(folder), "tokenizer.json")) ? ModelFolder.LoadTokenizer(folder, model) : null;
        ArraySegment<float> last = new(values, values.Length - vocabulary, vocabulary);
        foreach (int id in Enumerable.Range(0, vocabulary).OrderByDescending(id => last[id]).Take(Shown))
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{id,9}  {last[id],10:F4}  {(tokenizer?.IdToToken(id) is null ? "" : JsonSerializer.Serialize(tokenizer.Decode([id])))}"));
    }

    /// <summary>The beginnings of the first rows.</summary>
    private static void WriteRows(TextWriter text, long[] shape, float[] values)
    {
        int width = (int)shape[^1];
        for (int row = 0; row < Math.Min(Shown, values.Length / width); row++)
        {
            string numbers = string.Concat(values.AsSpan(row * width, Math.Min(Shown, width)).ToArray().Select(value => string.Create(CultureInfo.InvariantCulture, $"  {value,10:F4}")));
            text.WriteLine($"row {row,-6}{numbers}{(width > Shown ? "  …" : "")}");
        }
    }
}
