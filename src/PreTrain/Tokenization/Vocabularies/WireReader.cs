using System.Buffers.Binary;
using PreTrain.Tokenization.Json;

namespace PreTrain.Tokenization.Vocabularies;

/// <summary>Reads the fields of a protocol buffer's message, one after another.</summary>
/// <param name="path">The file, for faults.</param>
/// <param name="data">All bytes of the file.</param>
/// <param name="start">Where the message starts.</param>
/// <param name="end">Where it ends.</param>
internal ref struct WireReader(string path, ReadOnlySpan<byte> data, int start, int end)
{
    private const int Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5;
    private readonly ReadOnlySpan<byte> _data = data;
    private int _at = start;
    private int _kind;
    private int _fieldAt;

    /// <summary>The number of the field that was read.</summary>
    public int Field { get; private set; }

    /// <summary>Goes to the next field, whose value must then be read or skipped.</summary>
    public bool Next()
    {
        if (_at == end)
            return false;
        _fieldAt = _at;
        ulong key = ReadRaw();
        (Field, _kind) = ((int)Math.Min(key >> 3, int.MaxValue), (int)(key & 7));
        if (Field == 0 || _kind is not (Varint or Fixed64 or Bytes or Fixed32))
            throw Fault(_fieldAt, $"field {Field} of kind {_kind} is none that a protocol buffer can hold; this is no SentencePiece model, or it is broken.");
        return true;
    }

    /// <summary>Reads a whole number.</summary>
    public long ReadNumber()
    {
        Require(Varint, "a whole number");
        return (long)ReadRaw();
    }

    /// <summary>Reads true or false.</summary>
    public bool ReadBoolean() => ReadNumber() != 0;

    /// <summary>Reads a floating-point number of 32 bits.</summary>
    public float ReadSingle()
    {
        Require(Fixed32, "a number of 32 bits");
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    /// <summary>Reads bytes.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        Require(Bytes, "bytes");
        return Take(ReadRaw());
    }

    /// <summary>Reads text.</summary>
    public string ReadString()
    {
        ReadOnlySpan<byte> bytes = ReadBytes();
        try
        {
            return TokenizerFile.StrictUtf8.GetString(bytes);
        }
        catch (ArgumentException fault)
        {
            throw Fault(_at - bytes.Length, $"field {Field} must be text, but is not valid UTF-8.", fault);
        }
    }

    /// <summary>Reads a message within this one.</summary>
    public WireReader ReadMessage()
    {
        int length = ReadBytes().Length;
        return new WireReader(path, _data, _at - length, _at);
    }

    /// <summary>Passes over the value.</summary>
    public void Skip()
    {
        if (_kind == Varint)
            ReadRaw();
        else
            Take(_kind switch { Fixed64 => 8, Fixed32 => 4, _ => ReadRaw() });
    }

    /// <summary>The exception for a fault of the field that was read.</summary>
    public readonly TokenizerException Fault(string fault) => Fault(_fieldAt, fault);

    private readonly TokenizerException Fault(int position, string fault, Exception? inner = null) =>
        new(path, $"At byte {position}, {fault}", inner);

    private readonly void Require(int kind, string what)
    {
        if (_kind != kind)
            throw Fault(_fieldAt, $"field {Field} must be {what}, but is of kind {_kind}.");
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)(end - _at))
            throw Fault(_at, $"{length} bytes should follow, but there are {end - _at}; the file is cut off or broken.");
        ReadOnlySpan<byte> taken = _data.Slice(_at, (int)length);
        _at += (int)length;
        return taken;
    }

    private ulong ReadRaw()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte b = Take(1)[0];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }

        throw Fault(_at, "a number does not end; the file is broken.");
    }
}
