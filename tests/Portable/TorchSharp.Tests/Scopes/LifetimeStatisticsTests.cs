using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Scopes;

/// <summary>The statistics are those of the thread, and a test runs on one.</summary>
public sealed class LifetimeStatisticsTests
{
    public LifetimeStatisticsTests() => DisposeScopeManager.Statistics.Reset();

    private static void Check(long createdOutside, long disposedOutside, long createdInside, long disposedInside, long attached, long detached, long live)
    {
        ThreadDisposeScopeStatistics s = DisposeScopeManager.Statistics;
        Assert.Equal((createdOutside, disposedOutside, createdInside, disposedInside, attached, detached, live),
            (s.CreatedOutsideScopeCount, s.DisposedOutsideScopeCount, s.CreatedInScopeCount, s.DisposedInScopeCount, s.AttachedToScopeCount, s.DetachedFromScopeCount, s.ThreadTotalLiveCount));
        Assert.Equal(live, s.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Outside_CreatedAndDisposed_AreCountedOnce()
    {
        Tensor t = tensor(3);
        Check(1, 0, 0, 0, 0, 0, 1);
        t.Dispose();
        t.Dispose();
        Check(1, 1, 0, 0, 0, 0, 0);
    }

    [Fact]
    public void Inside_CreatedAndDisposed_AreCountedOnce()
    {
        DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(3);
        Check(0, 0, 1, 0, 0, 0, 1);
        scope.Attach(t);
        Check(0, 0, 1, 0, 0, 0, 1);
        scope.Dispose();
        t.Dispose();
        Check(0, 0, 1, 1, 0, 0, 0);
    }

    [Fact]
    public void Attached_ThenDetached_AreCounted()
    {
        using Tensor t = tensor(3);
        DisposeScope scope = NewDisposeScope();
        scope.Detach(t);
        Check(1, 0, 0, 0, 0, 0, 1);
        scope.Attach(t);
        Check(1, 0, 0, 0, 1, 0, 1);
        scope.Detach(t);
        scope.Dispose();
        Check(1, 0, 0, 0, 1, 1, 1);
    }

    [Fact]
    public void Attached_DisposedByTheScope_CountsInside()
    {
        Tensor t = tensor(3);
        DisposeScope scope = NewDisposeScope();
        scope.Attach(t);
        scope.Dispose();
        Check(1, 0, 0, 1, 1, 0, 0);
    }

    [Fact]
    public void Moved_ToTheOuterScope_ChangesNoCount()
    {
        using DisposeScope outer = NewDisposeScope();
        using DisposeScope inner = NewDisposeScope();
        Tensor t = tensor(3);
        inner.MoveToOuter(t);
        Check(0, 0, 1, 0, 0, 0, 1);
        outer.MoveToOuter(t);
        Check(0, 0, 1, 0, 0, 1, 1);
        t.Dispose();
        Check(0, 1, 1, 0, 0, 1, 0);
    }

    [Fact]
    public void Parameter_OfATensor_ChangesNoCount()
    {
        DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(3f);
        var p = new Parameter(t);
        Check(0, 0, 1, 0, 0, 0, 1);
        t.Dispose();
        Check(0, 0, 1, 0, 0, 0, 1);
        Assert.Equal(3f, p.ToSingle());
        scope.Dispose();
        Check(0, 0, 1, 1, 0, 0, 0);
    }

    [Fact]
    public void Conversion_OfANewTensor_LeavesOneLive()
    {
        using Tensor t = tensor(new[] { 1, 2 }, dtype: ScalarType.Float64);

        Assert.Equal(1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Reset_ForgetsAll()
    {
        using Tensor t = tensor(3);
        DisposeScopeManager.Statistics.Reset();
        Check(0, 0, 0, 0, 0, 0, 0);
    }

    [Fact]
    public void ToString_NamesEachCount()
    {
        using Tensor t = tensor(3);

        Assert.Contains("CreatedOutsideScopeCount: 1", DisposeScopeManager.Statistics.ToString());
        Assert.Contains("ThreadTotalLiveCount: 1", DisposeScopeManager.Statistics.TensorStatistics.ToString());
    }
}
