// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- compression-quality [GPT-STEPS] [BERT-STEPS] [RECOVERY-STEPS] [FOLDER]
using System.Diagnostics;
using System.Globalization;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// What pruning and distillation cost in quality and bring in speed, on a GPT of 4 × 256 and a BERT of 6 × 256 that were trained on the SDK's documentation. The folder keeps what was trained: a second call
/// goes on with it, and one with more steps trains further.
/// </summary>
internal static class CompressionQuality
{
    private const int VocabSize = 4096, ContextLength = 128, BatchSize = 16, EvaluationBatches = 64, CalibrationBatches = 16, TimingRounds = 31;

    internal static int Run(string[] arguments)
    {
        int Steps(int at, int usual) => arguments.Length > at ? int.Parse(arguments[at], CultureInfo.InvariantCulture) : usual;
        (int gptSteps, int bertSteps, int recoverySteps) = (Steps(0, 6000), Steps(1, 8000), Steps(2, 2000));
        string folder = arguments.Length > 3 ? arguments[3] : "runs/compression-quality";
        Print($"{get_num_threads()} threads; a GPT of {gptSteps} steps, a BERT of {bertSteps}, recovery in {recoverySteps}; trained models are kept in {folder}");
        Unstructured(Path.Combine(folder, "gpt"), gptSteps);
        string bert = Path.Combine(folder, "bert");
        (TextTokenizer tokenizer, TokenStore tokens) = Text(bert, corpus => PipelineTokenizer.TrainWordPiece(corpus, new() { VocabSize = VocabSize, AlphabetLimit = 256 }));
        using (tokens)
        using (ITransformerModel teacher = Trained(bert, bertSteps, tokens, tokenizer, () => new BertModel(new BertConfig
        {
            VocabSize = tokenizer.VocabSize,
            ContextLength = ContextLength,
            LayerCount = 6,
            HeadCount = 4,
            EmbeddingDim = 256,
            PaddingId = tokenizer.SpecialTokens.Padding ?? 0,
        }, generator: new RandomStreams(0).CreateGenerator("init"))))
        {
            var objective = AutoObjective.Create(teacher, tokens, tokenizer);
            Structured(bert, recoverySteps, teacher, objective, tokenizer);
            Students(bert, recoverySteps, teacher, objective, tokenizer);
        }
        return 0;
    }

