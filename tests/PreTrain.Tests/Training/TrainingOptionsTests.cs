using PreTrain.Optimization;
using PreTrain.Tokenization;
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
            Output = " ",
            Steps = 0,
            BatchSize = -1,
            AccumulationSteps = 0,
            LogEvery = 0,
            KeepCheckpoints = 0,
            CheckpointEvery = -1,
            EvaluateEvery = -2,
            EvaluationBatches = -3,
            LearningRate = double.NaN,
            WarmupSteps = -1,
            LearningRateDecay = (LearningRateDecay)17,
            Precision = (Precision)8,
            Beta1 = 1,
            Beta2 = 2,
            Epsilon = 0,
            WeightDecay = -1,
            ClipNorm = -1,
            Resume = true,
            Overwrite = true,
        };
        var e = Assert.Throws<ArgumentException>(() => new Trainer(options));
        Assert.Equal("Output (' ') must name a folder. Steps (0) must be positive. BatchSize (-1) must be positive. AccumulationSteps (0) must be positive. "
            + "LogEvery (0) must be positive. KeepCheckpoints (0) must be positive. CheckpointEvery (-1) must not be negative. EvaluateEvery (-2) must not be negative. "
            + "EvaluationBatches (-3) must not be negative. LearningRate (NaN) must be positive. WarmupSteps (-1) must be at least 0 and at most Steps (0). "
            + "LearningRateDecay (17) must be Cosine, Linear, Constant, CosineRestarts, Polynomial, InverseSquareRoot, WarmupStableDecay, OneCycle or Step. Precision (8) must be Float32, BFloat16 or Float16. Beta1 (1) must be at least 0 and below 1. "
            + "Beta2 (2) must be at least 0 and below 1. Epsilon (0) must be positive. WeightDecay (-1) must not be negative. "
            + "ClipNorm (-1) must be positive, or 0 for no clipping. Resume and Overwrite exclude each other: one keeps the run in the folder, the other deletes it.", e.Message);
    }

    [Fact]
    public void Validate_TokenizerThatCannotBeWritten_Throws()
    {
        var wrapped = new WrappedTokenizer(Tokenization.BpeFixture.Tokenizer, new() { VocabSize = 8 });
        Assert.Equal("Tokenizer (a WrappedTokenizer) cannot be written beside the model; leave it out, and copy the files that it was made from into the model's folder.",
            Assert.Throws<ArgumentException>(() => new TrainingOptions { Output = "x", Tokenizer = wrapped }.Validate()).Message);
        new TrainingOptions { Output = "x", Tokenizer = Tokenization.BpeFixture.Tokenizer }.Validate();
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

    [Fact]
    public void Validate_ChoicesOfOptimizerScheduleAndAverage_NamesEveryFault()
    {
        var options = new TrainingOptions
        {
            Output = "x",
            Steps = 100,
            EvaluateEvery = 0,
            Schedule = new() { Peak = -1, TotalSteps = 70 },
            Plateau = new() { Factor = 2 },
            Optimizer = new LionOptions { Beta1 = 1 },
            Update = new() { LayerDecay = 2, Rules = [new() { Pattern = "", LearningRateScale = -1 }] },
            Average = new() { Decay = 1, StartStep = 0, Every = 0, Kind = (WeightAverageKind)5 },
            MeasureGradientNoise = true,
        };
        var e = Assert.Throws<ArgumentException>(options.Validate);
        Assert.Equal("Schedule.Peak (-1) must be positive. Schedule.Minimum (0) must be at least 0 and at most Peak (-1). "
            + "Schedule.TotalSteps (70) must be Steps (100): the learning rate would be at its end before the run is. Plateau.Factor (2) must be above 0 and below 1. "
            + "Plateau needs evaluations: EvaluateEvery (0) must be positive. Beta1 (1) must be at least 0 and below 1. LayerDecay (2) must be above 0 and at most 1. "
            + "Pattern ('') must not be empty; '*' fits all names. LearningRateScale (-1) of '' must not be negative. Average.Kind (5) must be Exponential or Equal. "
            + "Average.Decay (1) must be at least 0 and below 1. Average.StartStep (0) must be positive. Average.Every (0) must be positive. "
            + "MeasureGradientNoise compares micro-batches: AccumulationSteps (1) must be at least 2.", e.Message);
    }

    [Fact]
    public void Validate_OtherRatesThanRelativeSteps_AreRefused()
    {
        TrainingOptions options = new() { Output = "x", Steps = 100, Optimizer = new AdafactorOptions { RelativeStep = true } };
        options.Validate();
        var e = Assert.Throws<ArgumentException>((options with { Plateau = new(), Schedule = new() { Peak = 0.1, TotalSteps = 100 } }).Validate);
        Assert.Equal("Plateau has no effect with RelativeStep (true) of adafactor, which chooses the learning rate itself. Leave one of them out. "
            + "Schedule has no effect with RelativeStep (true) of adafactor, which chooses the learning rate itself. Leave one of them out.", e.Message);
    }

    [Theory]
    [InlineData(LearningRateDecay.Cosine, 70, 5, "Schedule.TotalSteps (70) must be Steps (100): the learning rate would be at its end before the run is.")]
    [InlineData(LearningRateDecay.WarmupStableDecay, 170, 5, "Schedule.TotalSteps (170) must be Steps (100): the run would end before the learning rate has come down.")]
    [InlineData(LearningRateDecay.InverseSquareRoot, 170, 101, "Schedule.WarmupSteps (101) must be at most Steps (100).")]
    [InlineData(LearningRateDecay.Constant, 170, 5, null)]
    [InlineData(LearningRateDecay.Linear, 100, 5, null)]
    public void Validate_ScheduleOfAnotherLength_IsRefusedWhereItHasAnEnd(LearningRateDecay decay, int total, int warmup, string? fault)
    {
        var options = new TrainingOptions { Output = "x", Steps = 100, Schedule = new() { Peak = 0.1, TotalSteps = total, WarmupSteps = warmup, Decay = decay } };
        Assert.Equal(fault, Record.Exception(options.Validate)?.Message);
    }
}
