using PreTrain.Training;

namespace PreTrain.Tests.Training;

public sealed class FaultGuardTests
{
    private static readonly FaultOptions s_options = new() { NotFinite = FaultPolicy.Skip, Spike = FaultPolicy.RollBack, SpikeThreshold = 3, SpikeWindowSteps = 5, SpikeWarmupSteps = 4, MaxInARow = 2 };

    [Theory]
    [InlineData(double.NaN, 1, "loss")]
    [InlineData(double.PositiveInfinity, double.NaN, "loss")]
    [InlineData(1, double.NegativeInfinity, "gradient norm")]
    [InlineData(1, double.NaN, "gradient norm")]
    [InlineData(1, 1e300, null)]
    public void Find_FirstStep_SeesWhatIsNotFinite(double loss, double norm, string? quantity)
    {
        TrainingFault? fault = Guard().Find(1, loss, norm, []);
        Assert.Equal(quantity, fault?.Quantity);
        if (fault is not null) Assert.Equal((FaultPolicy.Skip, null), (fault.Action, fault.Limit));
    }

    [Fact]
    public void Find_Spikes_AreThoseBeyondTheDeviationsOfTheWindow()
    {
        FaultGuard guard = Guard();
        double[] losses = [9, 5, 4, 6, 5, 4.5], norms = [7, 1, 2, 1.5, 1.25, 1.75];
        for (int i = 0; i < losses.Length; i++) guard.Accept(i + 1, losses[i], norms[i]);

        // The last five, by the definitions.
        double Limit(double[] values)
        {
            double mean = values[1..].Average();
            return mean + 3 * Math.Sqrt(values[1..].Select(v => Math.Pow(v - mean, 2)).Sum() / 4);
        }
        Assert.Null(guard.Find(7, Limit(losses) - 1e-9, Limit(norms) - 1e-9, []));
        TrainingFault loss = guard.Find(7, Limit(losses) + 1e-9, 99, [])!, norm = guard.Find(7, 1, Limit(norms) + 1e-9, [])!;
        Assert.Equal(("loss", FaultPolicy.RollBack), (loss.Quantity, loss.Action));
        Assert.Equal(("gradient norm", FaultPolicy.RollBack), (norm.Quantity, norm.Action));
        Assert.Equal(Limit(losses), loss.Limit!.Value, 1e-12);
        Assert.Equal(Limit(norms), norm.Limit!.Value, 1e-12);
    }

    [Fact]
    public void Find_WarmUp_HasNoSpikes()
    {
        FaultGuard guard = Guard();
        for (int i = 1; i <= 3; i++) guard.Accept(i, 1, 1);
        Assert.Null(guard.Find(4, 1e9, 1e9, []));
        guard.Accept(4, 1, 1);
        Assert.NotNull(guard.Find(5, 1.001, 1, []));
    }

    [Fact]
    public void Find_NobodyLooks_HasNoSpikes()
    {
        var guard = new FaultGuard(new(), "run", null, null);
        for (int i = 1; i < 300; i++) guard.Accept(i, 1, 1);
        Assert.Null(guard.Find(300, 1e9, 1e9, []));
        Assert.Null(guard.SpikeState);
    }

    [Fact]
    public void Find_FaultsWithoutProgress_StopAtTheLimit()
    {
        FaultGuard guard = Guard();
        guard.Add(guard.Find(9, double.NaN, 1, [])!);
        for (int step = 5; step < 9; step++) guard.Accept(step, 1, 1);   // the way back, and up again
        guard.Add(guard.Find(9, double.NaN, 1, [])!);
        Assert.Equal((3, FaultPolicy.Stop), (guard.Find(9, double.NaN, 1, [])!.InARow, guard.Find(9, double.NaN, 1, [])!.Action));
        guard.Accept(9, 1, 1);
        Assert.Equal((1, FaultPolicy.Skip), (guard.Find(10, double.NaN, 1, [])!.InARow, guard.Find(10, double.NaN, 1, [])!.Action));
    }

    [Fact]
    public void State_Restored_DecidesTheSame()
    {
        FaultGuard guard = Guard();
        for (int i = 1; i <= 4; i++) guard.Accept(i, 1 + i * 0.1, 1);
        guard.Add(guard.Find(5, double.NaN, 1, new() { ["row"] = 7 })! with { Dump = Path.Combine("run", "x.txt"), ReturnedTo = 3 });
        guard.Add(guard.Find(5, 99, 1, new() { ["row"] = 8 })!);
        var again = new FaultGuard(s_options, "run", guard.State, guard.SpikeState);

        Assert.Equal(guard.Faults.Select(fault => fault.ToJson().ToJsonString()), again.Faults.Select(fault => fault.ToJson().ToJsonString()));
        Assert.Equal(double.NaN, again.Faults[0].Value);
        Assert.Equal(Path.Combine("run", "x.txt"), again.Faults[0].Dump);
        Assert.Equal(guard.State!.ToJsonString(), again.State!.ToJsonString());
        Assert.Equal(guard.Find(5, 99, 1, [])!.ToJson().ToJsonString(), again.Find(5, 99, 1, [])!.ToJson().ToJsonString());
    }

    [Fact]
    public void Faults_AllWrong_AreNamed()
    {
        var options = new FaultOptions { NotFinite = (FaultPolicy)7, Spike = (FaultPolicy)8, SpikeThreshold = 0, SpikeWindowSteps = 1, SpikeWarmupSteps = 2, MaxInARow = -1 };
        Assert.Equal("NotFinite (7) must be Stop, Skip or RollBack. Spike (8) must be Stop, Skip or RollBack, or null. SpikeThreshold (0) must be positive. "
            + "SpikeWindowSteps (1) must be at least 2. SpikeWarmupSteps (2) must be at least 2 and at most SpikeWindowSteps (1). MaxInARow (-1) must not be negative.", string.Join(" ", options.Faults()));
    }

    private static FaultGuard Guard() => new(s_options, "run", null, null);
}
