namespace TorchSharp;

/// <summary>How many objects were created, disposed and moved, inside and outside dispose scopes.</summary>
public class LifetimeStatistics
{
    internal long CreatedOutside, CreatedInside, DisposedOutside, DisposedInside, Attached, Detached;

    public long CreatedOutsideScopeCount => CreatedOutside;
    public long DisposedOutsideScopeCount => DisposedOutside;
    public long CreatedInScopeCount => CreatedInside;
    public long DisposedInScopeCount => DisposedInside;
    public long AttachedToScopeCount => Attached;
    public long DetachedFromScopeCount => Detached;
    public long ThreadTotalLiveCount => CreatedOutside + CreatedInside - DisposedOutside - DisposedInside;

    public void Reset() => CreatedOutside = CreatedInside = DisposedOutside = DisposedInside = Attached = Detached = 0;

    public override string ToString() =>
        $"ThreadTotalLiveCount: {ThreadTotalLiveCount}; CreatedOutsideScopeCount: {CreatedOutside}; DisposedOutsideScopeCount: {DisposedOutside}; " +
        $"CreatedInScopeCount: {CreatedInside}; DisposedInScopeCount: {DisposedInside}; AttachedToScopeCount: {Attached}; DetachedFromScopeCount: {Detached}";
}
