using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>
/// A safetensors file, open for reading. Opening reads the header only; tensors are read when asked for, straight into their memory.
/// </summary>
/// <remarks>
/// <para>The reader is strict: a header of at most 100 MB in valid UTF-8 JSON without duplicate keys, sizes that agree with shapes and element types, and
/// data without overlap, hole or rest. Anything else is a <see cref="CheckpointException"/>.</para>
/// <para>Format: <see href="https://github.com/huggingface/safetensors">safetensors</see>. Reading is safe for several threads.</para>
/// </remarks>
public sealed class SafetensorsFile : ITensorFile, IDisposable
{
    private readonly ElementReader reader;
    private readonly SafetensorsHeader header;
    private readonly MappedTensors mapped;
    private readonly Lock mapping = new();
    private MemoryMappedFile? map;
    private MemoryMappedViewAccessor? view;
    private bool disposed;

    private SafetensorsFile(string path, ElementReader reader)
    {
        Path = path;
        this.reader = reader;
        mapped = new MappedTensors(reader, path);
        var length = reader.Length;
        if (length < SafetensorsFormat.PrefixBytes)
            throw new CheckpointException(path, $"the file has {length} bytes, which is too short for a safetensors file. It is empty or truncated.");
        Span<byte> prefix = stackalloc byte[SafetensorsFormat.PrefixBytes];
        reader.ReadExactly(0, prefix);
        var headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerBytes > SafetensorsFormat.MaxHeaderBytes)
        {
            throw new CheckpointException(path, $"the header would be {headerBytes} bytes long, and at most {SafetensorsFormat.MaxHeaderBytes} are allowed. "
                + "It is not a safetensors file, or it is damaged.");
        }
        if ((long)headerBytes > length - SafetensorsFormat.PrefixBytes)
        {
            throw new CheckpointException(path, $"the header is {headerBytes} bytes long, but only {length - SafetensorsFormat.PrefixBytes} bytes follow. "
                + "The file is truncated.");
        }
        var json = new byte[headerBytes];
        reader.ReadExactly(SafetensorsFormat.PrefixBytes, json);
        header = SafetensorsHeader.Parse(path, json, length);
        Names = header.Tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.ByteCount).Select(t => t.Name).ToArray();
    }

    /// <summary>The path under which the file was opened.</summary>
    public string Path { get; }

    /// <summary>The names of the tensors, in the order of their data.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The free-text entries of the header. Empty where the file has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file, to be disposed.</returns>
    /// <exception cref="CheckpointException">The file is missing, unreadable, or not a correct safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var reader = ElementReader.Open(path);
        try
        {
            return new SafetensorsFile(path, reader);
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
    public bool Contains(string name) => header.Tensors.ContainsKey(name);

    /// <summary>Element type, shape and place of a tensor.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>What the header says.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor.</exception>
    public TensorInfo Info(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (header.Tensors.TryGetValue(name, out var info))
            return info;
        throw new CheckpointException(Path, name, $"the file has no tensor of this name. It has {Names.Count}{TensorNames.Examples(Names)}.");
    }

    /// <summary>Reads a tensor into new memory of the CPU.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A contiguous tensor of the stored shape and of the type in <see cref="TensorInfo.DataType"/>, without gradient.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public Tensor Read(string name)
    {
        var info = Info(name);
        return reader.Read(name, StoredType.ByName(info.StoredType)!, info.Shape.ToArray(), info.Offset);
    }

    /// <summary>Reads a tensor into an existing one, on any device; the elements are converted to its type, a piece at a time.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="target">Receives the elements. It must have the stored shape, and may be a view such as a transposed one. Autograd does not record the copy.</param>
    /// <exception cref="CheckpointException">The file has no such tensor, its shape is another, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public void ReadInto(string name, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var info = Info(name);
        if (!target.shape.AsSpan().SequenceEqual(info.Shape.ToArray()))
            throw CheckpointException.ShapeMismatch(Path, name, info.Shape, target.shape);
        using var noGradient = no_grad();
        if (target.is_contiguous())
        {
            reader.Fill(name, StoredType.ByName(info.StoredType)!, target, info.Offset);
            return;
        }
        using var scope = NewDisposeScope();
        target.copy_(View(name));
    }

    /// <summary>A tensor over the file's own bytes, mapped into memory: nothing is read before it is used, and nothing is copied.</summary>
    /// <remarks>
    /// Writing to it changes neither the file nor other views that are taken later. It stays valid after <see cref="Dispose"/> and after the file was
    /// replaced or deleted, but the file must not be truncated while it is used. What cannot be mapped is read instead: types that torch lacks, and data
    /// that do not begin at a multiple of their element's size.
    /// </remarks>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A contiguous tensor of the CPU, without gradient.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor, or it cannot be mapped or read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public Tensor View(string name)
    {
        var info = Info(name);
        var type = StoredType.ByName(info.StoredType)!;
        return MappedTensors.CanView(type, info.Offset, info.ElementCount)
            ? mapped.View(name, type, info.Shape.ToArray(), info.Offset, info.ElementCount)
            : Read(name);
    }

    /// <summary>The stored bytes of a tensor, mapped into memory: row-major, little-endian.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A view of the file. It must not be used after <see cref="Dispose"/>, nor when the file may be truncated meanwhile.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor, or it has more bytes than a span can hold (2^31 − 1).</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public unsafe ReadOnlySpan<byte> Bytes(string name)
    {
        var info = Info(name);
        if (info.ByteCount > int.MaxValue)
            throw new CheckpointException(Path, name, $"it has {info.ByteCount} bytes, and a span holds at most {int.MaxValue}. Use Read or ReadInto.");
        lock (mapping)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (info.ByteCount == 0)
                return [];
            if (view is null)
            {
                try
                {
                    map = MemoryMappedFile.CreateFromFile(reader.Handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                    view = map.CreateViewAccessor(0, reader.Length, MemoryMappedFileAccess.Read);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
                {
                    throw CheckpointException.Unreadable(Path, e);
                }
            }
            var start = (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset;
            return new ReadOnlySpan<byte>(start + info.Offset, (int)info.ByteCount);
        }
    }

    (StoredType Type, Action<Stream> Write)? ITensorFile.RawCopy(string name)
    {
        var info = Info(name);
        return (StoredType.ByName(info.StoredType)!, stream => reader.Copy(name, info.Offset, info.ByteCount, stream));
    }

    /// <summary>Closes the file. Tensors that were read or viewed stay.</summary>
    public void Dispose()
    {
        lock (mapping)
        {
            disposed = true;
            view?.Dispose();
            map?.Dispose();
            mapped.Dispose();
            reader.Dispose();
        }
    }
}
