using System.Globalization;
using Google.Protobuf;
using PreTrain.Checkpoints;

namespace PreTrain.Export.Onnx;

/// <summary>
/// Writes a graph as an ONNX file: <see href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto</see>. A message of protocol buffers ends at 2 GB, so the numbers of larger models lie in a
/// second file.
/// </summary>
internal static class OnnxFile
{
    /// <summary>What the name of the second file ends with.</summary>
    internal const string DataEnding = ".data";

    /// <summary>Numbers in the second file begin at multiples of it.</summary>
    private const long Alignment = 64;

    /// <summary>Tensors of fewer bytes stay in the first file: shapes have to, for their readers.</summary>
    private const long SmallBytes = 1024;

    // Field numbers of onnx.proto.
    private const int ModelVersion = 1, ModelProducer = 2, ModelGraph = 7, ModelOperators = 8, OperatorsVersion = 2;
    private const int GraphNode = 1, GraphName = 2, GraphTensor = 5, GraphInput = 11, GraphOutput = 12;
    private const int NodeInput = 1, NodeOutput = 2, NodeName = 3, NodeOperator = 4, NodeAttribute = 5;
    private const int AttributeName = 1, AttributeFloat = 2, AttributeInt = 3, AttributeInts = 8, AttributeType = 20, FloatType = 1, IntType = 2, IntsType = 7;
    private const int TensorShape = 1, TensorType = 2, TensorName = 8, TensorRaw = 9, TensorExternal = 13, TensorLocation = 14, EntryKey = 1, EntryValue = 2, External = 1;
    private const int PortName = 1, PortType = 2, TypeTensor = 1, TensorElement = 1, TensorAxes = 2, Axis = 1, AxisLength = 1, AxisName = 2;

    /// <summary>Writes the file, atomically, and beside it the file of numbers where one is needed. Never does a graph stand beside the numbers of another.</summary>
    /// <param name="path">The file. Its folder must exist.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="opset">The version of the set of operators.</param>
    /// <param name="maxBytes">The most bytes of numbers that the file itself holds.</param>
    /// <param name="cancellationToken">Ends it between two tensors; the old files stay.</param>
    /// <returns>The paths of the files.</returns>
    internal static IReadOnlyList<string> Write(string path, OnnxGraph graph, int opset, long maxBytes, CancellationToken cancellationToken)
    {
        SafetensorsFormat.RequireLittleEndian();
        string data = path + DataEnding, beside = data + ".new";
        bool isSplit = graph.Tensors.Sum(tensor => tensor.ByteCount) > maxBytes;
        var offsets = new Dictionary<OnnxTensor, long>();
        if (isSplit)
        {
            AtomicFile.Write(beside, stream =>
            {
                long offset = 0;
                foreach (OnnxTensor tensor in graph.Tensors.Where(tensor => tensor.ByteCount >= SmallBytes))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    stream.Write(new byte[-offset & (Alignment - 1)]);
                    offset += -offset & (Alignment - 1);
                    offsets.Add(tensor, offset);
                    tensor.Write(stream);
                    offset += tensor.ByteCount;
                }
            });
        }
        (OnnxTensor Tensor, byte[] Head)[] tensors = [.. graph.Tensors.Select(tensor => (tensor, Head(tensor, offsets.TryGetValue(tensor, out long offset) ? offset : null, Path.GetFileName(data))))];
        byte[] nodes = ProtocolBuffer.Message(output => WriteGraph(output, graph));
        long graphBytes = nodes.Length + tensors.Sum(tensor => Framed(MessageBytes(tensor)));
        try
        {
            AtomicFile.Write(path, WriteAll);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
        if (!isSplit) File.Delete(data);
        return isSplit ? [path, data] : [path];

        void WriteAll(Stream stream)
        {
            using var output = new CodedOutputStream(stream, leaveOpen: true);
            output.WriteWhole(ModelVersion, opset switch { < 19 => 8, < 21 => 9, _ => 10 });
            output.WriteText(ModelProducer, "PreTrain");
            output.WriteMessage(ModelOperators, operators => operators.WriteWhole(OperatorsVersion, opset));
            output.WriteLength(ModelGraph, graphBytes);
            output.Flush();
            stream.Write(nodes);
            foreach (var (tensor, head) in tensors)
            {
                cancellationToken.ThrowIfCancellationRequested();
                output.WriteLength(GraphTensor, MessageBytes((tensor, head)));
                output.Flush();
                stream.Write(head);
                if (offsets.ContainsKey(tensor)) continue;
                output.WriteLength(TensorRaw, tensor.ByteCount);
                output.Flush();
                tensor.Write(stream);
            }
            if (!isSplit) return;
            output.Flush();
            File.Delete(path);
            File.Move(beside, data, overwrite: true);
        }

        long MessageBytes((OnnxTensor Tensor, byte[] Head) tensor) => tensor.Head.Length + (offsets.ContainsKey(tensor.Tensor) ? 0 : Framed(tensor.Tensor.ByteCount));
    }

