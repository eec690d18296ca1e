// M positions, V classes, K of them that are kept
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// The highest scores of some positions, as bytes: logarithms of probabilities in half precision, their classes, and what the others come to together at a temperature T, log Σ exp(l/T) over the
/// logarithms l of their probabilities.
/// </summary>
internal static class TopScores
{
    /// <summary>The bytes of so many positions.</summary>
    internal static long ByteCount(long positions, int classes, int kept) => positions * (kept * (IndexBytes(classes) + 2L) + 2);

    /// <summary>Scores as bytes, position by position: K classes, K logarithms, the rest's.</summary>
    /// <param name="scores">(M, V).</param>
    /// <param name="kept">K, at most V.</param>
    /// <param name="temperature">T.</param>
    internal static byte[] Write(Tensor scores, int kept, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        int classes = (int)scores.size(1), positions = (int)scores.size(0), width = IndexBytes(classes);
        Tensor logs = nn.functional.log_softmax(DistillationLosses.Precise(scores.detach()), -1);
        var (values, indices) = logs.topk(kept, -1);   // (M, K)
        Tensor rest = kept == classes ? full([positions, 1], double.NegativeInfinity, dtype: logs.dtype, device: logs.device)
            : (logs.scatter(-1, indices, full_like(values, double.NegativeInfinity)) / temperature).logsumexp(-1, keepdim: true);   // (M, 1)
        float[] numbers = cat([values, rest], -1).to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();   // (M, K + 1)
        long[] found = indices.cpu().contiguous().data<long>().ToArray();
        byte[] bytes = new byte[ByteCount(positions, classes, kept)];
        int at = 0;
        for (int position = 0; position < positions; position++)
        {
            for (int k = 0; k < kept; k++, at += width)
            {
                if (width == 2) BitConverter.TryWriteBytes(bytes.AsSpan(at), (ushort)found[position * kept + k]);
                else BitConverter.TryWriteBytes(bytes.AsSpan(at), (int)found[position * kept + k]);
            }
            for (int k = 0; k <= kept; k++, at += 2) BitConverter.TryWriteBytes(bytes.AsSpan(at), (Half)numbers[position * (kept + 1) + k]);
        }
        return bytes;
    }

    /// <summary>
    /// Scores whose softmax at the temperature gives the classes that <see cref="Write"/> kept, and the others together, the probabilities that they had at that temperature. What the others come to is
    /// spread over them evenly, which says least about them.
    /// </summary>
    /// <param name="bytes">What <see cref="Write"/> gave.</param>
    /// <param name="scores">Where to, (M, V) in 32 bits on the processor, whose rows lie side by side.</param>
    /// <param name="kept">K.</param>
    /// <param name="temperature">T.</param>
    internal static void Read(ReadOnlySpan<byte> bytes, Tensor scores, int kept, double temperature)
    {
        int positions = (int)scores.size(0), classes = (int)scores.size(1), width = IndexBytes(classes), each = kept * (width + 2) + 2;
        for (int position = 0; position < positions; position++)
        {
            ReadOnlySpan<byte> own = bytes.Slice(position * each, each), values = own[(kept * width)..];
            using Tensor view = scores.select(0, position);   // (V)
            Span<float> row = MemoryMarshal.Cast<byte, float>(view.bytes);
            row.Fill((float)(temperature * ((double)BitConverter.ToHalf(values[(2 * kept)..]) - Math.Log(Math.Max(1, classes - kept)))));
            for (int k = 0; k < kept; k++)
            {
                int index = width == 2 ? BitConverter.ToUInt16(own[(2 * k)..]) : BitConverter.ToInt32(own[(4 * k)..]);
                row[index] = (float)BitConverter.ToHalf(values[(2 * k)..]);
            }
        }
    }

    private static int IndexBytes(int classes) => classes <= ushort.MaxValue + 1 ? 2 : 4;
}
