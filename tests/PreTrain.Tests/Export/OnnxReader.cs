using System.Text;
using Google.Protobuf;

namespace PreTrain.Tests.Export;

/// <summary>An ONNX file as onnx.proto describes it, as far as the files here go.</summary>
internal sealed class OnnxReader
{
    public long IrVersion { get; }

    public long Opset { get; }

    public List<Node> Nodes { get; } = [];

    public Dictionary<string, Constant> Constants { get; } = [];

    public List<Port> Inputs { get; } = [];

    public List<Port> Outputs { get; } = [];

    public OnnxReader(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        foreach (var (field, value) in Fields(bytes))
        {
            if (field == 1) IrVersion = (long)value;
            if (field == 8) Opset = (long)Fields(value).Single(f => f.Field == 2).Value;
            if (field == 7) ReadGraph((byte[])value, Path.GetDirectoryName(path)!);
        }
    }

    private void ReadGraph(byte[] graph, string folder)
    {
        foreach (var (field, value) in Fields(graph))
        {
            if (field == 1) Nodes.Add(new Node(Text(value, 4), Texts(value, 1), Texts(value, 2), Fields(value).Where(f => f.Field == 5).ToDictionary(f => Text(f.Value, 1), f => AttributeOf(f.Value))));
            if (field == 5) Constants.Add(Text(value, 8), ConstantOf(value, folder));
            if (field == 11) Inputs.Add(PortOf(value));
            if (field == 12) Outputs.Add(PortOf(value));
        }
    }

    private static object AttributeOf(object attribute) => (long)Fields(attribute).Single(f => f.Field == 20).Value switch
    {
        1 => BitConverter.UInt32BitsToSingle((uint)(long)Fields(attribute).Single(f => f.Field == 2).Value),
        2 => Fields(attribute).Single(f => f.Field == 3).Value,
        _ => Fields(attribute).Where(f => f.Field == 8).Select(f => (long)f.Value).ToArray(),
    };

    private static Constant ConstantOf(object tensor, string folder)
    {
        long[] shape = [.. Fields(tensor).Where(f => f.Field == 1).Select(f => (long)f.Value)];
        long type = (long)Fields(tensor).Single(f => f.Field == 2).Value;
        Dictionary<string, string> outside = Fields(tensor).Where(f => f.Field == 13).ToDictionary(f => Text(f.Value, 1), f => Text(f.Value, 2));
        if (outside.Count == 0) return new Constant(type, shape, (byte[])Fields(tensor).Single(f => f.Field == 9).Value);
        byte[] data = File.ReadAllBytes(Path.Combine(folder, outside["location"]));
        int begin = int.Parse(outside["offset"]), length = int.Parse(outside["length"]);
        return new Constant(type, shape, data[begin..(begin + length)]);
    }

    private static Port PortOf(object port)
    {
        object tensor = Fields(Fields(port).Single(f => f.Field == 2).Value).Single().Value;
        object[] axes = [.. Fields(Fields(tensor).Single(f => f.Field == 2).Value).Select(axis => Fields(axis.Value).Single()).Select(a => a.Field == 1 ? a.Value : Encoding.UTF8.GetString((byte[])a.Value))];
        return new Port(Text(port, 1), (long)Fields(tensor).Single(f => f.Field == 1).Value, axes);
    }

    private static string Text(object message, int field) => Texts(message, field).Single();

    private static string[] Texts(object message, int field) => [.. Fields(message).Where(f => f.Field == field).Select(f => Encoding.UTF8.GetString((byte[])f.Value))];

    private static List<(int Field, object Value)> Fields(object message)
    {
        var fields = new List<(int, object)>();
        var input = new CodedInputStream((byte[])message);
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            object value = WireFormat.GetTagWireType(tag) switch
            {
                WireFormat.WireType.Varint => input.ReadInt64(),
                WireFormat.WireType.Fixed32 => (long)input.ReadFixed32(),
                WireFormat.WireType.LengthDelimited => input.ReadBytes().ToByteArray(),
                var type => throw new InvalidDataException($"wire type {type}"),
            };
            fields.Add((WireFormat.GetTagFieldNumber(tag), value));
        }
        return fields;
    }

    internal sealed record Node(string Operator, string[] Inputs, string[] Outputs, Dictionary<string, object> Attributes);

    internal sealed record Constant(long Type, long[] Shape, byte[] Data);

    internal sealed record Port(string Name, long Type, object[] Axes);
}
