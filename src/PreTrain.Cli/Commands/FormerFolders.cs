using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>
/// Folders of the tool in that of a run which is overwritten. They are aside, as <c>.former-NAME</c>, until the new run has done its first step, and come back where it does not come to that. Those of a run
/// that is resumed are deleted when it begins.
/// </summary>
internal sealed class FormerFolders : ITrainingCallback, IDisposable
{
    private const string Prefix = ".former-", DeletedPrefix = ".deleted-";
    private readonly TrainingOptions _training;
    private readonly string[] _names;
    private bool _wasLookedFor, _hasBegun;

    /// <param name="training">The new run.</param>
    /// <param name="names">The folders.</param>
    public FormerFolders(TrainingOptions training, params string[] names) => (_training, _names) = (training, names);

    /// <summary>Puts back what a run left aside that was killed before its first step.</summary>
    /// <param name="output">The folder of the run.</param>
    public static void Recover(string output)
    {
        if (!Directory.Exists(output)) return;
        foreach (string deleted in Directory.GetDirectories(output, DeletedPrefix + "*")) Directory.Delete(deleted, recursive: true);
        foreach (string aside in Directory.GetDirectories(output, Prefix + "*")) PutBack(aside, Path.Combine(output, Path.GetFileName(aside)[Prefix.Length..]));
    }

    /// <summary>Puts the folders aside, where that has not been done: from then on those of their names are the new run's.</summary>
    public void PutAside()
    {
        if (_wasLookedFor) return;
        _wasLookedFor = true;
        foreach (string name in _names.Where(name => Directory.Exists(Own(name)))) Directory.Move(Own(name), Path.Combine(_training.Output, Prefix + name));
    }

    public void OnStart(TrainingRun run)
    {
        if (_training.Overwrite) PutAside();
        else foreach (string name in _names) DeleteIfThere(Own(name));
    }

    public void OnUpdate(TrainingRun run)
    {
        if (_hasBegun) return;
        _hasBegun = true;
        foreach (string aside in Aside())
        {
            string deleted = Path.Combine(_training.Output, DeletedPrefix + Path.GetFileName(aside)[Prefix.Length..]);   // what is half deleted is not put back
            Directory.Move(aside, deleted);
            Directory.Delete(deleted, recursive: true);
        }
    }

    public void Dispose()
    {
        if (_hasBegun) return;
        foreach (string aside in Aside()) PutBack(aside, Own(Path.GetFileName(aside)[Prefix.Length..]));
    }

    private static void PutBack(string aside, string own)
    {
        DeleteIfThere(own);
        Directory.Move(aside, own);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private string Own(string name) => Path.Combine(_training.Output, name);

    private IEnumerable<string> Aside() => _names.Select(name => Path.Combine(_training.Output, Prefix + name)).Where(Directory.Exists);
}
