using System.Globalization;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.ModernBert;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// A GPT of 4 × 256 and a ModernBERT of 4 × 256 that learned from the SDK's documentation, which the benchmarks of quality make smaller. The folder keeps them: a call that was stopped goes on where it was, and the next one
/// finds them ready.
/// </summary>
internal sealed class QualityModels : IDisposable
{
    internal const int BatchSize = 16, EvaluationBatches = 64;
    private const int VocabSize = 4096, ContextLength = 128, CalibrationBatches = 16, GptSteps = 3000, EncoderSteps = 1500;
    private const double MaskingRate = 0.3;

    private readonly TokenStore _tokens;

    private QualityModels(string folder, TextTokenizer tokenizer, TokenStore tokens, Func<ITransformerModel> create, int steps)
    {
        (Folder, Tokenizer, _tokens) = (folder, tokenizer, tokens);
        using ITransformerModel model = create();
        Objective = AutoObjective.Create(model, tokens, tokenizer, new() { Masking = new() { Rate = MaskingRate, Unit = MaskingUnit.WholeWord } });
        Saved = Train("", steps, model, Objective);
    }

    /// <summary>Where the model and all that is made of it are kept.</summary>
    internal string Folder { get; }

    /// <summary>The trained model.</summary>
    internal string Saved { get; }

    internal TextTokenizer Tokenizer { get; }

    internal IObjective<ITransformerModel> Objective { get; }

    internal static QualityModels Gpt(string folder, double share)
    {
        folder = Path.Combine(folder, "gpt");
        (TextTokenizer tokenizer, TokenStore tokens) = Text(folder, corpus => ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = VocabSize }));
        return new(folder, tokenizer, tokens, () => new GptModel(new GptConfig
        {
            VocabSize = tokenizer.VocabSize,
            ContextLength = ContextLength,
            LayerCount = 4,
            HeadCount = 4,
            EmbeddingDim = 256,
            Dropout = 0,
        }, generator: new RandomStreams(0).CreateGenerator("init")), StepsOf(GptSteps, share));
    }

    internal static QualityModels Encoder(string folder, double share)
    {
        folder = Path.Combine(folder, "encoder");
        (TextTokenizer tokenizer, TokenStore tokens) = Text(folder, corpus => PipelineTokenizer.TrainWordPiece(corpus, new() { VocabSize = VocabSize, AlphabetLimit = 256 }));
        return new(folder, tokenizer, tokens, () => new ModernBertModel(new ModernBertConfig
        {
            VocabSize = tokenizer.VocabSize,
            ContextLength = ContextLength,
            LayerCount = 4,
            HeadCount = 4,
            EmbeddingDim = 256,
            FeedForwardDim = 384,
            GlobalEveryLayers = 1,
            GlobalRotaryBase = 10_000,
            PaddingId = tokenizer.SpecialTokens.Padding ?? 0,
        }, generator: new RandomStreams(0).CreateGenerator("init")), StepsOf(EncoderSteps, share));
    }

    /// <summary>A share of steps, at least one.</summary>
    internal static int StepsOf(int steps, double share) => Math.Max(1, (int)(share * steps));

    internal ITransformerModel Load() => AutoModel.FromPretrained(Saved);

    /// <summary>The trained model as a teacher, in the 16 bits that its students compute with.</summary>
    internal ITransformerModel LoadTeacher()
    {
        ITransformerModel teacher = Load();
        ((nn.Module)teacher).to(ScalarType.BFloat16);
        return teacher;
    }

    /// <summary>Trains, or goes on where an earlier call ended; what has all its steps is loaded.</summary>
    /// <returns>The model's folder.</returns>
    internal string Train(string name, int steps, ITransformerModel model, IObjective<ITransformerModel> objective, double rate = 1e-3)
    {
        string output = Path.Combine(Folder, name);
        TrainingResult result = new Trainer(new TrainingOptions
        {
            Output = output,
            Resume = Directory.Exists(Path.Combine(output, "checkpoints")),
            Steps = steps,
            BatchSize = 2 * BatchSize,
            LearningRate = rate,
            Precision = Precision.BFloat16,
            Tokenizer = Tokenizer,
            EvaluateEvery = 0,
            EvaluationBatches = 8,
        }).Run(model, objective);
        Print($"{output}: {result.Steps} steps, training loss {result.TrainLoss:F3}, {result.TokensPerSecond:N0} tokens/s");
        return result.ModelFolder;
    }

    /// <summary>How well a model predicts text that was held out.</summary>
    internal EvaluationResult Quality(ITransformerModel model) => Objective.Evaluate(model, BatchSize, EvaluationBatches)!;

    /// <summary>Batches of the training text, the same for each model.</summary>
    internal (ModelInput Input, Batch Batch)[] Calibration(ITransformerModel model)
    {
        using IBatchSource source = Objective.Open(new RandomStreams(1), model, BatchSize);
        return [.. Enumerable.Range(0, CalibrationBatches).Select(_ =>
        {
            Batch batch = source.Next(default);
            return (BatchTensors.Of(batch, CPU).Input, batch);
        })];
    }

    internal static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    public void Dispose() => _tokens.Dispose();

    /// <summary>The tokenizer and the tokens of a model, which are made once.</summary>
    private static (TextTokenizer, TokenStore) Text(string folder, Func<TextCorpus, TextTokenizer> train)
    {
        string tokens = Path.Combine(folder, "tokens"), saved = Path.Combine(folder, "tokenizer");
        if (Directory.Exists(saved) && Directory.Exists(tokens))
        {
            TextTokenizer known = TextTokenizer.Load(saved);
            return (known, TokenStore.Open(tokens, known));
        }
        var corpus = new SdkDocumentation();
        TextTokenizer tokenizer = train(corpus);
        TokenStore store = TokenStore.Build(corpus, tokenizer, tokens, new() { Overwrite = true });
        tokenizer.Save(saved);
        return (tokenizer, store);
    }
}
