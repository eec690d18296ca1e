using Microsoft.Extensions.Logging;
using PreTrain.Models;
using PreTrain.Optimization;
using PreTrain.Tokenization;
using PreTrain.Torch;

namespace PreTrain.Training;

/// <summary>How to run a training.</summary>
public sealed record TrainingOptions
{
    private readonly LearningRateSchedule? _schedule;

    /// <summary>The run's folder. It is created where it is missing; other files in it are left alone.</summary>
    public required string Output { get; init; }

    /// <summary>Updates of the weights, those before a resumed checkpoint included.</summary>
    /// <value>The default is 1000.</value>
    public int Steps { get; init; } = 1000;

    /// <summary>Sequences of a micro-batch: what is in memory at once.</summary>
    /// <value>The default is 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <summary>Micro-batches of a step. Loss and gradients are those of one batch of <see cref="BatchSize"/> × this many sequences.</summary>
    /// <value>The default is 1.</value>
    public int AccumulationSteps { get; init; } = 1;

    /// <summary>
    /// The most rows of a batch that are computed at once: fewer take less memory, and the loss is the same. Null or <see cref="BatchSize"/> means all, which of packed texts are more than that: each text is a row; 0 means that the first batch is tried in halves, quarters and
    /// so on, and the fastest size that memory seems to be enough for is taken. Where memory turns out not to be enough, the rows are halved in any case.
    /// </summary>
    /// <value>The default is null.</value>
    public int? MicroBatchSize { get; init; }

    /// <summary>
    /// Whether two runs with the same settings, on the same machine and number of threads, end with the same bytes: torch must use deterministic algorithms or say that it has none, and
    /// nothing is chosen by a clock. On a processor that is so without this mode too, but for <see cref="MicroBatchSize"/> 0; on CUDA devices it costs time.
    /// Only the portable provider can give torch that order; with the package TorchSharp the training is refused.
    /// </summary>
    /// <value>The default is false.</value>
    public bool Deterministic { get; init; }

    /// <summary>What checkpoints and the result hold in place of the model: an adapter of it, whose parameters are the only ones that are trained. Null for the model.</summary>
    /// <value>The default is null.</value>
    public IPretrainedModel? Weights { get; init; }

    /// <summary>The learning rate after the warm-up.</summary>
    /// <value>The default is 10⁻³, which suits models of some million parameters; 6·10⁻⁴ suits 124 million.</value>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>The learning rate at the end; null means a tenth of <see cref="LearningRate"/>.</summary>
    /// <value>The default is null.</value>
    public double? MinimumLearningRate { get; init; }

    /// <summary>Steps in which the learning rate rises to <see cref="LearningRate"/>; null means a twentieth of <see cref="Steps"/>, at most 2000, and none with
    /// <see cref="Optimization.LearningRateDecay.OneCycle"/>, which rises by itself.</summary>
    /// <value>The default is null.</value>
    public int? WarmupSteps { get; init; }

    /// <summary>How the learning rate falls after the warm-up.</summary>
    /// <value>The default is <see cref="LearningRateDecay.Cosine"/>.</value>
    public LearningRateDecay LearningRateDecay { get; init; } = LearningRateDecay.Cosine;

    /// <summary>Reduces the learning rate when the loss of the evaluations has stopped falling; null for never.</summary>
    /// <value>The default is null.</value>
    public PlateauOptions? Plateau { get; init; }

    /// <summary>The optimizer; null means AdamW with the next four options, which are for it alone.</summary>
    /// <value>The default is null.</value>
    public IOptimizerOptions? Optimizer { get; init; }

    /// <summary>The decoupled weight decay of the matrices.</summary>
    /// <value>The default is 0.1.</value>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Decay rate of AdamW's first moment.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of AdamW's second moment.</summary>
    /// <value>The default is 0.95.</value>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of AdamW's second moment.</summary>
    /// <value>The default is 10⁻⁸.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Gradients with a larger norm are scaled down to it (Pascanu, Mikolov and Bengio 2013); 0 means never.</summary>
    /// <value>The default is 1.</value>
    public double ClipNorm { get; init; } = 1;

    /// <summary>Limits and penalties of the gradient, and parameters that are treated differently or not trained at all.</summary>
    /// <value>The default is none of them.</value>
    public UpdateOptions Update { get; init; } = new();

    /// <summary>An average of the weights that is evaluated and saved; null for none. The model itself ends with the weights of the last step.</summary>
    /// <value>The default is null.</value>
    public WeightAverageOptions? Average { get; init; }

    /// <summary>
    /// Whether <see cref="GradientNoiseScale"/> is estimated from the first micro-batch and the whole step, and written to <c>metrics.jsonl</c> in targets. It takes at least
    /// two micro-batches, and one more pass over the gradient.
    /// </summary>
    /// <value>The default is false.</value>
    public bool MeasureGradientNoise { get; init; }

