using System.Globalization;
using System.Text;
using PreTrain.Checkpoints;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.Training;

/// <summary>Where a run keeps what.</summary>
internal sealed class RunFolder
{
    internal const string ModelName = "model", CheckpointsName = "checkpoints", MetricsName = "metrics.jsonl", TimingsName = "timings.jsonl", FaultsName = "faults.jsonl";
    // The run that is overwritten, whole, until the new one has done a step; the same while it is moved there or back; what is left of it in the end.
    private const string FormerName = ".former", MovedName = ".former.partial", DeletedName = ".deleted";
    private const string NotFinitePrefix = "not-finite-step-", SpikePrefix = "spike-step-";

    /// <summary>What callbacks write, and what belongs to one run.</summary>
    private static readonly string[] s_reports = ["report.html", "journal.jsonl", "profile.txt", "profile.json", "run.json", "events.out.tfevents.*"];

    private string[] _found = [];   // what was there before a new run

    private RunFolder(string path) => Path = path;

    internal string Path { get; }

    internal string Model => Combine(ModelName);

    internal string Checkpoints => Combine(CheckpointsName);

    internal string Metrics => Combine(MetricsName);

    internal string Timings => Combine(TimingsName);

    internal string Faults => Combine(FaultsName);

    /// <summary>Checks, without changing anything, that the options allow a run in their folder.</summary>
    /// <exception cref="ArgumentException">The folder is a file, or holds a run already.</exception>
    internal static RunFolder Check(TrainingOptions options)
    {
        var folder = new RunFolder(System.IO.Path.GetFullPath(options.Output));
        if (File.Exists(folder.Path)) throw new ArgumentException($"{nameof(options.Output)} ('{folder.Path}') is a file; it must name a folder.");
        if (folder.HoldsRun && !options.Resume && !options.Overwrite)
        {
            throw new ArgumentException($"The folder '{folder.Path}' already holds a run. Set {nameof(options.Resume)} to go on with it, "
                + $"{nameof(options.Overwrite)} to delete it, or choose another {nameof(options.Output)}.");
        }
        return folder;
    }

    /// <summary>Whether the new run did not begin, so that what lies here is not its own.</summary>
    internal bool IsUndone { get; private set; }

    private bool HoldsRun => Directory.Exists(Model) || Directory.Exists(Checkpoints) || File.Exists(Metrics) || Directory.Exists(Former) || Directory.Exists(Moved);

    private string Former => Combine(FormerName);

    private string Moved => Combine(MovedName);

    /// <summary>Creates the folder, and puts a former run aside where that is to be overwritten.</summary>
    internal void Prepare(bool overwrite)
    {
        Directory.CreateDirectory(Path);
        AtomicFolder.Recover(Path);
        Recover();
        if (overwrite && HoldsRun)
        {
            Directory.CreateDirectory(Moved);
            Move(Path, Moved);
            Directory.Move(Moved, Former);
        }
        _found = [.. FilesOf(Path)];
        Directory.CreateDirectory(Checkpoints);
    }

    /// <summary>Puts a former run back whose successor was killed before its first step.</summary>
    internal void Recover()
    {
        DeleteIfThere(Combine(DeletedName));
        if (Directory.Exists(Former)) Undo();
        else PutBack();
    }

    /// <summary>The new run has begun: what it overwrites is deleted.</summary>
    internal void Keep()
    {
        if (!Directory.Exists(Former)) return;
        Directory.Move(Former, Combine(DeletedName));   // what is half deleted is not put back
        DeleteIfThere(Combine(DeletedName));
    }

    /// <summary>The new run did not begin: the folder is what it was before, as far as runs are concerned.</summary>
    /// <param name="kept">A file of the new run that stays; null for none.</param>
    internal void Undo(string? kept = null)
    {
        IsUndone = true;
        DeleteIfThere(Model);
        DeleteIfThere(Checkpoints);
        foreach (string file in FilesOf(Path).Except(_found).Where(file => file != kept)) File.Delete(file);
        if (Directory.Exists(Former)) Directory.Move(Former, Moved);   // from here on nothing is deleted any more
        PutBack();
    }