    /// <summary>Half of the weights and more become zero, without recovery.</summary>
    private static void Unstructured(string folder, int steps)
    {
        (TextTokenizer tokenizer, TokenStore tokens) = Text(folder, corpus => ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = VocabSize }));
        using TokenStore _ = tokens;
        using ITransformerModel whole = Trained(folder, steps, tokens, tokenizer, () => new GptModel(new GptConfig
        {
            VocabSize = tokenizer.VocabSize,
            ContextLength = ContextLength,
            LayerCount = 4,
            HeadCount = 4,
            EmbeddingDim = 256,
        }, generator: new RandomStreams(0).CreateGenerator("init")));
        IObjective<ITransformerModel> objective = AutoObjective.Create(whole, tokens, tokenizer);
        Print($"\nGPT 4 x 256, perplexity of held-out text; whole: {Quality(objective, whole).Perplexity:F2}");
        Print($"{"sparsity",8} {"magnitude",10} {"wanda",10} {"sparsegpt",10}");
        foreach (double sparsity in new[] { 0.5, 0.6 })
        {
            double[] row = [.. Enum.GetValues<PruningMethod>().Select(method =>
            {
                using DisposeScope scope = NewDisposeScope();
                using ITransformerModel model = AutoModel.FromPretrained(Path.Combine(folder, "model"));
                Pruner.Prune(model, new PruningOptions { Method = method, Sparsity = sparsity }, method == PruningMethod.Magnitude ? null : [.. Calibration(objective, model).Select(c => c.Input)]);
                return Quality(objective, model).Perplexity;
            })];
            Print($"{sparsity,8:P0} {row[0],10:F2} {row[1],10:F2} {row[2],10:F2}");
        }
    }

    /// <summary>Half of the heads and neurons go, and the rest is trained further.</summary>
    private static void Structured(string folder, int steps, ITransformerModel whole, IObjective<ITransformerModel> objective, TextTokenizer tokenizer)
    {
        using DisposeScope scope = NewDisposeScope();
        (ModelInput Input, Batch Batch)[] calibration = [.. Calibration(objective, whole)];
        using StructuredPruningResult half = StructuredPruner.Prune(whole, new StructuredPruningOptions { HeadSparsity = 0.5, NeuronSparsity = 0.5, Importance = UnitImportance.Taylor }, [.. calibration.Select(c => c.Input)], input =>
        {
            Batch batch = calibration.Single(c => ReferenceEquals(c.Input, input)).Batch;
            return objective.Loss(whole, batch, batch.ValidTargets);
        });
        EvaluationResult before = Quality(objective, whole), pruned = Quality(objective, half.Model);
        Train(Path.Combine(folder, "half"), steps, half.Model, objective, tokenizer);
        Print($"\nBERT 6 x 256 with half of its heads and neurons: {half.ParametersBefore:N0} parameters before, {half.ParametersAfter:N0} now");
        Table(("whole", before, whole), ("pruned", pruned, null), ("recovered", Quality(objective, half.Model), half.Model));
    }

    /// <summary>A student with half of the layers, which has a teacher or has none.</summary>
    private static void Students(string folder, int steps, ITransformerModel teacher, IObjective<ITransformerModel> objective, TextTokenizer tokenizer)
    {
        StudentInitializer.Save(teacher, Path.Combine(folder, "student"), LayerSelection.Every(2));
        using ITransformerModel alone = AutoModel.FromPretrained(Path.Combine(folder, "student")), taught = AutoModel.FromPretrained(Path.Combine(folder, "student"));
        EvaluationResult start = Quality(objective, alone);
        Train(Path.Combine(folder, "alone"), steps, alone, objective, tokenizer);
        Train(Path.Combine(folder, "taught"), steps, taught, new Distillation<ITransformerModel>(teacher, objective, new() { Alpha = 0.5, Temperature = 2, CosineWeight = 1 }), tokenizer);
        Print($"\nBERT 3 x 256 with every second layer of BERT 6 x 256");
        Table(("teacher", Quality(objective, teacher), teacher), ("student at first", start, null), ("without teacher", Quality(objective, alone), alone), ("with teacher", Quality(objective, taught), taught));
    }

    /// <summary>Scores beside that of the first model, and the times of those that are given in turn, since other programs disturb them all.</summary>
    private static void Table(params (string Name, EvaluationResult Quality, ITransformerModel? Model)[] rows)
    {
        Print($"{"model",-16} {"loss",8} {"right",8} {"kept",8} {"ms",8} {"faster",8}");
        double?[] times = Times([.. rows.Select(row => row.Model)]);
        for (int i = 0; i < rows.Length; i++)
        {
            EvaluationResult quality = rows[i].Quality;
            Print($"{rows[i].Name,-16} {quality.Loss,8:F4} {quality.Accuracy,8:P1} {quality.Accuracy / rows[0].Quality.Accuracy,8:P1} {times[i],8:F2} {times[0] / times[i],8:F2}");
        }
    }

    private static double?[] Times(ITransformerModel?[] models)
    {
        using IDisposable mode = inference_mode();
        using Tensor ids = randint(5, VocabSize / 2, [BatchSize, ContextLength], dtype: ScalarType.Int64);
        List<double>[] times = [.. models.Select(_ => new List<double>())];
        for (int round = -3; round < TimingRounds; round++)
        {
            for (int i = 0; i < models.Length; i++)
            {
                if (models[i] is not { } model) continue;
                long start = Stopwatch.GetTimestamp();
                using (NewDisposeScope()) model.Forward(new ModelInput { Ids = ids });
                if (round >= 0) times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        return [.. times.Select(own => own.Count == 0 ? (double?)null : own.Order().ElementAt(own.Count / 2))];
    }

    private static EvaluationResult Quality(IObjective<ITransformerModel> objective, ITransformerModel model) => objective.Evaluate(model, BatchSize, EvaluationBatches)!;

    /// <summary>Batches of the training text, the same for each model.</summary>
    private static IEnumerable<(ModelInput Input, Batch Batch)> Calibration(IObjective<ITransformerModel> objective, ITransformerModel model)
    {
        using IBatchSource source = objective.Open(new RandomStreams(1), model, BatchSize);
        for (int i = 0; i < CalibrationBatches; i++)
        {
            Batch batch = source.Next(default);
            yield return (BatchTensors.Of(batch, CPU).Input, batch);
        }
    }

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

    /// <summary>The trained model, from the folder where that holds one.</summary>
    private static ITransformerModel Trained(string folder, int steps, TokenStore tokens, TextTokenizer tokenizer, Func<ITransformerModel> create)
    {
        using (ITransformerModel model = create()) Train(folder, steps, model, AutoObjective.Create(model, tokens, tokenizer), tokenizer);
        return AutoModel.FromPretrained(Path.Combine(folder, "model"));
    }

    /// <summary>Trains, or goes on where an earlier call ended; what has all its steps is loaded.</summary>
    private static void Train(string folder, int steps, ITransformerModel model, IObjective<ITransformerModel> objective, TextTokenizer tokenizer)
    {
        var result = new Trainer(new TrainingOptions
        {
            Output = folder,
            Resume = Directory.Exists(Path.Combine(folder, "checkpoints")),
            Steps = steps,
            BatchSize = 2 * BatchSize,
            Tokenizer = tokenizer,
            EvaluateEvery = 0,
            EvaluationBatches = 8,
        }).Run(model, objective);
        Print($"{folder}: {result.Steps} steps, training loss {result.TrainLoss:F3}, {result.TokensPerSecond:N0} tokens/s");
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