    /// <summary>The number format of the compute copy of the weights.</summary>
    /// <value>The default is <see cref="Precision.Float32"/>.</value>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>What all randomness of the run is derived from; see <see cref="RandomStreams"/>. The model's initial values are drawn by whoever creates it.</summary>
    /// <value>The default is 0.</value>
    public long Seed { get; init; }

    /// <summary>Steps between two checkpoints; 0 means one at the end only. An interrupted run always writes one.</summary>
    /// <value>The default is 500.</value>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>The newest checkpoints that are kept.</summary>
    /// <value>The default is 2.</value>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Checkpoints whose step is a multiple of this are kept for ever; 0 means none.</summary>
    /// <value>The default is 0.</value>
    public int KeepCheckpointsEvery { get; init; }

    /// <summary>Whether a checkpoint, or a line of the metrics, that cannot be written ends the training. If not, the log says so, and the training goes on; the checkpoints before stay.</summary>
    /// <value>The default is true.</value>
    public bool RequireCheckpoints { get; init; } = true;

    /// <summary>Which weights the training ends with.</summary>
    /// <value>The default is <see cref="SavedModel.Last"/>.</value>
    public SavedModel SavedModel { get; init; } = SavedModel.Last;

    /// <summary>Ends the training when the loss of the evaluations no longer falls; null for never.</summary>
    /// <value>The default is null.</value>
    public EarlyStoppingOptions? EarlyStopping { get; init; }

    /// <summary>What happens when a loss or a gradient cannot be trusted.</summary>
    /// <value>The default is to stop where one is not finite, and to look for nothing else.</value>
    public FaultOptions Faults { get; init; } = new();

    /// <summary>Steps between two evaluations on the held-out data; 0 means one at the end only.</summary>
    /// <value>The default is 250.</value>
    public int EvaluateEvery { get; init; } = 250;

    /// <summary>The batches of an evaluation, always the first ones of the held-out data; 0 means all.</summary>
    /// <value>The default is 32.</value>
    public int EvaluationBatches { get; init; } = 32;

    /// <summary>Steps between two lines of <c>metrics.jsonl</c> and of the log. The last step has one in any case.</summary>
    /// <value>The default is 10.</value>
    public int LogEvery { get; init; } = 10;

    /// <summary>
    /// Goes on from the newest complete checkpoint in <see cref="Output"/>. A folder without a checkpoint (a new one, or one whose run was ended
    /// before its first) starts from the beginning, and the log says so.
    /// </summary>
    /// <value>The default is false.</value>
    public bool Resume { get; init; }

    /// <summary>Deletes the run that <see cref="Output"/> holds. Without this and <see cref="Resume"/> such a folder is refused.</summary>
    /// <value>The default is false.</value>
    public bool Overwrite { get; init; }

    /// <summary>Saved beside the model, and compared on <see cref="Resume"/>. It must be one that can be written (<see cref="TextTokenizer.CanSave"/>).</summary>
    /// <value>The default is null.</value>
    public TextTokenizer? Tokenizer { get; init; }

    /// <summary>Receives messages about progress, checkpoints and faults.</summary>
    /// <value>The default is null.</value>
    public ILogger? Logger { get; init; }

    /// <summary>Called at the hooks of <see cref="ITrainingCallback"/>, in this order.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<ITrainingCallback> Callbacks { get; init; } = [];

    /// <summary>
    /// The learning rate of every step. Where it is not given, it follows from <see cref="LearningRate"/>, <see cref="MinimumLearningRate"/>, <see cref="WarmupSteps"/>,
    /// <see cref="LearningRateDecay"/> and <see cref="Steps"/>; where it is, those but the last are of no effect.
    /// </summary>
    public LearningRateSchedule Schedule
    {
        get => _schedule ?? new()
        {
            Peak = LearningRate,
            Minimum = MinimumLearningRate ?? LearningRate / 10,
            // One cycle rises by itself.
            WarmupSteps = WarmupSteps ?? (LearningRateDecay == LearningRateDecay.OneCycle ? 0 : Math.Min(Steps / 20, 2000)),
            TotalSteps = Steps,
            Decay = LearningRateDecay,
        };
        init => _schedule = value;
    }

    internal bool HasOwnSchedule => _schedule is not null;

