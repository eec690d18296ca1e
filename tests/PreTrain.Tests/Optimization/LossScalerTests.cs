using PreTrain.Optimization;

namespace PreTrain.Tests.Optimization;

public sealed class LossScalerTests
{
    [Fact]
    public void Scale_AfterGoodStepsAndOverflows_FollowsTheRule()
    {
        var scaler = new LossScaler();
        Assert.Equal(65536, scaler.Scale);
        for (int i = 0; i < 1999; i++) scaler.Accept();
        Assert.Equal(65536, scaler.Scale);
        scaler.Accept();
        Assert.Equal(131072, scaler.Scale);

        // An overflow starts the count anew.
        for (int i = 0; i < 1500; i++) scaler.Accept();
        scaler.Overflow();
        Assert.Equal(65536, scaler.Scale);
        for (int i = 0; i < 1999; i++) scaler.Accept();
        Assert.Equal(65536, scaler.Scale);
        scaler.Accept();
        Assert.Equal(131072, scaler.Scale);
    }

    [Fact]
    public void Overflow_Always_EndsAtOne()
    {
        var scaler = new LossScaler();
        for (int i = 0; i < 16; i++)
        {
            Assert.True(scaler.CanBackOff);
            scaler.Overflow();
        }
        Assert.Equal((1, false), (scaler.Scale, scaler.CanBackOff));
        scaler.Overflow();
        Assert.Equal(1, scaler.Scale);
    }

    [Fact]
    public void Accept_Always_EndsBeforeTheLossItselfOverflows()
    {
        var scaler = new LossScaler();
        for (int i = 0; i < 40_000; i++) scaler.Accept();
        Assert.Equal(16777216, scaler.Scale);
    }

    [Fact]
    public void State_Restored_GoesOn()
    {
        var scaler = new LossScaler();
        scaler.Overflow();
        for (int i = 0; i < 1999; i++) scaler.Accept();
        var again = new LossScaler(scaler.State);
        Assert.Equal(32768, again.Scale);
        again.Accept();
        Assert.Equal(65536, again.Scale);
    }
}
