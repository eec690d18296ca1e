namespace PreTrain.Training;

/// <summary>Which checkpoints stay when a new one has been written.</summary>
/// <param name="Newest">The newest so many.</param>
/// <param name="Every">Those whose step is a multiple of this; 0 for none.</param>
/// <param name="Best">The step of the best one; null for none.</param>
internal sealed record CheckpointRetention(int Newest, int Every = 0, int? Best = null)
{
    /// <summary>The checkpoints that go: those that no rule keeps, and those of later steps, which a resumed run has left behind.</summary>
    /// <param name="steps">All, the newest first.</param>
    /// <param name="current">The one that was written last.</param>
    internal IEnumerable<int> Discarded(IReadOnlyList<int> steps, int current)
    {
        int[] valid = [.. steps.Where(step => step <= current)];
        return steps.Where(step => step > current).Concat(valid.Skip(Newest).Where(step => step != Best && (Every == 0 || step == 0 || step % Every != 0)));
    }
}
