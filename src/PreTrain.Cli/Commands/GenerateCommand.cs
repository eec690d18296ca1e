using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using PreTrain.Cli.Hosting;
using PreTrain.Generation;
using PreTrain.Models.Gpt;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain generate</c>: lets a model write.</summary>
internal sealed class GenerateCommand
{
    private static readonly GenerationOptions s_defaults = new();

    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string> _prompt = new("--prompt") { Description = "The text to continue. Without it the model starts a new text.", HelpName = "TEXT", DefaultValueFactory = _ => "" };
    private readonly Option<int?> _maxNewTokens = Options.Positive("--max-new-tokens", $"The most tokens to write. The default is {s_defaults.MaxNewTokens}.");
    private readonly Option<double?> _temperature = Options.Number("--temperature", "Divides the logits; 0 takes the most probable token each time. The default is 1.", value => value >= 0, "must be 0 or a positive number");
    private readonly Option<int?> _topK = Options.NotNegative("--top-k", "Draws from this many of the most probable tokens only; 0 for all, the default.");
    private readonly Option<double?> _topP = Options.Number("--top-p", "Draws from the most probable tokens that together reach this probability. The default is 1: all.", value => value is > 0 and <= 1,
        "must be a number above 0 and at most 1");

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new GenerateCommand();
        var command = new Command("generate", "Lets a model continue a text.")
        {
            options._model, options._prompt, options._maxNewTokens, options._temperature, options._topK, options._topP,
        };
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = parsed.GetValue(_maxNewTokens) ?? s_defaults.MaxNewTokens,
            Temperature = parsed.GetValue(_temperature) ?? s_defaults.Temperature,
            TopK = parsed.GetValue(_topK) ?? s_defaults.TopK,
            TopP = parsed.GetValue(_topP) ?? s_defaults.TopP,
            Seed = session.Seed,
        };
        string folder = parsed.GetRequiredValue(_model)!, prompt = parsed.GetRequiredValue(_prompt);
        torch.Device device = session.Start();
        using GptModel model = ModelFolder.LoadModel(folder, device);
        ByteLevelBpeTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        int[] start = tokenizer.Encode(prompt.AsSpan());
        if (start.Length == 0)
            start = [tokenizer.EndOfTextId ?? throw new UsageException($"--prompt must not be empty: the tokenizer in '{folder}' has no end-of-text token to start from.")];

        // A person sees the text grow; a program gets it whole.
        TextWriter? live = session.Json ? null : session.Output;
        live?.Write(prompt);
        var (tokens, text) = (new List<int>(), new StringBuilder());
        var decoder = new StreamingDecoder(tokenizer);
        var watch = Stopwatch.StartNew();
        try
        {
            foreach (int id in model.GenerateTokens(start, options, tokenizer.EndOfTextId, session.Cancellation))
            {
                tokens.Add(id);
                Write(decoder.Push(id));
            }
        }
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            throw new NotFiniteException(e.Message);
        }
        Write(decoder.Flush());
        double rate = tokens.Count / watch.Elapsed.TotalSeconds;

        session.Result(json =>
        {
            json.WriteString("prompt", prompt);
            json.WriteString("text", text.ToString());
            json.WriteStartArray("tokens");
            foreach (int id in tokens) json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteFinite("tokensPerSecond", rate);
        }, output => output.WriteLine());
        session.Detail(string.Create(CultureInfo.InvariantCulture, $"{tokens.Count} tokens, {rate:F1} tokens/s"));

        void Write(string piece)
        {
            text.Append(piece);
            live?.Write(piece);
            live?.Flush();
        }
    }
}