    /// <summary>The new run failed in its first step, of which a file tells: what it would have overwritten comes back; where there was nothing, all stays.</summary>
    internal void UndoOverwriting(string? told)
    {
        if (Directory.Exists(Former)) Undo(told);
    }

    /// <summary>Moves what is of a former run, whether or not all of it had been moved, back.</summary>
    private void PutBack()
    {
        if (!Directory.Exists(Moved)) return;
        Move(Moved, Path);
        Directory.Delete(Moved, recursive: true);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private static void Move(string from, string to)
    {
        foreach (string inner in new[] { ModelName, CheckpointsName }.Where(name => Directory.Exists(System.IO.Path.Combine(from, name)))) Directory.Move(System.IO.Path.Combine(from, inner), System.IO.Path.Combine(to, inner));
        foreach (string file in FilesOf(from))
        {
            string target = System.IO.Path.Combine(to, System.IO.Path.GetFileName(file));
            if (!File.Exists(target)) File.Move(file, target);   // one of a fault that ended the new run may be there
        }
    }

    /// <summary>The files of a run beside its two folders.</summary>
    private static IEnumerable<string> FilesOf(string folder)
    {
        string[] patterns = [.. s_reports, NotFinitePrefix + "*.txt", SpikePrefix + "*.txt", MetricsName, TimingsName, FaultsName];
        return [.. patterns.SelectMany(pattern => Directory.GetFiles(folder, pattern))];
    }

    /// <summary>Writes the batches of a step that went wrong as text.</summary>
    /// <returns>The file; null if it cannot be written, since the fault that led here matters more.</returns>
    internal string? Dump(TrainingFault fault, IReadOnlyList<Batch> batches, IReadOnlyList<double> losses, double norm, TextTokenizer? tokenizer)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"step {fault.Step}, gradient norm {norm}");
        for (int b = 0; b < batches.Count; b++)
        {
            Batch batch = batches[b];
            text.AppendLine(CultureInfo.InvariantCulture, $"micro-batch {b + 1} of {batches.Count}: loss {losses[b]}, {batch.Rows} rows of {batch.Length} {(batch.Images is null ? "tokens" : "patches")}, {batch.ValidTargets} targets");
            if (batch.Images is not null) continue;   // pixels say nothing as text; the position of the data says which images they were
            for (int row = 0; row < batch.Rows; row++)
            {
                ReadOnlySpan<long> inputs = batch.Inputs.AsSpan(row * batch.Length, batch.Length), targets = batch.Targets.AsSpan(row * batch.TargetLength, batch.TargetLength);
                text.AppendLine(CultureInfo.InvariantCulture, $"row {row + 1} inputs: {string.Join(' ', inputs.ToArray())}");
                text.AppendLine(CultureInfo.InvariantCulture, $"row {row + 1} targets: {string.Join(' ', targets.ToArray())}");
                if (tokenizer is not null) text.AppendLine(CultureInfo.InvariantCulture, $"row {row + 1} text: {Decode(tokenizer, inputs)}");
            }
        }
        string number = fault.InARow == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{fault.InARow}");
        string path = Combine(string.Create(CultureInfo.InvariantCulture, $"{(fault.Limit is null ? NotFinitePrefix : SpikePrefix)}{fault.Step:D6}{number}.txt"));
        try
        {
            AtomicFile.WriteAllText(path, text.ToString());
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Decode(TextTokenizer tokenizer, ReadOnlySpan<long> ids)
    {
        int[] known = [.. ids.ToArray().Where(id => id >= 0 && id < tokenizer.VocabSize && tokenizer.IdToToken((int)id) is not null).Select(id => (int)id)];
        return tokenizer.Decode(known.AsSpan()).ReplaceLineEndings("⏎");
    }

    private string Combine(string name) => System.IO.Path.Combine(Path, name);
}