    private static void WriteGraph(CodedOutputStream output, OnnxGraph graph)
    {
        for (int i = 0; i < graph.Nodes.Count; i++)
        {
            OnnxNode node = graph.Nodes[i];
            int number = i;
            output.WriteMessage(GraphNode, message =>
            {
                foreach (string input in node.Inputs) message.WriteText(NodeInput, input);
                foreach (string result in node.Outputs) message.WriteText(NodeOutput, result);
                message.WriteText(NodeName, string.Create(CultureInfo.InvariantCulture, $"{node.Operator}.{number}"));
                message.WriteText(NodeOperator, node.Operator);
                foreach (OnnxAttribute attribute in node.Attributes) message.WriteMessage(NodeAttribute, setting => WriteAttribute(setting, attribute));
            });
        }
        output.WriteText(GraphName, "model");
        foreach (OnnxPort port in graph.Inputs) output.WriteMessage(GraphInput, message => WritePort(message, port));
        foreach (OnnxPort port in graph.Outputs) output.WriteMessage(GraphOutput, message => WritePort(message, port));
    }

    private static void WriteAttribute(CodedOutputStream output, OnnxAttribute attribute)
    {
        output.WriteText(AttributeName, attribute.Name);
        switch (attribute.Value)
        {
            case long number:
                output.WriteWhole(AttributeInt, number);
                output.WriteWhole(AttributeType, IntType);
                break;
            case float number:
                output.WriteSingle(AttributeFloat, number);
                output.WriteWhole(AttributeType, FloatType);
                break;
            case long[] numbers:
                foreach (long number in numbers) output.WriteWhole(AttributeInts, number);
                output.WriteWhole(AttributeType, IntsType);
                break;
            default:
                throw new ArgumentException($"The attribute '{attribute.Name}' is a {attribute.Value.GetType().Name}.", nameof(attribute));
        }
    }

    private static void WritePort(CodedOutputStream output, OnnxPort port)
    {
        output.WriteText(PortName, port.Name);
        output.WriteMessage(PortType, type => type.WriteMessage(TypeTensor, tensor =>
        {
            tensor.WriteWhole(TensorElement, (long)port.Type);
            tensor.WriteMessage(TensorAxes, axes =>
            {
                foreach (object length in port.Axes)
                {
                    axes.WriteMessage(Axis, axis =>
                    {
                        if (length is string name) axis.WriteText(AxisName, name);
                        else axis.WriteWhole(AxisLength, Convert.ToInt64(length, CultureInfo.InvariantCulture));
                    });
                }
            });
        }));
    }

    /// <summary>A tensor without its numbers, or with the place where they are.</summary>
    private static byte[] Head(OnnxTensor tensor, long? offset, string file) => ProtocolBuffer.Message(output =>
    {
        foreach (long length in tensor.Shape) output.WriteWhole(TensorShape, length);
        output.WriteWhole(TensorType, (long)tensor.Type);
        output.WriteText(TensorName, tensor.Name);
        if (offset is not { } place) return;
        foreach (var (key, value) in new[] { ("location", file), ("offset", place.ToString(CultureInfo.InvariantCulture)), ("length", tensor.ByteCount.ToString(CultureInfo.InvariantCulture)) })
        {
            output.WriteMessage(TensorExternal, entry =>
            {
                entry.WriteText(EntryKey, key);
                entry.WriteText(EntryValue, value);
            });
        }
        output.WriteWhole(TensorLocation, External);
    });

    /// <summary>The bytes of a message with its tag and length before it; all fields that hold messages here have numbers below 16.</summary>
    private static long Framed(long bytes) => 1 + CodedOutputStream.ComputeUInt64Size((ulong)bytes) + bytes;
}
