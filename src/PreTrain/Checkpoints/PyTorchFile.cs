using System.Globalization;
using System.Numerics;
using System.Text;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>
/// A file of <c>torch.save</c>, open for reading: the zip files since PyTorch 1.6 and the plain pickles before. Opening reads the pickle only; nothing in it
/// is ever run.
/// </summary>
/// <remarks>
/// The tensors of nested dictionaries and lists are named by their path, with dots between the parts. Where the top holds no tensor itself but the
/// dictionary <c>state_dict</c>, <c>model_state_dict</c> or <c>model</c>, the tensors are those of that dictionary.
/// </remarks>
internal sealed class PyTorchFile : ITensorFile
{
    private static readonly BigInteger legacyMagic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    private static readonly string[] wrappers = ["state_dict", "model_state_dict", "model"];
    private const int LegacyVersion = 1001;

    private readonly ElementReader reader;
    private readonly MappedTensors mapped;
    private readonly Dictionary<string, long> storages = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (TensorInfo Info, PickleTensor Tensor)> tensors = new(StringComparer.Ordinal);
    private bool bigEndian;

    private PyTorchFile(string path, ElementReader reader)
    {
        Path = path;
        this.reader = reader;
        mapped = new MappedTensors(reader, path);
        var start = new byte[(int)Math.Min(4, reader.Length)];
        reader.ReadExactly(0, start);
        var (root, pickleBytes, used) = start switch
        {
            [(byte)'P', (byte)'K', 3, 4] => ReadZip(),
            [0x80, >= 2 and <= 5, ..] => ReadLegacy(),
            [] => throw new CheckpointException(path, "the file is empty."),
            _ => throw new CheckpointException(path, "the file is neither a zip file nor a pickle, so PyTorch did not save it; or it is damaged."),
        };
        Name(root, pickleBytes, used);
        Names = [.. tensors.Keys];
    }

    public string Path { get; }

    public IReadOnlyList<string> Names { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <exception cref="CheckpointException">The file is missing, unreadable, damaged, or holds what a checkpoint must not hold.</exception>
    internal static PyTorchFile Open(string path)
    {
        var reader = ElementReader.Open(path);
        try
        {
            return new PyTorchFile(path, reader);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    public bool Contains(string name) => tensors.ContainsKey(name);

    public TensorInfo Info(string name) => Find(name).Info;

    public Tensor Read(string name)
    {
        var (info, tensor) = Find(name);
        if (tensor.IsContiguous)
            return reader.Read(name, tensor.Type, tensor.Shape, info.Offset, bigEndian);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var span = reader.Read(name, tensor.Type, [tensor.Span], info.Offset, bigEndian);
        return span.as_strided(tensor.Shape, tensor.Strides).contiguous().MoveToOuterDisposeScope();
    }

    public void ReadInto(string name, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var (info, tensor) = Find(name);
        if (!target.shape.AsSpan().SequenceEqual(tensor.Shape))
            throw CheckpointException.ShapeMismatch(Path, name, tensor.Shape, target.shape);
        using var noGradient = no_grad();
        if (tensor.IsContiguous && target.is_contiguous())
        {
            reader.Fill(name, tensor.Type, target, info.Offset, bigEndian);
            return;
        }
        using var scope = NewDisposeScope();
        target.copy_(View(name));
    }

    public Tensor View(string name)
    {
        var (info, tensor) = Find(name);
        return tensor.IsContiguous && !bigEndian && MappedTensors.CanView(tensor.Type, info.Offset, tensor.Count)
            ? mapped.View(name, tensor.Type, tensor.Shape, info.Offset, tensor.Count)
            : Read(name);
    }

    public (StoredType Type, Action<Stream> Write)? RawCopy(string name)
    {
        var (info, tensor) = Find(name);
        return tensor.IsContiguous && !bigEndian ? (tensor.Type, stream => reader.Copy(name, info.Offset, info.ByteCount, stream)) : null;
    }

    public void Dispose()
    {
        mapped.Dispose();
        reader.Dispose();
    }

    private (TensorInfo Info, PickleTensor Tensor) Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return tensors.TryGetValue(name, out var found)
            ? found
            : throw new CheckpointException(Path, name, $"the file has no tensor of this name. It has {Names.Count}{TensorNames.Examples(Names)}.");
    }

    private (object? Root, long Bytes, Dictionary<string, long> Used) ReadZip()
    {
        var zip = ZipDirectory.Read(Path, reader).Entries;
        string[] pickles = [.. zip.Keys.Where(name => name.EndsWith("/data.pkl", StringComparison.Ordinal) && name.Count(c => c == '/') == 1)];
        if (pickles.Length != 1)
        {
            throw new CheckpointException(Path, zip.Keys.Any(name => name.EndsWith("/constants.pkl", StringComparison.Ordinal))
                ? "the file is a TorchScript program, and a state dict of tensors is wanted."
                : $"the zip file has {pickles.Length} entries named 'FOLDER/data.pkl', and torch.save writes exactly one.");
        }
        var folder = pickles[0][..^"data.pkl".Length];
        if (zip.ContainsKey(folder + "constants.pkl"))
            throw new CheckpointException(Path, "the file is a TorchScript program, and a state dict of tensors is wanted.");
        if (zip.TryGetValue(folder + "byteorder", out var order))
        {
            var bytes = new byte[Math.Min(order.Bytes, 16)];
            reader.ReadExactly(order.Offset, bytes);
            bigEndian = Encoding.Latin1.GetString(bytes) switch
            {
                "little" => false,
                "big" => true,
                var other => throw new CheckpointException(Path, $"the entry '{order.Name}' says '{other}', and 'little' or 'big' is wanted."),
            };
        }
        var pickle = zip[pickles[0]];
        var root = new PickleReader(new PickleInput(Path, pickle.Name, reader, pickle.Offset, pickle.Bytes)).Read();
        var prefix = folder + "data/";
        var lengths = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (name, entry) in zip)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            storages.Add(name[prefix.Length..], entry.Offset);
            lengths.Add(name[prefix.Length..], entry.Bytes);
        }
        return (root, pickle.Bytes, lengths);
    }

