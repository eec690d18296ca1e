using System.Globalization;
using Microsoft.Extensions.Logging;
using PreTrain.Checkpoints;

namespace PreTrain.Training;

/// <summary>The checkpoints of a run: <c>step-000500</c> and so on, each complete or not there.</summary>
internal sealed class CheckpointStore(string folder, ILogger log)
{
    internal const string ModelName = "model", OptimizerName = "optimizer.safetensors", AverageName = "average.safetensors";
    private const string Prefix = "step-";

    /// <summary>The newest checkpoint whose files are as they were written. Broken ones are named in the log and passed over.</summary>
    /// <returns>Null if there is none at all.</returns>
    /// <exception cref="CheckpointException">There are checkpoints, and all are broken.</exception>
    internal (string Folder, CheckpointState State)? Newest()
    {
        var faults = new List<string>();
        foreach (var (_, path) in All())
        {
            try
            {
                Manifest.Load(path).Verify(path);
                return (path, CheckpointState.Load(path));
            }
            catch (CheckpointException e)
            {
                faults.Add(e.Message);
                log.LogWarning("Skipped a broken checkpoint: {Fault}", e.Message);
            }
        }
        return faults.Count == 0 ? null : throw new CheckpointException(folder, $"no checkpoint can be used. {string.Join(" ", faults)}");
    }

    /// <summary>Writes a checkpoint, then deletes those that are too old, and those of later steps, which a resumed run has left behind.</summary>
    /// <param name="step">Updates so far.</param>
    /// <param name="keep">Which checkpoints stay.</param>
    /// <param name="fill">Writes the files into the folder that it is given.</param>
    /// <returns>The checkpoint's folder.</returns>
    /// <exception cref="CheckpointException">It cannot be written; the others are untouched.</exception>
    internal string Save(int step, CheckpointRetention keep, Action<string> fill)
    {
        string path = PathOf(step);
        try
        {
            Directory.CreateDirectory(folder);
            AtomicFolder.Write(path, partial =>
            {
                fill(partial);
                Manifest.Create(partial).Save(partial);
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string? last = All().Where(c => c.Step < step).Select(c => c.Path).FirstOrDefault();
            throw new CheckpointException(path, $"the checkpoint could not be written: {e.Message} "
                + (last is null ? "There is no earlier one." : $"The one before, {last}, is complete; a resumed run goes on from there."), e)
            {
                IsUnwritten = true,
            };
        }
        Discard(step, keep);
        return path;
    }

    /// <summary>Deletes the checkpoints that are too old, and those of later steps.</summary>
    /// <param name="step">The step of the newest one that stays.</param>
    /// <param name="keep">Which checkpoints stay.</param>
    internal void Discard(int step, CheckpointRetention keep)
    {
        List<(int Step, string Path)> all = All();
        foreach (int old in keep.Discarded([.. all.Select(c => c.Step)], step).ToArray()) Delete(all.First(c => c.Step == old).Path);
    }

    /// <summary>The checkpoint of a step.</summary>
    /// <exception cref="CheckpointException">It is missing or broken.</exception>
    internal string Find(int step)
    {
        string path = PathOf(step);
        Manifest.Load(path).Verify(path);
        return path;
    }

    private string PathOf(int step) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D6}"));

    private void Delete(string old)
    {
        try
        {
            Directory.Delete(old, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("Could not delete the old checkpoint {Folder}: {Fault}", old, e.Message);
        }
    }

    /// <summary>The newest first.</summary>
    private List<(int Step, string Path)> All()
    {
        if (!Directory.Exists(folder)) return [];
        return [.. Directory.EnumerateDirectories(folder, Prefix + "*")
            .Select(path => (Known: int.TryParse(Path.GetFileName(path).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int step), step, path))
            .Where(c => c.Known).Select(c => (c.step, c.path)).OrderByDescending(c => c.step)];
    }
}
