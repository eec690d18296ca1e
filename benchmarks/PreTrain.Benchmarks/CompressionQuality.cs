// dotnet run -c Release --project benchmarks/PreTrain.Benchmarks -- compression-quality pruning|halves|students|encoder-students|classifier-students [FOLDER [SHARE]]   (a small share of the steps, such as 0.01, for a look)
using System.Diagnostics;
using System.Globalization;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Benchmarks.QualityModels;
using static TorchSharp.torch;

namespace PreTrain.Benchmarks;

/// <summary>
/// What pruning and distillation cost in quality and bring in speed: weights of a GPT that become zero (<c>pruning</c>), the GPT without half of its heads and neurons (<c>halves</c>), and
/// students with half of its layers (<c>students</c>) or of a ModernBERT's (<c>encoder-students</c>), by the text that they predict and by a task that they are fine-tuned for (<c>classifier-students</c>).
/// </summary>
internal static class CompressionQuality
{
    private const int TimingRounds = 31, RecoverySteps = 1000, EncoderRecoverySteps = 1500, ClassificationSteps = 750, MeasuredTexts = 2000;
    private const double ClassificationRate = 5e-4;

    internal static int Run(string[] arguments)
    {
        string folder = arguments.Length > 1 ? arguments[1] : "runs/quality";
        double share = arguments.Length > 2 ? double.Parse(arguments[2], CultureInfo.InvariantCulture) : 1;
        int recovery = QualityModels.StepsOf(RecoverySteps, share), encoderRecovery = QualityModels.StepsOf(EncoderRecoverySteps, share);
        switch (arguments)
        {
            case ["pruning", ..]: Unstructured(QualityModels.Gpt(folder, share)); return 0;
            case ["halves", ..]: Structured(QualityModels.Gpt(folder, share), recovery); return 0;
            case ["students", ..]: Students("GPT", QualityModels.Gpt(folder, share), recovery); return 0;
            case ["encoder-students", ..]: Students("ModernBERT", QualityModels.Encoder(folder, share), encoderRecovery); return 0;
            case ["classifier-students", ..]: Classifiers(QualityModels.Encoder(folder, share), encoderRecovery, QualityModels.StepsOf(ClassificationSteps, share)); return 0;
            default:
                Console.Error.WriteLine("compression-quality takes what to measure first: pruning, halves, students, encoder-students or classifier-students.");
                return 2;
        }
    }

    /// <summary>Half of the weights and more become zero, without recovery.</summary>
    private static void Unstructured(QualityModels models)
    {
        using QualityModels owned = models;
        using (ITransformerModel whole = models.Load()) Print($"\nGPT 4 x 256, perplexity of held-out text; whole: {models.Quality(whole).Perplexity:F2}");
        Print($"{"zeros",8} {"magnitude",10} {"wanda",10} {"sparsegpt",10}");
        foreach ((string name, PruningOptions options) in new (string, PruningOptions)[]
        {
            ("50 %", new() { Sparsity = 0.5 }),
            ("60 %", new() { Sparsity = 0.6 }),
            ("2:4", new() { Pattern = new(2, 4) }),
        })
        {
            double[] row = [.. Enum.GetValues<PruningMethod>().Select(method =>
            {
                using DisposeScope scope = NewDisposeScope();
                using ITransformerModel model = models.Load();
                Pruner.Prune(model, options with { Method = method }, method == PruningMethod.Magnitude ? null : [.. models.Calibration(model).Select(c => c.Input)]);
                return models.Quality(model).Perplexity;
            })];
            Print($"{name,8} {row[0],10:F2} {row[1],10:F2} {row[2],10:F2}");
        }
    }

    /// <summary>Half of the heads and neurons go, and the rest is trained further.</summary>
    private static void Structured(QualityModels models, int recovery)
    {
        using QualityModels owned = models;
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel whole = models.Load();
        var calibration = models.Calibration(whole);
        using StructuredPruningResult half = StructuredPruner.Prune(whole, new StructuredPruningOptions { HeadSparsity = 0.5, NeuronSparsity = 0.5, Importance = UnitImportance.Taylor }, [.. calibration.Select(c => c.Input)], input =>
        {
            Batch batch = calibration.Single(c => ReferenceEquals(c.Input, input)).Batch;
            return models.Objective.Loss(whole, batch, batch.ValidTargets);
        });
        using ITransformerModel taught = Copy(models, half.Model, "half-pruned");
        EvaluationResult before = models.Quality(whole), pruned = models.Quality(half.Model);
        models.Train("half-alone", recovery, half.Model, models.Objective);
        using (ITransformerModel teacher = models.LoadTeacher()) models.Train("half-taught", recovery, taught, Lessons(teacher, models));
        Print($"\nGPT 4 x 256 with half of its heads and neurons: {half.ParametersBefore:N0} parameters before, {half.ParametersAfter:N0} now; {recovery} steps of recovery");
        Table(("whole", before, whole), ("pruned", pruned, null), ("trained further", models.Quality(half.Model), half.Model), ("taught by whole", models.Quality(taught), taught));
    }

