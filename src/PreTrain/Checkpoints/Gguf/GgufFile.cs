using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>
/// A GGUF file, as llama.cpp reads it, open for reading. Opening reads the header only; tensors whose elements are stored in few bits are read as the numbers of 32 bits that they stand for.
/// </summary>
/// <remarks>Types that are read: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K. Reading is safe for several threads.</remarks>
public sealed class GgufFile : ITensorFile, IDisposable
{
    /// <summary>Bytes that are decoded at a time: a multiple of the bytes of any block is taken that is not more.</summary>
    private const int PieceBytes = 1 << 20;

    /// <summary>The values of an array that its text shows.</summary>
    private const int ShownValues = 8;

    private readonly ElementReader reader;
    private readonly Dictionary<string, (TensorInfo Info, GgmlType Type)> tensors = new(StringComparer.Ordinal);

    private GgufFile(string path, ElementReader reader)
    {
        Path = path;
        this.reader = reader;
        var input = new GgufInput(reader, path);
        if (reader.Length < 24 || input.UInt32() != GgufFormat.Magic) throw new CheckpointException(path, "the file does not begin with the letters GGUF. It is no GGUF file, or it is damaged.");
        uint version = input.UInt32();
        if (version is not (2 or GgufFormat.Version))
            throw new CheckpointException(path, $"its version is {version}, and 2 and {GgufFormat.Version} are known{(version > ushort.MaxValue ? "; it may have been written for a big-endian machine" : "")}.");
        int tensorCount = input.Count("tensors", 24), valueCount = input.Count("entries of metadata", 13);
        var values = new Dictionary<string, object>(valueCount, StringComparer.Ordinal);
        for (int i = 0; i < valueCount; i++)
        {
            long at = input.Position;
            string key = input.Text("a key", GgufFormat.LongestKey);
            if (!values.TryAdd(key, input.Value(key))) throw input.Fault(at, $"the key '{key}' is there twice");
        }
        Values = values;
        Metadata = values.ToDictionary(entry => entry.Key, entry => Shown(entry.Value), StringComparer.Ordinal);
        ReadTensors(input, tensorCount);
        Names = [.. tensors.Keys];
    }

    /// <summary>The path under which the file was opened.</summary>
    public string Path { get; }

    /// <summary>The names of the tensors, in the order of the header.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The metadata: whole numbers and floating-point ones in the types of the file, <see cref="bool"/>, <see cref="string"/>, and for arrays <c>object[]</c> with these.</summary>
    public IReadOnlyDictionary<string, object> Values { get; }

