namespace PreTrain.Tests.Checkpoints;

/// <summary>A folder of its own for a test, deleted with all that is in it.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("pretrain-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>The names of all that is in the folder, hidden ones too.</summary>
    public string[] Entries => Directory.EnumerateFileSystemEntries(Root).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToArray();

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
