using PreTrain.Checkpoints.Gguf;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>
/// The tensors of a checkpoint, open for reading: of one file or of shards under an index, stored as safetensors, by PyTorch or as GGUF. Opening reads headers only.
/// </summary>
/// <remarks>Reading is safe for several threads.</remarks>
public sealed class CheckpointTensors : IDisposable
{
    private readonly IReadOnlyList<ITensorFile> files;
    private readonly Dictionary<string, ITensorFile> places = new(StringComparer.Ordinal);

    private CheckpointTensors(string path, CheckpointFormat format, IReadOnlyList<ITensorFile> files)
    {
        Path = path;
        Format = format;
        this.files = files;
        var names = new List<string>();
        foreach (var file in files)
        {
            foreach (var name in file.Names)
            {
                places.Add(name, file);
                names.Add(name);
            }
        }
        Names = names;
        Files = [.. files.Select(file => file.Path)];
    }

    /// <summary>The path of the file or of the index.</summary>
    public string Path { get; }

    /// <summary>How the tensors are stored.</summary>
    public CheckpointFormat Format { get; }

    /// <summary>The paths of the files that hold tensors.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The names of all tensors: file by file, in the order of their data.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The free-text entries of the first file. Empty where it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => files[0].Metadata;

    /// <summary>Opens the tensors of a checkpoint.</summary>
    /// <param name="path">
    /// A folder with <c>model.safetensors</c>, <c>model.safetensors.index.json</c>, <c>pytorch_model.bin</c> or <c>pytorch_model.bin.index.json</c>, looked for
    /// in this order; or such a file under another name: what ends in <c>.index.json</c> is an index, what ends in <c>.safetensors</c> or <c>.gguf</c> is that, and what ends otherwise is PyTorch's.
    /// </param>
    /// <returns>The open checkpoint, to be disposed.</returns>
    /// <exception cref="CheckpointException">
    /// There are no weights, or a file is missing, unreadable or damaged. Of shards all faults are reported together: files that are missing or broken, tensors
    /// that a shard lacks, tensors that two shards hold.
    /// </exception>
    public static CheckpointTensors Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var file = Directory.Exists(path) ? FileOf(path) : path;
        if (!file.EndsWith(CheckpointNames.IndexEnding, StringComparison.Ordinal))
        {
            var single = OpenFile(file);
            return new CheckpointTensors(file, FormatOf(single), [single]);
        }
        var shards = OpenShards(file, CheckpointIndex.Read(file));
        return new CheckpointTensors(file, FormatOf(shards[0]), shards);
    }

    /// <summary>Whether a folder has files of weights that <see cref="Open"/> would try to read.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns><see langword="true"/> if it has.</returns>
    public static bool Exists(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return Candidates.Any(name => File.Exists(System.IO.Path.Combine(folder, name)));
    }

    /// <summary>Whether there is a tensor of this name.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns><see langword="true"/> if there is.</returns>
    public bool Contains(string name) => places.ContainsKey(name);

    /// <summary>Element type, shape and place of a tensor.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>What the checkpoint says.</returns>
    /// <exception cref="CheckpointException">There is no such tensor.</exception>
    public TensorInfo Info(string name) => Place(name).Info(name);

    /// <summary>Reads a tensor into new memory of the CPU.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A contiguous tensor of the stored shape and of the type in <see cref="TensorInfo.DataType"/>, without gradient.</returns>
    /// <exception cref="CheckpointException">There is no such tensor, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint was disposed.</exception>
    public Tensor Read(string name) => Place(name).Read(name);

    /// <summary>Reads a tensor into an existing one, on any device; the elements are converted to its type, a piece at a time.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="target">Receives the elements. It must have the stored shape, and may be a view such as a transposed one. Autograd does not record the copy.</param>
    /// <exception cref="CheckpointException">There is no such tensor, its shape is another, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint was disposed.</exception>
    public void ReadInto(string name, Tensor target) => Place(name).ReadInto(name, target);

    /// <summary>A tensor over the file's own bytes where that is possible, as <see cref="SafetensorsFile.View"/> gives it; else the same as <see cref="Read"/>.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A contiguous tensor of the CPU, without gradient. The files must not be truncated while it is used.</returns>
    /// <exception cref="CheckpointException">There is no such tensor, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint was disposed.</exception>
    public Tensor View(string name) => Place(name).View(name);

    internal (StoredType Type, Action<Stream> Write)? RawCopy(string name) => Place(name).RawCopy(name);

    /// <summary>Closes the files. Tensors that were read or viewed stay.</summary>
    public void Dispose()
    {
        foreach (var file in files)
            file.Dispose();
    }

    private static IEnumerable<string> Candidates =>
        [CheckpointNames.Safetensors.Single, CheckpointNames.Safetensors.Index, CheckpointNames.PyTorch.Single, CheckpointNames.PyTorch.Index];

    private static string FileOf(string folder)
    {
        foreach (var name in Candidates)
        {
            var path = System.IO.Path.Combine(folder, name);
            if (File.Exists(path))
                return path;
        }
        foreach (var names in new[] { CheckpointNames.Safetensors, CheckpointNames.PyTorch })
        {
            if (Directory.EnumerateFiles(folder).Select(file => System.IO.Path.GetFileName(file)).Where(names.IsShard).Order(StringComparer.Ordinal).FirstOrDefault() is { } shard)
                throw new CheckpointException(folder, $"the folder holds '{shard}', but no '{names.Index}', which says where each tensor is.");
        }
        throw new CheckpointException(folder, $"the folder holds no weights; it would have {string.Join(", ", Candidates.Take(3))} or {Candidates.Last()}.");
    }

    private static ITensorFile OpenFile(string path) =>
        path.EndsWith(CheckpointNames.Safetensors.Extension, StringComparison.OrdinalIgnoreCase) ? SafetensorsFile.Open(path)
        : path.EndsWith(CheckpointNames.GgufExtension, StringComparison.OrdinalIgnoreCase) ? GgufFile.Open(path) : PyTorchFile.Open(path);

    private static CheckpointFormat FormatOf(ITensorFile file) => file switch
    {
        SafetensorsFile => CheckpointFormat.Safetensors,
        GgufFile => CheckpointFormat.Gguf,
        _ => CheckpointFormat.PyTorch,
    };

    private static List<ITensorFile> OpenShards(string indexPath, IReadOnlyList<KeyValuePair<string, string>> index)
    {
        var folder = System.IO.Path.GetDirectoryName(indexPath) ?? "";
        var faults = new List<string>();
        var open = new Dictionary<string, ITensorFile>(StringComparer.Ordinal);
        try
        {
            foreach (var shard in index.GroupBy(entry => entry.Value, entry => entry.Key, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
            {
                var path = System.IO.Path.Combine(folder, shard.Key);
                try
                {
                    if (File.Exists(path))
                        open.Add(shard.Key, OpenFile(path));
                    else
                        faults.Add($"the shard '{shard.Key}' does not exist; {shard.Count()} tensors are in it, the first is '{shard.First()}'.");
                }
                catch (CheckpointException e)
                {
                    faults.Add(e.Message);
                }
            }
            CompareWithIndex(index, open, faults);
            if (open.Values.Select(FormatOf).Distinct().Count() > 1)
                faults.Add("some shards are safetensors and others are PyTorch's.");
            if (faults.Count > 0)
                throw new CheckpointException(indexPath, faults);
            return [.. open.Values];
        }
        catch
        {
            foreach (var file in open.Values)
                file.Dispose();
            throw;
        }
    }

    private static void CompareWithIndex(IReadOnlyList<KeyValuePair<string, string>> index, Dictionary<string, ITensorFile> open, List<string> faults)
    {
        var holders = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (shard, file) in open)
        {
            foreach (var name in file.Names)
            {
                if (!holders.TryAdd(name, shard))
                    faults.Add($"the tensor '{name}' is in both '{holders[name]}' and '{shard}'.");
            }
        }
        foreach (var (name, shard) in index)
        {
            if (open.TryGetValue(shard, out var file) && !file.Contains(name))
                faults.Add($"the index places '{name}' in '{shard}', which lacks it{(holders.TryGetValue(name, out var holder) ? $"; it is in '{holder}'" : "")}.");
        }
    }

    private ITensorFile Place(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (places.TryGetValue(name, out var file))
            return file;
        throw new CheckpointException(Path, name, $"the checkpoint has no tensor of this name. It has {Names.Count}{TensorNames.Examples(Names)}.");
    }
}