    internal IOptimizerOptions EffectiveOptimizer => Optimizer ?? new AdamWOptions { Beta1 = Beta1, Beta2 = Beta2, Epsilon = Epsilon, WeightDecay = WeightDecay };

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (string.IsNullOrWhiteSpace(Output)) faults.Add($"{nameof(Output)} ('{Output}') must name a folder.");
        foreach (var (name, value) in new[]
        {
            (nameof(Steps), Steps), (nameof(BatchSize), BatchSize), (nameof(AccumulationSteps), AccumulationSteps), (nameof(LogEvery), LogEvery),
            (nameof(KeepCheckpoints), KeepCheckpoints),
        })
        {
            if (value <= 0) faults.Add($"{name} ({value}) must be positive.");
        }
        foreach (var (name, value) in new[]
        {
            (nameof(CheckpointEvery), CheckpointEvery), (nameof(EvaluateEvery), EvaluateEvery), (nameof(EvaluationBatches), EvaluationBatches),
            (nameof(KeepCheckpointsEvery), KeepCheckpointsEvery), (nameof(MicroBatchSize), MicroBatchSize ?? 0),
        })
        {
            if (value < 0) faults.Add($"{name} ({value}) must not be negative.");
        }
        if (!(LearningRate > 0 && double.IsFinite(LearningRate))) faults.Add($"{nameof(LearningRate)} ({LearningRate}) must be positive.");
        else if (MinimumLearningRate is { } minimum && !(minimum >= 0 && minimum <= LearningRate))
            faults.Add($"{nameof(MinimumLearningRate)} ({minimum}) must be at least 0 and at most {nameof(LearningRate)} ({LearningRate}).");
        if (WarmupSteps is { } warmup && (warmup < 0 || warmup > Steps))
            faults.Add($"{nameof(WarmupSteps)} ({warmup}) must be at least 0 and at most {nameof(Steps)} ({Steps}).");
        if (!Enum.IsDefined(LearningRateDecay)) faults.Add($"{nameof(LearningRateDecay)} ({LearningRateDecay}) must be {LearningRateSchedule.Names}.");
        if (!Enum.IsDefined(Precision)) faults.Add($"{nameof(Precision)} ({Precision}) must be Float32, BFloat16 or Float16.");
        if (_schedule is not null) faults.AddRange(ScheduleFaults(_schedule));
        if (Plateau is not null)
        {
            faults.AddRange(Plateau.Faults().Select(fault => $"{nameof(Plateau)}.{fault}"));
            if (EvaluateEvery == 0) faults.Add($"{nameof(Plateau)} needs evaluations: {nameof(EvaluateEvery)} (0) must be positive.");
        }
        if (EarlyStopping is not null)
        {
            faults.AddRange(EarlyStopping.Faults().Select(fault => $"{nameof(EarlyStopping)}.{fault}"));
            if (EvaluateEvery == 0) faults.Add($"{nameof(EarlyStopping)} needs evaluations: {nameof(EvaluateEvery)} (0) must be positive.");
        }
        if (EffectiveOptimizer is AdafactorOptions { RelativeStep: true } relative)
        {
            foreach (string name in new[] { Plateau is null ? null : nameof(Plateau), HasOwnSchedule ? nameof(Schedule) : null }.OfType<string>())
                faults.Add($"{name} has no effect with {nameof(relative.RelativeStep)} (true) of {relative.Name}, which chooses the learning rate itself. Leave one of them out.");
        }
        if (!Enum.IsDefined(SavedModel)) faults.Add($"{nameof(SavedModel)} ({SavedModel}) must be Last or Best.");
        faults.AddRange(Faults.Faults().Select(fault => $"{nameof(Faults)}.{fault}"));
        faults.AddRange(EffectiveOptimizer.Faults());
        faults.AddRange(Update.Faults());
        if (Average is not null) faults.AddRange(Average.Faults().Select(fault => $"{nameof(Average)}.{fault}"));
        if (MeasureGradientNoise && AccumulationSteps < 2)
            faults.Add($"{nameof(MeasureGradientNoise)} compares micro-batches: {nameof(AccumulationSteps)} ({AccumulationSteps}) must be at least 2.");
        if (!(ClipNorm >= 0 && double.IsFinite(ClipNorm))) faults.Add($"{nameof(ClipNorm)} ({ClipNorm}) must be positive, or 0 for no clipping.");
        if (Resume && Overwrite) faults.Add($"{nameof(Resume)} and {nameof(Overwrite)} exclude each other: one keeps the run in the folder, the other deletes it.");
        if (Tokenizer is { CanSave: false })
            faults.Add($"{nameof(Tokenizer)} (a {Tokenizer.GetType().Name}) cannot be written beside the model; leave it out, and copy the files that it was made from into the model's folder.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    private IEnumerable<string> ScheduleFaults(LearningRateSchedule schedule)
    {
        foreach (string fault in schedule.Faults()) yield return $"{nameof(Schedule)}.{fault}";
        if (schedule.HasEnd && schedule.TotalSteps != Steps)
        {
            yield return $"{nameof(Schedule)}.{nameof(schedule.TotalSteps)} ({schedule.TotalSteps}) must be {nameof(Steps)} ({Steps}): "
                + (schedule.TotalSteps < Steps ? "the learning rate would be at its end before the run is." : "the run would end before the learning rate has come down.");
        }
        else if (schedule.WarmupSteps > Steps)
        {
            yield return $"{nameof(Schedule)}.{nameof(schedule.WarmupSteps)} ({schedule.WarmupSteps}) must be at most {nameof(Steps)} ({Steps}).";
        }
    }
}
