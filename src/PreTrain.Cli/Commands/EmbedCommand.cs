// B texts, T tokens, C embedding
using System.CommandLine;
using System.Globalization;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain embed</c>: one vector for each text, from a model's last hidden states.</summary>
internal sealed class EmbedCommand
{
    private const int DefaultBatch = 16, Shown = 8;

    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string[]> _text = new("--text") { Description = "The text; may be given several times.", HelpName = "TEXT", DefaultValueFactory = _ => [] };
    private readonly Option<string?> _file = Options.Text("--file", "FILE", "A UTF-8 file: one text a line.");
    private readonly Option<Pooling?> _pooling = Options.Choice("--pooling", "What becomes the vector: the mean of all tokens, the first one, the largest value of each column, the last token, or what the model's pooler makes of the first. The default is what the model's folder says, else mean.",
        ("mean", Pooling.Mean), ("cls", Pooling.Cls), ("max", Pooling.Max), ("last", Pooling.Last), ("pooler", Pooling.Pooler));
    private readonly Option<bool> _normalize = new("--normalize") { Description = "Divide each vector by its length, as is done anyway where the model's folder says so." };
    private readonly Option<int?> _batch = Options.Positive("--batch", $"Texts that are computed together. The default is {DefaultBatch}.");

    private enum Pooling
    {
        Mean,
        Cls,
        Max,
        Last,
        Pooler,
    }

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new EmbedCommand();
        var command = new Command("embed", "Turns texts into vectors: the last hidden states of a model, pooled.")
        {
            options._model, options._text, options._file, options._pooling, options._normalize, options._batch,
        };
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        string? file = parsed.GetValue(_file);
        string[] texts = parsed.GetValue(_text) ?? [];
        if (texts.Length == 0 == file is null) throw new UsageException("Give either --text or --file.");
        if (file is not null) texts = TokenizerEncodeCommand.Texts(file, whole: false);
        SentenceEncoderOptions? own = SentenceEncoderOptions.FromFolder(ModelFolder.Resolve(folder));
        Pooling pooling = parsed.GetValue(_pooling) ?? WordOf(own?.Pooling ?? SentencePooling.Mean);
        bool normalize = parsed.GetValue(_normalize) || own is { Normalizes: true };
        Device device = session.Start();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device, ModelHead.None);
        if (ModelFolder.Sizes(model) is not { } sizes) throw new UsageException($"--model ({folder}) holds a {model.ModelType} model, which reads no text.");
        if (pooling == Pooling.Pooler) RequirePooler(folder, model);
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        if (own is not null) texts = [.. texts.Select(text => text.Length == 0 ? text : own.Prepare(own.WithPrompt(text)))];
        List<int[]> tokens = Encode(session, folder, tokenizer, texts, file, Math.Min(own?.MaxLength ?? sizes.Context, sizes.Context));

        int batch = parsed.GetValue(_batch) ?? DefaultBatch;
        var vectors = new List<float[]>();
        for (int from = 0; from < tokens.Count; from += batch)
        {
            session.Cancellation.ThrowIfCancellationRequested();
            vectors.AddRange(Embed(model, [.. tokens.Skip(from).Take(batch)], pooling, normalize, device));
        }
        if (vectors.FindIndex(vector => !vector.All(float.IsFinite)) is var broken and >= 0)
            throw new NotFiniteException($"The vector of text {broken + 1} holds numbers that are not finite: the weights in '{folder}' do, or are too large.");
        Report(session, model, pooling, normalize, vectors);
    }

    private static void RequirePooler(string folder, ITransformerModel model)
    {
        using CheckpointTensors weights = CheckpointTensors.Open(ModelFolder.Resolve(folder));
        if (!weights.Names.Any(name => name.Contains("pooler.dense.", StringComparison.Ordinal)))
            throw new UsageException($"--pooling (pooler) needs a model with a pooler, and the {model.ModelType} model in '{folder}' has none; take mean, cls, max or last.");
    }

    private static List<int[]> Encode(Session session, string folder, TextTokenizer tokenizer, string[] texts, string? file, int context)
    {
        var options = new EncodingOptions { Truncation = new TruncationOptions { MaxLength = context }, Padding = PaddingOptions.None };
        var all = new List<int[]>();
        int cut = 0;
        for (int i = 0; i < texts.Length; i++)
        {
            TokenEncoding encoding = TokenizerCommand.Using(folder, () => tokenizer.Tokenize(texts[i], options: options));
            if (encoding.Count == 0)
                throw file is null ? new UsageException("--text must not be empty.") : new CorpusException($"The file '{file}' has no text in line {i + 1}.", file);
            if (encoding.Overflow.Count > 0) cut++;
            all.Add(encoding.Ids.ToArray());
        }
        if (cut > 0) session.Log($"{(cut == 1 ? "A text was" : $"{cut} texts were")} cut to {context} tokens, the longest text of the model.");
        return all;
    }

    private static IEnumerable<float[]> Embed(ITransformerModel model, int[][] tokens, Pooling pooling, bool normalize, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        int width = tokens.Max(ids => ids.Length);
        long[] ids = new long[tokens.Length * width], mask = new long[ids.Length];
        for (int row = 0; row < tokens.Length; row++)
        {
            for (int t = 0; t < tokens[row].Length; t++) (ids[row * width + t], mask[row * width + t]) = (tokens[row][t], 1);
        }
        var input = new ModelInput { Ids = tensor(ids, [tokens.Length, width], device: device), AttentionMask = tensor(mask, [tokens.Length, width], device: device) };
        Tensor pooled = pooling == Pooling.Pooler
            ? (model.Forward(input).Pooled ?? throw new UsageException($"--pooling (pooler) needs a model with a pooler, and a {model.ModelType} model has none; take mean, cls, max or last.")).to(ScalarType.Float32)
            : SentenceEncoder.Pool(model, input, PoolingOf(pooling));   // (B, C)
        if (normalize) pooled = SentenceEncoder.Normalize(pooled);
        float[] values = pooled.cpu().contiguous().data<float>().ToArray();
        int columns = values.Length / tokens.Length;
        return [.. Enumerable.Range(0, tokens.Length).Select(row => values[(row * columns)..((row + 1) * columns)])];
    }

    private static SentencePooling PoolingOf(Pooling pooling) => pooling switch { Pooling.Cls => SentencePooling.First, Pooling.Max => SentencePooling.Max, Pooling.Last => SentencePooling.Last, _ => SentencePooling.Mean };

    private static Pooling WordOf(SentencePooling pooling) => pooling switch { SentencePooling.First => Pooling.Cls, SentencePooling.Max => Pooling.Max, SentencePooling.Last => Pooling.Last, _ => Pooling.Mean };

    private static void Report(Session session, ITransformerModel model, Pooling pooling, bool normalize, List<float[]> vectors) => session.Result(json =>
    {
        json.WriteString("modelType", model.ModelType);
        json.WriteString("pooling", pooling.ToString().ToLowerInvariant());
        json.WriteBoolean("normalized", normalize);
        json.WriteStartArray("shape");
        json.WriteNumberValue(vectors.Count);
        json.WriteNumberValue(vectors[0].Length);
        json.WriteEndArray();
        json.WriteStartArray("embeddings");
        foreach (float[] vector in vectors)
        {
            json.WriteStartArray();
            foreach (float value in vector) json.WriteNumberValue(value);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }, text =>
    {
        foreach (float[] vector in vectors)
        {
            IEnumerable<string> numbers = vector.Take(Shown).Select(value => value.ToString("F4", CultureInfo.InvariantCulture));
            text.WriteLine(string.Join(' ', numbers) + (vector.Length > Shown ? $" … ({vector.Length} numbers)" : ""));
        }
    });
}
