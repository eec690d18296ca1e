using System.Buffers.Binary;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>Reads the elements of tensors from an open file straight into their memory. Safe for several threads.</summary>
internal sealed class ElementReader : IDisposable
{
    /// <summary>Bytes that one call of the operating system moves; a span of bytes cannot hold more than 2^31 − 1.</summary>
    private const long ChunkBytes = 1L << 28;

    /// <summary>Elements that are converted at a time, where the target has another type or device.</summary>
    private const long ConvertedElements = 1L << 20;

    /// <summary>Elements that are widened at a time.</summary>
    private const int WidenedElements = 1 << 16;

    private const int CopiedBytes = 1 << 20;

    /// <summary>Bytes that one thread reads at a time: much of the time goes into new pages of memory, which several threads fetch side by side.</summary>
    private const int ParallelBytes = 1 << 21;

    private readonly string path;

    private ElementReader(string path, SafeFileHandle handle)
    {
        this.path = path;
        Handle = handle;
        Length = RandomAccess.GetLength(handle);
    }

    internal SafeFileHandle Handle { get; }

    /// <summary>The bytes of the file when it was opened.</summary>
    internal long Length { get; }

    /// <exception cref="CheckpointException">The file is missing or unreadable.</exception>
    internal static ElementReader Open(string path)
    {
        SafetensorsFormat.RequireLittleEndian();
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            return new ElementReader(path, handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            handle?.Dispose();
            throw CheckpointException.Unreadable(path, e);
        }
    }

    /// <summary>Reads elements that lie one behind the other into a new tensor of the CPU.</summary>
    /// <param name="tensor">The tensor's name, for messages.</param>
    /// <param name="type">The type of the stored elements.</param>
    /// <param name="shape">The shape of the result.</param>
    /// <param name="offset">The place of the first byte.</param>
    /// <param name="bigEndian">Whether the bytes of each element are reversed.</param>
    internal Tensor Read(string tensor, StoredType type, ReadOnlySpan<long> shape, long offset, bool bigEndian = false)
    {
        var result = empty(shape.ToArray(), type.DataType, CPU);
        try
        {
            Fill(tensor, type, result, offset, bigEndian);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Reads elements that lie one behind the other into a contiguous tensor of any type and device.</summary>
    internal void Fill(string tensor, StoredType type, Tensor target, long offset, bool bigEndian = false)
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var flat = target.view(-1);
        var count = flat.NumberOfElements;
        if (count == 0)
            return;
        if (target.device_type != DeviceType.CPU || target.dtype != type.DataType)
        {
            var buffer = empty([Math.Min(count, ConvertedElements)], type.DataType, CPU);
            for (long first = 0; first < count; first += ConvertedElements)
            {
                using var inner = NewDisposeScope();
                var elements = Math.Min(count - first, ConvertedElements);
                var piece = buffer.narrow(0, 0, elements);
                Fill(tensor, type, piece, offset + first * type.Bytes, bigEndian);
                flat.narrow(0, first, elements).copy_(piece);
            }
            return;
        }
        for (long first = 0; first < count;)
        {
            var elements = Math.Min(count - first, ChunkBytes / type.BytesInMemory);
            var memory = flat.narrow(0, first, elements).bytes;
            if (type.IsDirect)
                FillDirect(tensor, type, memory, offset, first, bigEndian);
            else
                FillWidened(tensor, type, memory, offset, first, bigEndian);
            first += elements;
        }
        GC.KeepAlive(flat);
    }

    /// <summary>Reads bytes, all of them.</summary>
    internal void ReadExactly(long offset, Span<byte> destination, string? tensor = null)
    {
        try
        {
            for (var done = 0; done < destination.Length;)
            {
                var read = RandomAccess.Read(Handle, destination[done..], offset + done);
                if (read == 0)
                    throw new EndOfStreamException($"the file ends at byte {offset + done}; it was truncated while it was open.");
                done += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw tensor is null
                ? new CheckpointException(path, $"reading failed: {e.Message}", e)
                : new CheckpointException(path, tensor, $"reading failed: {e.Message}", e);
        }
    }

    /// <summary>Copies bytes of the file as they are.</summary>
    internal void Copy(string tensor, long offset, long count, Stream target)
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        var buffer = new byte[(int)Math.Min(count, CopiedBytes)];
        for (long done = 0; done < count; done += buffer.Length)
        {
            var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, count - done));
            ReadExactly(offset + done, piece, tensor);
            target.Write(piece);
        }
    }

    public void Dispose() => Handle.Dispose();

    private void FillDirect(string tensor, StoredType type, Span<byte> memory, long offset, long first, bool bigEndian)
    {
        ReadInPieces(offset + first * type.Bytes, memory, tensor);
        if (bigEndian)
            Reverse(memory, type.SwapBytes);
        if (type.DataType == ScalarType.Bool && memory.IndexOfAnyExceptInRange((byte)0, (byte)1) is >= 0 and var place)
        {
            var value = memory[place];
            memory.Clear();   // torch must never see a boolean that is neither
            throw NoBoolean(tensor, first + place, value);
        }
    }

    private void FillWidened(string tensor, StoredType type, Span<byte> memory, long offset, long first, bool bigEndian)
    {
        var width = type.BytesInMemory;
        var buffer = new byte[Math.Min(WidenedElements, memory.Length / width) * type.Bytes];
        for (var done = 0; done < memory.Length / width;)
        {
            var elements = Math.Min(buffer.Length / type.Bytes, memory.Length / width - done);
            var stored = buffer.AsSpan(0, elements * type.Bytes);
            ReadExactly(offset + (first + done) * type.Bytes, stored, tensor);
            if (bigEndian)
                Reverse(stored, type.SwapBytes);
            if (type.Widen(stored, memory.Slice(done * width, elements * width)) is >= 0 and var place)
            {
                throw new CheckpointException(path, tensor, $"element {first + done + place} is {BinaryPrimitives.ReadUInt64LittleEndian(stored[(place * 8)..])}: "
                    + $"a {type.Name} is read as {type.DataType}, which ends at {long.MaxValue}.");
            }
            done += elements;
        }
    }

    private unsafe void ReadInPieces(long offset, Span<byte> memory, string tensor)
    {
        if (memory.Length < 2 * ParallelBytes)
        {
            ReadExactly(offset, memory, tensor);
            return;
        }
        var length = memory.Length;
        fixed (byte* start = memory)
        {
            var address = (nint)start;
            try
            {
                Parallel.For(0, (length + ParallelBytes - 1) / ParallelBytes, piece =>
                {
                    var first = piece * ParallelBytes;
                    ReadExactly(offset + first, new Span<byte>((byte*)address + first, Math.Min(ParallelBytes, length - first)), tensor);
                });
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
        }
    }

    internal CheckpointException NoBoolean(string tensor, long element, byte value) =>
        new(path, tensor, $"element {element} is {value}, and a BOOL is 0 or 1. The file is damaged.");

    private static void Reverse(Span<byte> bytes, int width)
    {
        switch (width)
        {
            case 2:
                BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, short>(bytes), MemoryMarshal.Cast<byte, short>(bytes));
                break;
            case 4:
                BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, int>(bytes), MemoryMarshal.Cast<byte, int>(bytes));
                break;
            case 8:
                BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, long>(bytes), MemoryMarshal.Cast<byte, long>(bytes));
                break;
        }
    }
}
