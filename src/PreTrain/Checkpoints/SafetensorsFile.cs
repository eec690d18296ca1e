using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
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
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle handle;
    private readonly long length;
    private readonly SafetensorsHeader header;
    private readonly Lock mapping = new();
    private MemoryMappedFile? map;
    private MemoryMappedViewAccessor? view;
    private bool disposed;

    private SafetensorsFile(string path, SafeFileHandle handle)
    {
        Path = path;
        this.handle = handle;
        length = RandomAccess.GetLength(handle);
        if (length < SafetensorsFormat.PrefixBytes)
            throw new CheckpointException(path, $"the file has {length} bytes, which is too short for a safetensors file. It is empty or truncated.");
        Span<byte> prefix = stackalloc byte[SafetensorsFormat.PrefixBytes];
        ReadExactly(0, prefix);
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
        ReadExactly(SafetensorsFormat.PrefixBytes, json);
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
        SafetensorsFormat.RequireLittleEndian();
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            return new SafetensorsFile(path, handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            handle?.Dispose();
            throw CheckpointException.Unreadable(path, e);
        }
        catch
        {
            handle?.Dispose();
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
    public SafetensorInfo Info(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (header.Tensors.TryGetValue(name, out var info))
            return info;
        throw new CheckpointException(Path, name, $"the file has no tensor of this name. It has {Names.Count}{Examples()}.");
    }

    /// <summary>Reads a tensor into new memory of the CPU.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>A contiguous tensor of the stored element type and shape, without gradient.</returns>
    /// <exception cref="CheckpointException">The file has no such tensor, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public Tensor Read(string name)
    {
        var info = Info(name);
        var tensor = empty(info.Shape.ToArray(), info.DataType, CPU);
        try
        {
            Fill(info, tensor);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Reads a tensor into an existing one, on any device; the elements are converted to its type.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="target">Receives the elements. It must have the stored shape. Autograd does not record the copy.</param>
    /// <exception cref="CheckpointException">The file has no such tensor, its shape is another, or its data cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public void ReadInto(string name, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var info = Info(name);
        if (!target.shape.AsSpan().SequenceEqual(info.Shape.ToArray()))
            throw CheckpointException.ShapeMismatch(Path, name, info.Shape, target.shape);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (target.device_type == TorchSharp.DeviceType.CPU && target.dtype == info.DataType && target.is_contiguous())
            Fill(info, target);
        else
            target.copy_(Read(name));
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
                    map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                    view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
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

    /// <summary>Closes the file. Tensors that were read stay.</summary>
    public void Dispose()
    {
        lock (mapping)
        {
            disposed = true;
            view?.Dispose();
            map?.Dispose();
            handle.Dispose();
        }
    }

    private void Fill(SafetensorInfo info, Tensor target)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (info.ByteCount == 0)
            return;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var flat = target.view(-1);
        var count = flat.NumberOfElements;
        var width = info.ByteCount / count;
        for (long first = 0; first < count;)
        {
            var elements = Math.Min(count - first, SafetensorsFormat.ChunkBytes / width);
            var bytes = flat.narrow(0, first, elements).bytes;
            ReadExactly(info.Offset + first * width, bytes, info.Name);
            if (info.DataType == ScalarType.Bool && bytes.IndexOfAnyExceptInRange((byte)0, (byte)1) is >= 0 and var place)
            {
                var value = bytes[place];
                bytes.Clear();   // torch must never see a boolean that is neither
                throw new CheckpointException(Path, info.Name, $"element {first + place} is {value}, and a BOOL is 0 or 1. The file is damaged.");
            }
            first += elements;
        }
    }

    private void ReadExactly(long offset, Span<byte> destination, string? tensor = null)
    {
        try
        {
            for (var done = 0; done < destination.Length;)
            {
                var read = RandomAccess.Read(handle, destination[done..], offset + done);
                if (read == 0)
                    throw new EndOfStreamException($"the file ends at byte {offset + done}; it was truncated while it was open.");
                done += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw tensor is null
                ? new CheckpointException(Path, $"reading failed: {e.Message}", e)
                : new CheckpointException(Path, tensor, $"reading failed: {e.Message}", e);
        }
    }

    private string Examples() => Names.Count switch
    {
        0 => "",
        <= 4 => $": {string.Join(", ", Names)}",
        _ => $": {string.Join(", ", Names.Take(4))}, …",
    };
}
