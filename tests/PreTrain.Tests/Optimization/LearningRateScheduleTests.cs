using PreTrain.Optimization;

namespace PreTrain.Tests.Optimization;

public sealed class LearningRateScheduleTests
{
    private static readonly LearningRateSchedule s_schedule = new() { Peak = 0.5, Minimum = 0.1, WarmupSteps = 5, TotalSteps = 25 };

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(3, 0.4)]
    [InlineData(4, 0.5)]
    [InlineData(5, 0.5)]
    [InlineData(10, 0.1 + 0.4 * 0.5 * (1 + 0.70710678118654752))]   // a quarter of the way
    [InlineData(15, 0.3)]
    [InlineData(25, 0.1)]
    [InlineData(1000, 0.1)]
    public void At_Cosine_FollowsTheFormula(int step, double expected) => Assert.Equal(expected, s_schedule.At(step), 12);

    [Theory]
    [InlineData(2, 0.3)]
    [InlineData(5, 0.5)]
    [InlineData(10, 0.4)]
    [InlineData(25, 0.1)]
    public void At_Linear_FollowsTheFormula(int step, double expected) =>
        Assert.Equal(expected, (s_schedule with { Decay = LearningRateDecay.Linear }).At(step), 12);

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(5, 0.5)]
    [InlineData(999, 0.5)]
    public void At_Constant_StaysAtThePeak(int step, double expected) =>
        Assert.Equal(expected, (s_schedule with { Decay = LearningRateDecay.Constant }).At(step), 12);

    [Fact]
    public void At_WarmupOnly_HasNoGap()
    {
        var schedule = new LearningRateSchedule { Peak = 3, Minimum = 1, WarmupSteps = 2, TotalSteps = 2 };
        Assert.Equal([1.5, 3, 1], Enumerable.Range(0, 3).Select(schedule.At));
    }

    [Fact]
    public void Validate_SeveralFaults_NamesAll()
    {
        var e = Assert.Throws<ArgumentException>(() => new LearningRateSchedule { Peak = -1, Minimum = -2, WarmupSteps = -3, TotalSteps = -4, Decay = (LearningRateDecay)9 }.Validate());
        Assert.Equal("Peak (-1) must be positive. Minimum (-2) must be at least 0 and at most Peak (-1). WarmupSteps (-3) must not be negative. "
            + "TotalSteps (-4) must be at least WarmupSteps (-3). Decay (9) must be Cosine, Linear or Constant.", e.Message);
    }
}