    /// <summary>A student with half of the layers, which has a teacher or has none.</summary>
    private static void Students(string name, QualityModels models, int recovery)
    {
        using QualityModels owned = models;
        using ITransformerModel teacher = models.Load(), alone = FirstOf(models, teacher), taught = FirstOf(models, teacher);
        EvaluationResult start = models.Quality(alone);
        models.Train("student-alone", recovery, alone, models.Objective);
        using (ITransformerModel few = models.LoadTeacher()) models.Train("student-taught", recovery, taught, Lessons(few, models));
        Print($"\n{name} 2 x 256 with every second layer of {name} 4 x 256; {recovery} steps");
        Table(("teacher", models.Quality(teacher), teacher), ("student at first", start, null), ("without teacher", models.Quality(alone), alone), ("with teacher", models.Quality(taught), taught));
    }

    /// <summary>
    /// The task that the students of <c>encoder-students</c> are fine-tuned for, as DistilBERT was measured (Sanh et al. 2019, section 4): one that never had a teacher, and one that has the teacher's classifier for
    /// the task too.
    /// </summary>
    private static void Classifiers(QualityModels models, int recovery, int steps)
    {
        using QualityModels owned = models;
        var texts = LabelledTexts.FromSdkDocumentation(new SdkDocumentation()).Split(0.1);
        var measured = new LabelledTexts([.. texts.Validation!.Examples.Take(MeasuredTexts)], texts.Train.Labels);
        var task = new SequenceClassification(texts.Train, models.Tokenizer, new() { ValidationFraction = 0 });
        var head = new HeadOptions { Labels = texts.Train.Labels, Task = ClassificationTask.SingleLabel };
        ITransformerModel Open(string folder) => AutoModel.FromPretrained(folder, ModelHead.SequenceClassification, new RandomStreams(0).CreateGenerator("init"), head);
        string Reader(string name, Func<ITransformerModel, IObjective<ITransformerModel>> objective)
        {
            using ITransformerModel whole = models.Load(), few = models.LoadTeacher(), student = FirstOf(models, whole);
            return models.Train(name, recovery, student, objective(few));
        }

        using ITransformerModel teacher = Open(models.Saved), alone = Open(Reader("student-alone", _ => models.Objective)), taught = Open(Reader("student-taught", few => Lessons(few, models)));
        models.Train("classifier", steps, teacher, task, ClassificationRate);
        models.Train("classifier-alone", steps, alone, task, ClassificationRate);
        models.Train("classifier-taught", steps, taught, new Distillation<ITransformerModel>(teacher, task, new() { Alpha = 0.5, Temperature = 2 }), ClassificationRate);
        ITransformerModel[] all = [teacher, alone, taught];
        double[] right = [.. all.Select(model => new TextClassifier(model, models.Tokenizer).Evaluate(measured)["accuracy"])];
        double?[] times = Times(all);
        Print($"\nClassifiers of the SDK's members; {steps} steps of fine-tuning");
        Print($"{"model",-30} {"right",8} {"kept",8} {"ms",8} {"faster",8}");
        foreach (var (name, i) in new[] { "ModernBERT 4 x 256", "ModernBERT 2 x 256, no teacher", "ModernBERT 2 x 256, taught" }.Select((name, i) => (name, i)))
            Print($"{name,-30} {right[i],8:P1} {right[i] / right[0],8:P1} {times[i],8:F2} {times[0] / times[i],8:F2}");
    }

    /// <summary>A student that has every second layer of its teacher.</summary>
    private static ITransformerModel FirstOf(QualityModels models, ITransformerModel teacher)
    {
        string saved = Path.Combine(models.Folder, "student");
        StudentInitializer.Save(teacher, saved, LayerSelection.Every(2));
        return AutoModel.FromPretrained(saved);
    }

    /// <summary>The teacher's scores and the text itself, half and half. Temperatures above 1 and the direction of hidden states, as DistilBERT is taught, made the GPT's students worse.</summary>
    private static Distillation<ITransformerModel> Lessons(ITransformerModel teacher, QualityModels models) => new(teacher, models.Objective, new() { Alpha = 0.5, Temperature = 1 });

    private static ITransformerModel Copy(QualityModels models, ITransformerModel model, string name)
    {
        string folder = Path.Combine(models.Folder, name);
        model.SavePretrained(folder);
        return AutoModel.FromPretrained(folder);
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
        using Tensor ids = randint(5, 2048, [BatchSize, 128], dtype: ScalarType.Int64);
        List<double>[] times = [.. models.Select(_ => new List<double>())];
        for (int round = -3; round < TimingRounds; round++)
        {
            for (int i = 0; i < models.Length; i++)
            {
                if (models[i] is not { } model) continue;
                ((nn.Module)model).eval();
                long start = Stopwatch.GetTimestamp();
                using (NewDisposeScope()) model.Forward(new ModelInput { Ids = ids });
                if (round >= 0) times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        return [.. times.Select(own => own.Count == 0 ? (double?)null : own.Order().ElementAt(own.Count / 2))];
    }
}
