using System.Buffers.Binary;
using System.Text;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>Reads a header from its begin to its end; whatever a length or a number in it says, no more is read than there is.</summary>
internal sealed class GgufInput(ElementReader reader, string path)
{
    private const int DeepestArray = 3, LeastText = 8;
    private static readonly UTF8Encoding strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] buffer = new byte[1 << 16];
    private int next, filled;

    /// <summary>The place of the next byte.</summary>
    internal long Position { get; private set; }

    private long Rest => reader.Length - Position;

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>How many of something follow.</summary>
    /// <param name="what">Of what, for messages.</param>
    /// <param name="least">The bytes that each takes at least.</param>
    internal int Count(string what, int least)
    {
        long at = Position;
        ulong count = UInt64();
        if (count > (ulong)(Rest / least) || count > int.MaxValue) throw Fault(at, $"there would be {count} {what}, and only {Rest} bytes follow");
        return (int)count;
    }

    /// <summary>A text under its length.</summary>
    internal string Text(string what, int longest = int.MaxValue)
    {
        long at = Position;
        ulong length = UInt64();
        if (length > (ulong)Math.Min(Rest, longest)) throw Fault(at, $"{what} would be {length} bytes long, and {(Rest < longest ? $"only {Rest} follow" : $"at most {longest} are allowed")}");
        try
        {
            if (length <= (ulong)buffer.Length) return strictUtf8.GetString(Take((int)length));
            byte[] bytes = new byte[length];
            for (int done = 0; done < bytes.Length;)
            {
                int piece = Math.Min(bytes.Length - done, buffer.Length);
                Take(piece).CopyTo(bytes.AsSpan(done));
                done += piece;
            }
            return strictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Fault(at, $"{what} is not valid UTF-8");
        }
    }

    /// <summary>A value of the metadata with its type before it: a number, a truth, a text or an array of them.</summary>
    internal object Value(string key, int depth = 0)
    {
        long at = Position;
        return Value(key, at, UInt32(), depth);
    }

    internal CheckpointException Fault(long at, string what) => new(path, $"{what}, at byte {at}. The file is damaged or truncated.");

    private object Value(string key, long at, uint type, int depth) => (GgufValueType)type switch
    {
        GgufValueType.UInt8 => Take(1)[0],
        GgufValueType.Int8 => (sbyte)Take(1)[0],
        GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(Take(2)),
        GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(Take(2)),
        GgufValueType.UInt32 => UInt32(),
        GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(Take(4)),
        GgufValueType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(Take(4)),
        GgufValueType.Bool => Take(1)[0] is var truth and <= 1 ? truth == 1 : throw Fault(at, $"'{key}' is a truth value that is neither 0 nor 1"),
        GgufValueType.Text => Text($"'{key}'"),
        GgufValueType.Array => Array(key, depth),
        GgufValueType.UInt64 => UInt64(),
        GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(Take(8)),
        GgufValueType.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(Take(8)),
        _ => throw Fault(at, $"'{key}' has the type {type}, which the format has not"),
    };

    private object[] Array(string key, int depth)
    {
        long at = Position;
        if (depth == DeepestArray) throw Fault(at, $"'{key}' holds arrays more than {DeepestArray} deep");
        uint type = UInt32();
        int least = (GgufValueType)type switch
        {
            GgufValueType.UInt16 or GgufValueType.Int16 => 2,
            GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
            GgufValueType.Text or GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 => LeastText,
            GgufValueType.Array => 12,
            _ => 1,
        };
        object[] values = new object[Count($"values of '{key}'", least)];
        for (int i = 0; i < values.Length; i++) values[i] = Value(key, at, type, depth + 1);
        return values;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > Rest) throw new CheckpointException(path, $"the file ends at byte {reader.Length}, in the middle of its header. It is truncated.");
        if (filled - next < count)
        {
            int kept = (int)Math.Min(buffer.Length, Rest);
            reader.ReadExactly(Position, buffer.AsSpan(0, kept));
            (next, filled) = (0, kept);
        }
        ReadOnlySpan<byte> taken = buffer.AsSpan(next, count);
        next += count;
        Position += count;
        return taken;
    }
}
