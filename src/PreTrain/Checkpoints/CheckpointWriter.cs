using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>Writes the weight files of a Hugging Face folder: one file, or shards with an index.</summary>
public static class CheckpointWriter
{
    /// <summary>
    /// Writes tensors into a folder under Hugging Face's names, and removes the weight files of the same format that they replace. Files of another kind stay.
    /// </summary>
    /// <remarks>
    /// A reader finds the old checkpoint or the new one, also after a crash, with one exception: where shards replace shards of the same names, a crash
    /// may leave the folder without an index, which <see cref="CheckpointTensors.Open"/> reports. Inside <see cref="AtomicFolder.Write"/> there is no exception.
    /// </remarks>
    /// <param name="folder">The folder. It is created where it is missing.</param>
    /// <param name="tensors">The names and tensors, on any device, contiguous or not. At most one of them is copied at a time.</param>
    /// <param name="options">How to write. The default is safetensors, with at most 5 GB in a file.</param>
    /// <returns>The names of the files, the index last.</returns>
    /// <exception cref="ArgumentException">A name is not usable or appears twice, or the format lacks a tensor's element type.</exception>
    /// <exception cref="IOException">The files cannot be written, for example because the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static IReadOnlyList<string> Write(string folder, IEnumerable<(string Name, Tensor Tensor)> tensors, CheckpointWriterOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        ArgumentNullException.ThrowIfNull(tensors);
        options ??= new CheckpointWriterOptions();
        options.Validate();
        return Write(folder, [.. tensors.Select(t => TensorEntry.Of(t.Name, t.Tensor))], options);
    }

    internal static IReadOnlyList<string> Write(string folder, IReadOnlyList<TensorEntry> tensors, CheckpointWriterOptions options)
    {
        var names = CheckpointNames.Of(options.Format);
        var repeated = tensors.GroupBy(t => t.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1);
        if (repeated is not null)
            throw new ArgumentException($"The name '{repeated.Key}' appears twice; each tensor needs its own.", nameof(tensors));
        Directory.CreateDirectory(folder);
        var shards = Split(tensors, options.MaxShardBytes);
        string[] files = shards.Count == 1 ? [names.Single] : [.. shards.Select((_, i) => names.Shard(i + 1, shards.Count)), names.Index];
        if (shards.Count == 1)
            WriteFile(Path.Combine(folder, names.Single), tensors, options);
        else
            WriteShards(folder, names, shards, options);

        foreach (var path in Directory.GetFiles(folder))
        {
            if (Path.GetFileName(path) is var name && names.Has(name) && !files.Contains(name))
                File.Delete(path);
        }
        DurableStorage.FlushFolder(folder);
        return files;
    }

    /// <summary>Writes one file of tensors.</summary>
    internal static void WriteFile(string path, IReadOnlyList<TensorEntry> tensors, CheckpointWriterOptions options)
    {
        if (options.Format == CheckpointFormat.PyTorch)
            PyTorchWriter.Write(path, tensors);
        else
            SafetensorsWriter.Write(path, tensors, new Dictionary<string, string>(options.Metadata) { ["format"] = "pt" });
    }

    /// <summary>Deals tensors out to files, in their order: a new file begins where the next tensor would not fit; one that fits nowhere has a file for itself.</summary>
    internal static IReadOnlyList<IReadOnlyList<TensorEntry>> Split(IReadOnlyList<TensorEntry> tensors, long maxBytes)
    {
        var shards = new List<List<TensorEntry>>();
        var current = new List<TensorEntry>();
        long bytes = 0;
        foreach (var tensor in tensors)
        {
            if (tensor.ByteCount > maxBytes)
            {
                shards.Add([tensor]);
                continue;
            }
            if (bytes + tensor.ByteCount > maxBytes)
            {
                shards.Add(current);
                current = [];
                bytes = 0;
            }
            current.Add(tensor);
            bytes += tensor.ByteCount;
        }
        if (current.Count > 0 || shards.Count == 0)
            shards.Add(current);
        return shards;
    }

    private static void WriteShards(string folder, CheckpointNames names, IReadOnlyList<IReadOnlyList<TensorEntry>> shards, CheckpointWriterOptions options)
    {
        // Beside first, all of them: most of what can go wrong does so before the old checkpoint is touched.
        var beside = AtomicFile.PartialOf(Path.Combine(folder, names.Stem + ".shards"));
        if (Directory.Exists(beside))
            Directory.Delete(beside, recursive: true);
        Directory.CreateDirectory(beside);
        try
        {
            var places = new List<KeyValuePair<string, string>>();
            for (var i = 0; i < shards.Count; i++)
            {
                var name = names.Shard(i + 1, shards.Count);
                WriteFile(Path.Combine(beside, name), shards[i], options);
                places.AddRange(shards[i].Select(tensor => new KeyValuePair<string, string>(tensor.Name, name)));
            }
            var index = Path.Combine(folder, names.Index);
            if (File.Exists(Path.Combine(folder, names.Shard(1, shards.Count))))
                File.Delete(index);   // the old index must not lead to new shards
            for (var i = 1; i <= shards.Count; i++)
                File.Move(Path.Combine(beside, names.Shard(i, shards.Count)), Path.Combine(folder, names.Shard(i, shards.Count)), overwrite: true);
            CheckpointIndex.Write(index, places, shards.Sum(shard => shard.Sum(t => t.ByteCount)), shards.Sum(shard => shard.Sum(t => t.ElementCount)));
        }
        finally
        {
            Directory.Delete(beside, recursive: true);
        }
    }
}
