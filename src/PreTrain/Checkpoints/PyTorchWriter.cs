using System.Buffers.Binary;
using System.Text;

namespace PreTrain.Checkpoints;

/// <summary>Writes a dictionary of tensors as <c>torch.save</c> would, for <c>torch.load(…, weights_only=True)</c>.</summary>
internal static class PyTorchWriter
{
    private const string Folder = "archive/";
    private static readonly UTF8Encoding strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a file, atomically.</summary>
    /// <exception cref="ArgumentException">A name appears twice, or cannot be written.</exception>
    internal static void Write(string path, IReadOnlyList<TensorEntry> tensors)
    {
        SafetensorsFormat.RequireLittleEndian();
        var storages = new List<TensorEntry>();
        var pickle = Pickle(tensors, storages);
        AtomicFile.Write(path, stream =>
        {
            var zip = new ZipWriter(stream);
            zip.Add(Folder + "data.pkl", pickle);
            zip.Add(Folder + "byteorder", "little"u8);
            for (var i = 0; i < storages.Count; i++)
                zip.Add($"{Folder}data/{i}", storages[i].ByteCount, storages[i].WriteElements);
            zip.Add(Folder + "version", "3\n"u8);
            zip.Finish();
        });
    }

    private static byte[] Pickle(IReadOnlyList<TensorEntry> tensors, List<TensorEntry> storages)
    {
        var keys = new Dictionary<TensorEntry, int>(ReferenceEqualityComparer.Instance);
        var names = new HashSet<string>(StringComparer.Ordinal);
        var pickle = new List<byte> { 0x80, 2, (byte)'}', (byte)'(' };
        foreach (var tensor in tensors)
        {
            if (!names.Add(tensor.Name))
                throw new ArgumentException($"The name '{tensor.Name}' appears twice; each tensor needs its own.", nameof(tensors));
            // Tensors that are one in memory stay one in the file.
            if (tensor.SharedWith is null || !keys.TryGetValue(tensor.SharedWith, out var key))
            {
                key = storages.Count;
                storages.Add(tensor);
            }
            keys.Add(tensor, key);
            Text(pickle, tensor.Name);
            Tensor(pickle, tensor, key);
        }
        pickle.AddRange([(byte)'u', (byte)'.']);
        return [.. pickle];
    }

    private static void Tensor(List<byte> pickle, TensorEntry tensor, int key)
    {
        var typed = tensor.Type.StorageName is not null;
        Global(pickle, "torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
        pickle.AddRange([(byte)'(', (byte)'(']);
        Text(pickle, "storage");
        Global(pickle, typed ? "torch" : "torch.storage", tensor.Type.StorageName ?? "UntypedStorage");
        Text(pickle, key.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Text(pickle, "cpu");
        Integer(pickle, typed ? tensor.ElementCount : tensor.ByteCount);
        pickle.AddRange([(byte)'t', (byte)'Q']);
        Integer(pickle, 0);
        Integers(pickle, tensor.Shape);
        var strides = new long[tensor.Shape.Count];
        long stride = 1;
        for (var axis = strides.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= Math.Max(1, tensor.Shape[axis]);
        }
        Integers(pickle, strides);
        pickle.Add(0x89);   // requires no gradient
        Global(pickle, "collections", "OrderedDict");
        pickle.AddRange([(byte)')', (byte)'R']);
        if (!typed)
            Global(pickle, "torch", tensor.Type.TorchName);
        pickle.AddRange([(byte)'t', (byte)'R']);
    }

    private static void Global(List<byte> pickle, string module, string name) => pickle.AddRange(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    private static void Integers(List<byte> pickle, IReadOnlyList<long> values)
    {
        pickle.Add((byte)'(');
        foreach (var value in values)
            Integer(pickle, value);
        pickle.Add((byte)'t');
    }

    private static void Integer(List<byte> pickle, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        if (value <= int.MaxValue)
        {
            pickle.Add((byte)'J');
            pickle.AddRange(bytes[..sizeof(int)]);
        }
        else
        {
            pickle.AddRange([0x8a, sizeof(long)]);
            pickle.AddRange(bytes);
        }
    }

    private static void Text(List<byte> pickle, string text)
    {
        byte[] bytes;
        try
        {
            bytes = strictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"The name '{text}' holds half a surrogate pair and cannot be written as UTF-8.", nameof(text), e);
        }
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        pickle.Add((byte)'X');
        pickle.AddRange(length);
        pickle.AddRange(bytes);
    }
}
