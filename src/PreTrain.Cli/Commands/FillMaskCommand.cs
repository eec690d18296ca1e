using System.CommandLine;
using System.Globalization;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain fill-mask</c>: what a masked language model expects in place of masks.</summary>
internal static class FillMaskCommand
{
    private const int DefaultTop = 5;

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
        Option<string?> text = Options.Text("--text", "TEXT", "The text, with the tokenizer's mask token where something is missing, such as [MASK] or <mask>.", required: true);
        Option<int?> top = Options.Positive("--top", $"Tokens to show for each mask. The default is {DefaultTop}.");
        var command = new Command("fill-mask", "Shows the most probable tokens for each mask of a text.") { model, text, top };
        add(root, command, (parsed, session) => Run(session, parsed.GetRequiredValue(model)!, parsed.GetRequiredValue(text)!, parsed.GetValue(top) ?? DefaultTop));
    }

    private static void Run(Session session, string folder, string text, int top)
    {
        Device device = session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device, ModelHead.MaskedLanguageModel);
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        int mask = tokenizer.SpecialTokens.Mask ?? throw new CheckpointException(ModelFolder.Resolve(folder), "the tokenizer has no mask token.");
        TokenEncoding encoding = TokenizerCommand.Using(folder, () => tokenizer.Tokenize(text, options: EncodingOptions.Whole));
        int[] places = [.. Enumerable.Range(0, encoding.Count).Where(i => encoding.Ids[i] == mask)];
        if (places.Length == 0) throw new UsageException($"--text must hold the tokenizer's mask token, {tokenizer.IdToToken(mask)}.");
        if (ModelFolder.Sizes(model) is { } sizes && encoding.Count > sizes.Context)
            throw new UsageException($"--text has {encoding.Count} tokens; the model's context takes at most {sizes.Context}.");

        using IDisposable mode = no_grad();
        long[] ids = [.. encoding.Ids.ToArray().Select(id => (long)id)];
        Tensor logits = model.Forward(new ModelInput { Ids = tensor(ids, [1, ids.Length], device: device) }).Logits[0].to(ScalarType.Float32);   // (T, V)
        var predictions = new List<(int Id, double Probability)[]>();
        foreach (int place in places)
        {
            float[] probabilities = logits[place].softmax(0).cpu().data<float>().ToArray();
            if (!probabilities.All(float.IsFinite)) throw new NotFiniteException($"The probabilities are not finite: the weights in '{folder}' hold values that are not, or too large ones.");
            predictions.Add([.. Enumerable.Range(0, probabilities.Length).OrderByDescending(id => probabilities[id]).Take(top).Select(id => (id, (double)probabilities[id]))]);
        }
        session.Result(json =>
        {
            json.WriteStartArray("predictions");
            foreach ((int Id, double Probability)[] list in predictions)
            {
                json.WriteStartArray();
                foreach (var (id, probability) in list)
                {
                    json.WriteStartObject();
                    json.WriteString("token", tokenizer.IdToToken(id));
                    json.WriteNumber("id", id);
                    json.WriteNumber("probability", probability);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            }
            json.WriteEndArray();
        }, output =>
        {
            for (int i = 0; i < predictions.Count; i++)
            {
                if (predictions.Count > 1) output.WriteLine($"mask {i + 1}");
                foreach (var (id, probability) in predictions[i]) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{id,9}  {probability,8:P2}  {tokenizer.IdToToken(id)}"));
            }
        });
    }
}
