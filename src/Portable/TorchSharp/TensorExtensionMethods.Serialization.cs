using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>
/// TorchSharp's own file format of a tensor: element type, number of axes and their lengths, each as a 7-bit encoded integer (LEB128), then the
/// elements, row-major and in the machine's byte order.
/// </summary>
public static partial class TensorExtensionMethods
{
    private const int MaxAxes = 64;
    private const int BufferBytes = 1 << 18;

    /// <summary>Writes a tensor, on any device, contiguous or not.</summary>
    public static void Save(this Tensor tensor, BinaryWriter writer)
    {
        using IDisposable noGrad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        writer.Write7BitEncodedInt64((long)tensor.dtype);
        long[] shape = tensor.shape;
        writer.Write7BitEncodedInt64(shape.Length);
        foreach (long length in shape) writer.Write7BitEncodedInt64(length);
        writer.Flush();
        if (tensor.NumberOfElements > 0) tensor.detach().cpu().Resolved().contiguous().WriteBytesToStream(writer.BaseStream, BufferBytes);
    }

    /// <summary>Writes a tensor, and closes the stream.</summary>
    public static void Save(this Tensor tensor, Stream stream)
    {
        using var writer = new BinaryWriter(stream);
        tensor.Save(writer);
    }

    /// <summary>Writes a tensor to a file, which is created or replaced.</summary>
    public static void Save(this Tensor tensor, string location) => tensor.Save(File.Create(location));

    /// <summary>Reads a tensor into memory of the CPU. With <paramref name="skip"/>, its place in the stream is passed over, and the result holds zeros.</summary>
    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    /// <exception cref="InvalidDataException">The stream does not hold a tensor here.</exception>
    public static Tensor Load(BinaryReader reader, bool skip = false)
    {
        Tensor? tensor = null;
        Load(ref tensor, reader, skip);
        return tensor!;
    }

    /// <summary>Reads elements into an existing tensor, on any device.</summary>
    /// <exception cref="ArgumentException">The stored element type or shape is another.</exception>
    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    public static void Load(this Tensor tensor, BinaryReader reader, bool skip = false)
    {
        (ScalarType type, long[] shape, long bytes) = ReadHeader(reader);
        if (type != tensor.dtype)
            throw new ArgumentException($"Mismatched tensor data types while loading: {type} is stored, and the tensor is {tensor.dtype}. Make sure that the model you are loading into is exactly the same as the origin.");
        if (skip) Skip(reader, bytes);
        else ReadElements(tensor, shape, reader);
    }

    /// <summary>Reads a tensor, into the given one if there is one.</summary>
    /// <exception cref="ArgumentException">The stored shape is another than that of the given tensor.</exception>
    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    /// <exception cref="InvalidDataException">The stream does not hold a tensor here.</exception>
    public static void Load(ref Tensor? tensor, BinaryReader reader, bool skip = false)
    {
        (ScalarType type, long[] shape, long bytes) = ReadHeader(reader);
        if (skip)
        {
            tensor ??= zeros(shape, type);
            Skip(reader, bytes);
            return;
        }
        if (tensor is not null)
        {
            ReadElements(tensor, shape, reader);
            return;
        }
        Tensor result = empty(shape, type);
        try
        {
            ReadElements(result, shape, reader);
        }
        catch
        {
            result.Dispose();
            throw;
        }
        tensor = result;
    }

    /// <summary>Passes over a stored tensor.</summary>
    internal static void Skip(BinaryReader reader) => Skip(reader, ReadHeader(reader).Bytes);

    private static (ScalarType Type, long[] Shape, long Bytes) ReadHeader(BinaryReader reader)
    {
        long type = ReadNumber(reader);
        if (type is < 0 or > sbyte.MaxValue || !Enum.IsDefined((ScalarType)type))
            throw new InvalidDataException($"The stream does not hold a tensor here: {type} is no element type.");
        long rank = ReadNumber(reader);
        if (rank is < 0 or > MaxAxes)
            throw new InvalidDataException($"The stream does not hold a tensor here: it would have {rank} axes, and at most {MaxAxes} are possible.");
        var shape = new long[rank];
        long extent = ((ScalarType)type).ElementSize();
        bool empty = false;
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = ReadNumber(reader);
            empty |= shape[i] == 0;
            try
            {
                extent = shape[i] < 0 ? throw new OverflowException() : checked(extent * Math.Max(shape[i], 1));
            }
            catch (OverflowException e)
            {
                throw new InvalidDataException($"The stream does not hold a tensor here: the shape [{string.Join(", ", shape[..(i + 1)])}…] is impossible.", e);
            }
        }
        long bytes = empty ? 0 : extent;
        Stream stream = reader.BaseStream;
        if (stream.CanSeek && stream.Length - stream.Position < bytes)
            throw new EndOfStreamException($"The stream ends too early: a tensor of shape [{string.Join(", ", shape)}] takes {bytes} bytes, and {stream.Length - stream.Position} are left.");
        return ((ScalarType)type, shape, bytes);
    }

    private static long ReadNumber(BinaryReader reader)
    {
        try
        {
            return reader.Read7BitEncodedInt64();
        }
        catch (FormatException e)
        {
            throw new InvalidDataException("The stream does not hold a tensor here: a number has too many bytes.", e);
        }
    }

    private static void ReadElements(Tensor tensor, long[] shape, BinaryReader reader)
    {
        if (!shape.AsSpan().SequenceEqual(tensor.shape))
            throw new ArgumentException($"Mismatched tensor shape while loading: [{string.Join(", ", shape)}] is stored, and the tensor is [{string.Join(", ", tensor.shape)}]. Make sure that the model you are loading into is exactly the same as the origin.");
        if (tensor.NumberOfElements == 0) return;
        using IDisposable noGrad = no_grad();
        if (tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && !tensor.IsLazy)
        {
            tensor.ReadBytesFromStream(reader.BaseStream, BufferBytes);
            return;
        }
        using Tensor stored = empty(shape, tensor.dtype);
        stored.ReadBytesFromStream(reader.BaseStream, BufferBytes);
        tensor.copy_(stored);
    }

    private static void Skip(BinaryReader reader, long bytes)
    {
        Stream stream = reader.BaseStream;
        if (stream.CanSeek)
        {
            stream.Seek(bytes, SeekOrigin.Current);
            return;
        }
        byte[] buffer = new byte[Math.Min(bytes, BufferBytes)];
        for (; bytes > 0; bytes -= Math.Min(bytes, buffer.Length)) stream.ReadExactly(buffer, 0, (int)Math.Min(bytes, buffer.Length));
    }
}
