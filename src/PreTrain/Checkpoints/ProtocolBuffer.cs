using Google.Protobuf;

namespace PreTrain.Checkpoints;

/// <summary>Messages of protocol buffers, field by field, without generated classes.</summary>
internal static class ProtocolBuffer
{
    /// <summary>The bytes of a message.</summary>
    internal static byte[] Message(Action<CodedOutputStream> write)
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true)) write(output);
        return buffer.ToArray();
    }

    /// <summary>A field that is a message.</summary>
    internal static void WriteMessage(this CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(UnsafeByteOperations.UnsafeWrap(Message(write)));
    }

    /// <summary>A field that is a text.</summary>
    internal static void WriteText(this CodedOutputStream output, int field, string text)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(text);
    }

    /// <summary>A field that is a whole number, or one of an enumeration.</summary>
    internal static void WriteWhole(this CodedOutputStream output, int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }

    /// <summary>A field that is a number of 32 bits.</summary>
    internal static void WriteSingle(this CodedOutputStream output, int field, float value)
    {
        output.WriteTag(field, WireFormat.WireType.Fixed32);
        output.WriteFloat(value);
    }

    /// <summary>The begin of a field of so many bytes, which follow.</summary>
    internal static void WriteLength(this CodedOutputStream output, int field, long bytes)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteUInt64((ulong)bytes);
    }
}