    /// <summary>The format before zip files: five pickles, then the storages one behind the other, each after its length.</summary>
    private (object? Root, long Bytes, Dictionary<string, long> Used) ReadLegacy()
    {
        var input = new PickleInput(Path, null, reader, 0, reader.Length);
        if (new PickleReader(input).Read() is not BigInteger magic || magic != legacyMagic)
            throw new CheckpointException(Path, "the file is a pickle, but it does not begin like a checkpoint of PyTorch.");
        if (new PickleReader(input).Read() is not (long and LegacyVersion))
            throw new CheckpointException(Path, $"the file is not of the version {LegacyVersion} of PyTorch's format.");
        if (new PickleReader(input).Read() is not PickleDict system)
            throw new CheckpointException(Path, "the description of the system that wrote the file is missing. It is damaged.");
        bigEndian = system.Items.Any(item => item is { Key: "little_endian", Value: false });
        var root = new PickleReader(input).Read();
        if (new PickleReader(input).Read() is not PickleList keys || !keys.Items.All(key => key is string))
            throw new CheckpointException(Path, "the list of the storages is missing. The file is damaged.");

        var position = input.Position;
        var widths = StorageWidths(root, input.Position);
        var lengths = new Dictionary<string, long>(StringComparer.Ordinal);
        var length = new byte[sizeof(long)];
        foreach (string? key in keys.Items)
        {
            if (!widths.TryGetValue(key!, out var width))
                throw new CheckpointException(Path, $"no tensor uses the storage '{key}'. The file is damaged.");
            if (reader.Length - position < length.Length)
                throw new CheckpointException(Path, $"the storage '{key}' would begin at byte {position}, and the file ends at {reader.Length}: it is truncated.");
            reader.ReadExactly(position, length);
            if (bigEndian)
                Array.Reverse(length);
            position += length.Length;
            var count = BitConverter.ToInt64(length);
            if (count < 0 || count > (reader.Length - position) / width)
                throw new CheckpointException(Path, $"the storage '{key}' of {count} elements at byte {position} reaches beyond the file's end at {reader.Length}: it is truncated or damaged.");
            if (!storages.TryAdd(key!, position))
                throw new CheckpointException(Path, $"the storage '{key}' appears twice.");
            lengths.Add(key!, count * width);
            position += count * width;
        }
        return (root, input.Position, lengths);
    }

    private Dictionary<string, int> StorageWidths(object? root, long pickleBytes)
    {
        var widths = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (_, tensor) in new PickleTensors(Path, pickleBytes).Under(root))
            widths[tensor.Storage.Key] = tensor.Storage.Type?.Bytes ?? 1;
        return widths;
    }

    /// <summary>Gives the tensors under a value their names, and checks that their storages are there.</summary>
    private void Name(object? root, long pickleBytes, Dictionary<string, long> lengths)
    {
        if (root is PickleDict top && !top.Items.Any(item => item.Value is PickleTensor))
            root = wrappers.Select(w => top.Items.FirstOrDefault(item => item.Key is string key && key == w).Value).FirstOrDefault(value => value is PickleDict) ?? root;
        var faults = new List<string>();
        var views = new Dictionary<(string Storage, StoredType Type, long Offset, string Shape, string Strides), string>();
        foreach (var (name, tensor) in new PickleTensors(Path, pickleBytes).Under(root))
        {
            var storage = tensor.Storage;
            if (!lengths.TryGetValue(storage.Key, out var bytes))
            {
                faults.Add($"tensor '{name}': its storage '{storage.Key}' is missing.");
                continue;
            }
            if (bytes != storage.Bytes)
            {
                faults.Add($"tensor '{name}': its storage '{storage.Key}' has {bytes} bytes, and {storage.Bytes} are announced.");
                continue;
            }
            var view = (storage.Key, tensor.Type, tensor.Offset, CheckpointException.Text(tensor.Shape), CheckpointException.Text(tensor.Strides));
            var info = new TensorInfo(name, tensor.Type.DataType, tensor.Shape, storages[storage.Key] + tensor.Offset * tensor.Type.Bytes, tensor.Count * tensor.Type.Bytes, tensor.Type.Name, Path)
            {
                SharedWith = tensor.Count > 0 && !views.TryAdd(view, name) ? views[view] : null,
            };
            if (!tensors.TryAdd(name, (info, tensor)))
                faults.Add($"two tensors have the name '{name}'.");
        }
        if (faults.Count > 0)
            throw new CheckpointException(Path, faults);
    }
}
