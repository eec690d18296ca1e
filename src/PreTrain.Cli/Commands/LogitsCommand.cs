using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Models.Gpt;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain logits</c>: a model's scores for given tokens, to compare it with other programs.</summary>
internal static class LogitsCommand
{
    private const int Shown = 5;

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<long[]> ids = new("--ids")
        {
            Description = "Token ids with commas between them.",
            HelpName = "5,1,2",
            Required = true,
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
        var command = new Command("logits", "Prints the scores of every token at every position, in float32, row by row.") { model, ids };
        add(root, command, (parsed, session) => Run(session, parsed.GetRequiredValue(model)!, parsed.GetRequiredValue(ids)));
    }

    private static void Run(Session session, string folder, long[] ids)
    {
        Device device = session.Start();
        using GptModel model = ModelFolder.LoadModel(folder, device);
        if (ids.Length == 0) throw new UsageException("--ids must hold at least one token id, as in --ids 5,1,2.");
        if (ids.Length > model.ContextLength)
            throw new UsageException($"--ids holds {ids.Length} ids; the model's context takes at most {model.ContextLength}.");
        if (ids.FirstOrDefault(id => id >= model.VocabSize, -1) is var outside and >= 0)
            throw new UsageException($"--ids ({outside}) must be below the model's vocabulary of {model.VocabSize} tokens.");

        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor logits = model.Logits(tensor(ids, [1, ids.Length]).to(device)).to(ScalarType.Float32).cpu().contiguous();   // (1, T, V)
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
            text.WriteLine("The best tokens after the last one:");
            ByteLevelBpeTokenizer? tokenizer = File.Exists(Path.Combine(ModelFolder.Resolve(folder), "tokenizer.json")) ? ModelFolder.LoadTokenizer(folder, model) : null;
            ArraySegment<float> last = new(values, values.Length - model.VocabSize, model.VocabSize);
            foreach (int id in Enumerable.Range(0, model.VocabSize).OrderByDescending(id => last[id]).Take(Shown))
                text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{id,9}  {last[id],10:F4}  {(tokenizer is null ? "" : System.Text.Json.JsonSerializer.Serialize(tokenizer.Decode([id])))}"));
        });
    }
}