    /// <summary>The metadata as text; of long arrays the first values.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file, to be disposed.</returns>
    /// <exception cref="CheckpointException">The file is missing, unreadable, not a correct GGUF file, or holds a type of elements that is not known.</exception>
    public static GgufFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var reader = ElementReader.Open(path);
        try
        {
            return new GgufFile(path, reader);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Whether the file has a tensor of this name.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns><see langword="true"/> if it has.</returns>
    public bool Contains(string name) => tensors.ContainsKey(name);

    /// <summary>Element type, shape and place of a tensor.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>What the header says; the shape has the axis that lies densest last, as torch has it.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor.</exception>
    public TensorInfo Info(string name) => Find(name).Info;

    /// <summary>Reads a tensor into new memory of the CPU.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A contiguous tensor of the type in <see cref="TensorInfo.DataType"/>, without gradient.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public Tensor Read(string name)
    {
        TensorInfo info = Info(name);
        Tensor result = empty([.. info.Shape], info.DataType, CPU);
        try
        {
            ReadInto(name, result);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Reads a tensor into an existing one, on any device; the elements are converted to its type.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="target">Receives the elements. It must have the stored shape, and may be a view such as a transposed one. Autograd does not record the copy.</param>
    /// <exception cref="CheckpointException">The file has no such tensor, its shape is another, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public void ReadInto(string name, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(target);
        (TensorInfo info, GgmlType type) = Find(name);
        if (!target.shape.AsSpan().SequenceEqual([.. info.Shape])) throw CheckpointException.ShapeMismatch(Path, name, info.Shape, target.shape);
        ObjectDisposedException.ThrowIf(reader.Handle.IsClosed, this);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (StoredType.ByName(type.Name) is { } plain)
        {
            target.copy_(reader.Read(name, plain, [.. info.Shape], info.Offset));
            return;
        }
        bool isDirect = target.device_type == DeviceType.CPU && target.dtype == ScalarType.Float32 && target.is_contiguous();
        Tensor values = isDirect ? target.detach() : empty([.. info.Shape], ScalarType.Float32, CPU), flat = values.view(-1);
        byte[] bytes = new byte[Math.Min(info.ByteCount, PieceBytes / type.BlockBytes * type.BlockBytes)];
        for (long done = 0; done < info.ByteCount;)
        {
            Span<byte> piece = bytes.AsSpan(0, (int)Math.Min(bytes.Length, info.ByteCount - done));
            reader.ReadExactly(info.Offset + done, piece, name);
            long elements = piece.Length / type.BlockBytes * (long)type.BlockLength;
            using Tensor part = flat.narrow(0, done / type.BlockBytes * type.BlockLength, elements);
            type.Decode(piece, MemoryMarshal.Cast<byte, float>(part.bytes));
            done += piece.Length;
        }
        if (!isDirect) target.copy_(values);
    }

    /// <inheritdoc/>
    Tensor ITensorFile.View(string name) => Read(name);

    /// <inheritdoc/>
    (StoredType Type, Action<Stream> Write)? ITensorFile.RawCopy(string name)
    {
        (TensorInfo info, GgmlType type) = Find(name);
        return StoredType.ByName(type.Name) is { } plain ? (plain, stream => reader.Copy(name, info.Offset, info.ByteCount, stream)) : null;
    }

    /// <summary>Closes the file. Tensors that were read stay.</summary>
    public void Dispose() => reader.Dispose();

    private void ReadTensors(GgufInput input, int count)
    {
        var found = new List<(long At, string Name, long[] Shape, GgmlType Type, ulong Offset)>();
        for (int i = 0; i < count; i++)
        {
            long at = input.Position;
            string name = input.Text("the name of a tensor", GgufFormat.LongestKey);
            uint axes = input.UInt32();
            if (axes > GgufFormat.MostAxes) throw input.Fault(at, $"the tensor '{name}' would have {axes} axes, and {GgufFormat.MostAxes} are allowed");
            long[] shape = new long[axes];
            Int128 elements = 1;
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                ulong length = input.UInt64();
                elements *= length;
                if (length > long.MaxValue || elements > long.MaxValue) throw input.Fault(at, $"the tensor '{name}' would have more elements than can be counted");
                shape[axis] = (long)length;
            }
            uint code = input.UInt32();
            if (!GgmlType.ByCode.TryGetValue(code, out GgmlType? type))
                throw new CheckpointException(Path, name, $"its elements have the type {code}, which is not known here; known are {string.Join(", ", GgmlType.ByCode.Values.Select(t => t.Name))}.");
            if (shape.Length == 0 ? type.BlockLength > 1 : !type.Fits(shape[^1])) throw input.Fault(at, $"the tensor '{name}' has rows that are not of whole blocks of {type.BlockLength}, as {type} has");
            found.Add((at, name, shape, type, input.UInt64()));
        }
        long alignment = Alignment(), start = GgufFormat.Aligned(input.Position, alignment);
        foreach ((long at, string name, long[] shape, GgmlType type, ulong offset) in found)
        {
            long bytes = type.Bytes(shape.Aggregate(1L, (a, b) => a * b));
            if (offset % (ulong)alignment != 0) throw input.Fault(at, $"the tensor '{name}' begins at {offset}, which is no multiple of {alignment}");
            if (offset > (ulong)Math.Max(0, reader.Length - start) || bytes > reader.Length - start - (long)offset)
                throw new CheckpointException(Path, name, $"its {bytes} bytes would begin at byte {start + (Int128)offset}, and the file ends at {reader.Length}. It is truncated.");
            ScalarType read = StoredType.ByName(type.Name)?.DataType ?? ScalarType.Float32;
            if (!tensors.TryAdd(name, (new TensorInfo(name, read, shape, start + (long)offset, bytes, type.Name, Path), type))) throw input.Fault(at, $"the tensor '{name}' is there twice");
        }
    }

    private long Alignment()
    {
        if (!Values.TryGetValue(GgufFormat.AlignmentKey, out object? value)) return GgufFormat.Alignment;
        return value is uint alignment and > 0 ? alignment : throw new CheckpointException(Path, $"{GgufFormat.AlignmentKey} is {Shown(value)}, and must be a whole number of 32 bits above 0.");
    }

    private (TensorInfo Info, GgmlType Type) Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return tensors.TryGetValue(name, out var found) ? found
            : throw new CheckpointException(Path, name, $"the file has no tensor of this name. It has {Names.Count}{TensorNames.Examples(Names)}.");
    }

    private static string Shown(object value) => value switch
    {
        object[] values => $"[{string.Join(", ", values.Take(ShownValues).Select(Shown))}{(values.Length > ShownValues ? $", … {values.Length} values" : "")}]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        bool truth => truth ? "true" : "false",
        _ => (string)value,
    };
}
