using System.Buffers.Binary;
using System.Text;

namespace PreTrain.Tests.Reports;

/// <summary>Reads event files by the formats' descriptions, with a checksum of its own, bit by bit.</summary>
internal static class EventReader
{
    internal sealed record Event(double Time, long Step, string? Version, bool IsStart, List<(string Tag, float? Number, string? Text, string? Plugin)> Values);

    internal static List<Event> Read(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        var events = new List<Event>();
        for (int at = 0; at < content.Length;)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(content.AsSpan(at));
            Assert.Equal(Masked(content.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at + 8)));
            Assert.Equal(Masked(content.AsSpan(at + 12, length)), BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at + 12 + length)));
            events.Add(Parse(content.AsSpan(at + 12, length)));
            at += length + 16;
        }
        return events;
    }

    /// <summary>All of a folder as TensorBoard shows them: a start drops what earlier files hold from its step on.</summary>
    internal static List<Event> ReadFolder(string folder)
    {
        var shown = new List<Event>();
        foreach (string path in Directory.GetFiles(folder, "*tfevents*").Order(StringComparer.Ordinal))
        {
            foreach (Event e in Read(path))
            {
                if (e.IsStart) shown.RemoveAll(earlier => earlier.Step >= e.Step);
                else shown.Add(e);
            }
        }
        return shown;
    }

    internal static float[] Numbers(IEnumerable<Event> events, string tag) =>
        [.. events.SelectMany(e => e.Values).Where(value => value.Tag == tag).Select(value => value.Number!.Value)];

    internal static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = 0xffffffff;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 1) == 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        }
        crc = ~crc;
        return (crc >> 15 | crc << 17) + 0xa282ead8;
    }

    private static Event Parse(ReadOnlySpan<byte> message)
    {
        double time = 0;
        long step = 0;
        string? version = null;
        bool start = false;
        var values = new List<(string, float?, string?, string?)>();
        foreach (Field field in Fields(message))
        {
            if (field.Number == 1) time = BitConverter.UInt64BitsToDouble(field.Value);
            else if (field.Number == 2) step = (long)field.Value;
            else if (field.Number == 3) version = Encoding.UTF8.GetString(field.Bytes);
            else if (field.Number == 5) values.AddRange(Fields(field.Bytes).Select(value => Entry(value.Bytes)));
            else if (field.Number == 7) start = Fields(field.Bytes).Single(status => status.Number == 1).Value == 1;
            else Assert.Fail($"Unknown field {field.Number} of an event.");
        }
        return new Event(time, step, version, start, values);
    }

    private static (string, float?, string?, string?) Entry(byte[] message)
    {
        (string tag, float? number, string? text, string? plugin) entry = ("", null, null, null);
        foreach (Field field in Fields(message))
        {
            if (field.Number == 1) entry.tag = Encoding.UTF8.GetString(field.Bytes);
            else if (field.Number == 2) entry.number = BitConverter.UInt32BitsToSingle((uint)field.Value);
            else if (field.Number == 8)
            {
                List<Field> tensor = Fields(field.Bytes);
                Assert.Equal(7ul, tensor.Single(f => f.Number == 1).Value);
                Assert.Equal(1ul, Fields(Fields(tensor.Single(f => f.Number == 2).Bytes).Single(f => f.Number == 2).Bytes).Single(f => f.Number == 1).Value);
                entry.text = Encoding.UTF8.GetString(tensor.Single(f => f.Number == 8).Bytes);
            }
            else if (field.Number == 9) entry.plugin = Encoding.UTF8.GetString(Fields(Fields(field.Bytes).Single(f => f.Number == 1).Bytes).Single(f => f.Number == 1).Bytes);
            else Assert.Fail($"Unknown field {field.Number} of a value.");
        }
        return entry;
    }

    private sealed record Field(int Number, ulong Value, byte[] Bytes);

    private static List<Field> Fields(ReadOnlySpan<byte> message)
    {
        var fields = new List<Field>();
        int at = 0;
        while (at < message.Length)
        {
            ulong tag = Varint(message, ref at);
            switch (tag & 7)
            {
                case 0: fields.Add(new Field((int)(tag >> 3), Varint(message, ref at), [])); break;
                case 1: fields.Add(new Field((int)(tag >> 3), BinaryPrimitives.ReadUInt64LittleEndian(message[at..]), [])); at += 8; break;
                case 2:
                    int length = (int)Varint(message, ref at);
                    fields.Add(new Field((int)(tag >> 3), 0, message.Slice(at, length).ToArray()));
                    at += length;
                    break;
                case 5: fields.Add(new Field((int)(tag >> 3), BinaryPrimitives.ReadUInt32LittleEndian(message[at..]), [])); at += 4; break;
                default: Assert.Fail($"Unknown wire type {tag & 7}."); break;
            }
        }
        return fields;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = message[at++];
            value |= (ulong)(b & 127) << shift;
            if (b < 128) return value;
        }
    }
}
