using PreTrain.Optimization;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Tests.Training;

public sealed class TrainingOptionsTests
{
    [Fact]
    public void Validate_Defaults_Pass() => new TrainingOptions { Output = "x" }.Validate();

    [Fact]
    public void Validate_AllWrong_NamesEveryFault()
    {
        var options = new TrainingOptions
        {
            Output = " ", Steps = 0, BatchSize = -1, AccumulationSteps = 0, LogEvery = 0, KeepCheckpoints = 0, CheckpointEvery = -1, EvaluateEvery = -2,
            EvaluationBatches = -3, LearningRate = double.NaN, WarmupSteps = -1, LearningRateDecay = (LearningRateDecay)7, Precision = (Precision)8, Beta1 = 1, Beta2 = 2,
            Epsilon = 0, WeightDecay = -1, ClipNorm = -1, Resume = true, Overwrite = true,
        };
        var e = Assert.Throws<ArgumentException>(() => new Trainer(options));
        Assert.Equal("Output (' ') must name a folder. Steps (0) must be positive. BatchSize (-1) must be positive. AccumulationSteps (0) must be positive. "
            + "LogEvery (0) must be positive. KeepCheckpoints (0) must be positive. CheckpointEvery (-1) must not be negative. EvaluateEvery (-2) must not be negative. "
            + "EvaluationBatches (-3) must not be negative. LearningRate (NaN) must be positive. WarmupSteps (-1) must be at least 0 and at most Steps (0). "
            + "LearningRateDecay (7) must be Cosine, Linear or Constant. Precision (8) must be Float32 or BFloat16. Beta1 (1) must be at least 0 and below 1. "
            + "Beta2 (2) must be at least 0 and below 1. Epsilon (0) must be positive. WeightDecay (-1) must not be negative. "
            + "ClipNorm (-1) must be positive, or 0 for no clipping. Resume and Overwrite exclude each other: one keeps the run in the folder, the other deletes it.", e.Message);
    }

    [Fact]
    public void Validate_MinimumAboveThePeak_Throws()
    {
        var e = Assert.Throws<ArgumentException>(() => new TrainingOptions { Output = "x", LearningRate = 0.1, MinimumLearningRate = 0.2 }.Validate());
        Assert.Equal("MinimumLearningRate (0.2) must be at least 0 and at most LearningRate (0.1).", e.Message);
    }

    [Fact]
    public void Schedule_Defaults_FollowFromStepsAndRate()
    {
        LearningRateSchedule schedule = new TrainingOptions { Output = "x", Steps = 200, LearningRate = 0.5 }.Schedule;
        Assert.Equal(new LearningRateSchedule { Peak = 0.5, Minimum = 0.05, WarmupSteps = 10, TotalSteps = 200 }, schedule);
    }
}
