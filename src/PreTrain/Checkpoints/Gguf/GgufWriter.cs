using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>Writes GGUF files. It knows no model: names, metadata and types are given.</summary>
internal static class GgufWriter
{
    /// <summary>Elements that are encoded at a time, but for rows that have more.</summary>
    private const long PieceElements = 1L << 22;

    /// <summary>Writes a file, atomically: a reader finds the old file or the new one. One tensor at a time is in memory.</summary>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="metadata">Keys with values of the types uint, int, ulong, float, bool, string, or arrays of int, float and string.</param>
    /// <param name="tensors">The tensors in the order of the file.</param>
    /// <param name="cancellationToken">Ends it between two tensors; the old file stays.</param>
    /// <exception cref="ArgumentException">A name is too long or there twice, a type does not fit a tensor's rows, or an element is not finite or too large for its type.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    internal static void Write(string path, IReadOnlyList<(string Key, object Value)> metadata, IReadOnlyList<GgufTensor> tensors, CancellationToken cancellationToken = default)
    {
        SafetensorsFormat.RequireLittleEndian();
        Check(tensors);
        byte[] header = Header(metadata, tensors);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (GgufTensor tensor in tensors)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                using IDisposable mode = no_grad();
                WriteElements(stream, tensor);
                WritePadding(stream, tensor.ByteCount);
            }
        });
    }

    private static void Check(IReadOnlyList<GgufTensor> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (GgufTensor tensor in tensors)
        {
            if (Encoding.UTF8.GetByteCount(tensor.Name) > GgufFormat.LongestName) throw new ArgumentException($"The name '{tensor.Name}' must have at most {GgufFormat.LongestName} bytes in a GGUF file.", nameof(tensors));
            if (!names.Add(tensor.Name)) throw new ArgumentException($"The name '{tensor.Name}' appears twice; each tensor needs its own.", nameof(tensors));
            if (tensor.Shape.Count is 0 or > GgufFormat.MostAxes || !tensor.Type.Fits(tensor.Shape[^1]))
                throw new ArgumentException($"The tensor '{tensor.Name}' of {CheckpointException.Text(tensor.Shape)} cannot be stored as {tensor.Type}: it needs 1 to {GgufFormat.MostAxes} axes, the last one a multiple of {tensor.Type.BlockLength}.", nameof(tensors));
        }
    }

    private static byte[] Header(IReadOnlyList<(string Key, object Value)> metadata, IReadOnlyList<GgufTensor> tensors)
    {
        using var stream = new MemoryStream();
        using (var output = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            output.Write(GgufFormat.Magic);
            output.Write(GgufFormat.Version);
            output.Write((ulong)tensors.Count);
            output.Write((ulong)metadata.Count);
            foreach ((string key, object value) in metadata)
            {
                WriteText(output, key);
                WriteValue(output, key, value);
            }
            long offset = 0;
            foreach (GgufTensor tensor in tensors)
            {
                WriteText(output, tensor.Name);
                output.Write((uint)tensor.Shape.Count);
                foreach (long length in tensor.Shape.Reverse()) output.Write((ulong)length);
                output.Write(tensor.Type.Code);
                output.Write((ulong)offset);
                offset = GgufFormat.Aligned(offset + tensor.ByteCount, GgufFormat.Alignment);
            }
        }
        WritePadding(stream, stream.Length);
        return stream.ToArray();
    }

    private static void WriteValue(BinaryWriter output, string key, object value)
    {
        switch (value)
        {
            case uint number:
                output.Write((uint)GgufValueType.UInt32);
                output.Write(number);
                break;
            case int number:
                output.Write((uint)GgufValueType.Int32);
                output.Write(number);
                break;
            case ulong number:
                output.Write((uint)GgufValueType.UInt64);
                output.Write(number);
                break;
            case float number:
                output.Write((uint)GgufValueType.Float32);
                output.Write(number);
                break;
            case bool truth:
                output.Write((uint)GgufValueType.Bool);
                output.Write(truth);
                break;
            case string text:
                output.Write((uint)GgufValueType.Text);
                WriteText(output, text);
                break;
            case int[] numbers:
                BeginArray(output, GgufValueType.Int32, numbers.Length);
                output.Write(MemoryMarshal.AsBytes<int>(numbers));
                break;
            case float[] numbers:
                BeginArray(output, GgufValueType.Float32, numbers.Length);
                output.Write(MemoryMarshal.AsBytes<float>(numbers));
                break;
            case string[] texts:
                BeginArray(output, GgufValueType.Text, texts.Length);
                foreach (string text in texts) WriteText(output, text);
                break;
            default:
                throw new ArgumentException($"'{key}' is a {value.GetType().Name}, which metadata are not written with.", nameof(value));
        }
    }

    private static void BeginArray(BinaryWriter output, GgufValueType type, int count)
    {
        output.Write((uint)GgufValueType.Array);
        output.Write((uint)type);
        output.Write((ulong)count);
    }

    private static void WriteText(BinaryWriter output, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        output.Write((ulong)bytes.Length);
        output.Write(bytes);
    }

    private static void WriteElements(Stream stream, GgufTensor entry)
    {
        Tensor values = entry.Values().to(ScalarType.Float32).cpu().contiguous();
        if (!values.shape.AsSpan().SequenceEqual([.. entry.Shape])) throw new ArgumentException($"The tensor '{entry.Name}' has the shape {CheckpointException.Text(values.shape)} and not {CheckpointException.Text(entry.Shape)}.", nameof(entry));
        if (values.NumberOfElements == 0) return;
        float greatest = values.abs().max().item<float>();
        if (!float.IsFinite(greatest)) throw new ArgumentException($"The weight '{entry.Name}' has values that are not finite, and cannot be exported. Take an earlier checkpoint of the run.", nameof(entry));
        if (entry.Type != GgmlType.F32 && entry.Type != GgmlType.BF16 && greatest > (float)Half.MaxValue)
            throw new ArgumentException($"The weight '{entry.Name}' has values up to {greatest:G6}, which numbers of 16 bits do not hold ({Half.MaxValue} at most). Export it as f32.", nameof(entry));

        int width = checked((int)entry.Shape[^1]), rowBytes = checked((int)entry.Type.Bytes(width));
        long rows = entry.ElementCount / width, rowsAtOnce = Math.Max(1, PieceElements / width);
        float[] piece = new float[Math.Min(rows, rowsAtOnce) * width];
        byte[] bytes = new byte[Math.Min(rows, rowsAtOnce) * rowBytes];
        Tensor flat = values.view(-1);
        for (long first = 0; first < rows; first += rowsAtOnce)
        {
            int count = (int)Math.Min(rowsAtOnce, rows - first);
            using Tensor part = flat.narrow(0, first * width, (long)count * width);
            MemoryMarshal.Cast<byte, float>(part.bytes).CopyTo(piece);
            Parallel.For(0, count, row => entry.Type.Encode(piece.AsSpan(row * width, width), bytes.AsSpan(row * rowBytes, rowBytes)));
            stream.Write(bytes, 0, count * rowBytes);
        }
    }

    private static void WritePadding(Stream stream, long written) => stream.Write(new byte[GgufFormat.Aligned(written, GgufFormat.Alignment) - written]);
}
