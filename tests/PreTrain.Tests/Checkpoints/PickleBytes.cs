using System.Buffers.Binary;
using System.Text;
using PreTrain.Checkpoints;

namespace PreTrain.Tests.Checkpoints;

/// <summary>Puts pickles and files of PyTorch together by hand, right ones and wrong ones.</summary>
internal static class PickleBytes
{
    /// <summary>Opcodes as they are: text stands for its bytes, numbers for single bytes.</summary>
    internal static byte[] Of(params object[] parts) => [.. new byte[] { 0x80, 2 }, .. parts.SelectMany(Bytes)];

    internal static byte[] Text(string text) => Counted('X', Encoding.UTF8.GetBytes(text));

    internal static byte[] Counted(char opcode, byte[] bytes)
    {
        var result = new byte[5 + bytes.Length];
        result[0] = (byte)opcode;
        BinaryPrimitives.WriteInt32LittleEndian(result.AsSpan(1), bytes.Length);
        bytes.CopyTo(result, 5);
        return result;
    }

    internal static byte[] Integer(long value) => [0x8a, 8, .. BitConverter.GetBytes(value)];

    internal static byte[] Tuple(params long[] values) => [(byte)'(', .. values.SelectMany(Integer), (byte)'t'];

    /// <summary>A tensor of float32 over a storage.</summary>
    internal static byte[] Tensor(long[] shape, long[] strides, long offset = 0, string key = "0", long count = 6, string storage = "FloatStorage") =>
    [
        .. Bytes("ctorch._utils\n_rebuild_tensor_v2\n(("), .. Text("storage"), .. Bytes($"ctorch\n{storage}\n"), .. Text(key), .. Text("cpu"), .. Integer(count), .. Bytes("tQ"),
        .. Integer(offset), .. Tuple(shape), .. Tuple(strides), 0x89, .. Bytes("ccollections\nOrderedDict\n)RtR"),
    ];

    /// <summary>The dictionary {"w": value}.</summary>
    internal static byte[] Dictionary(byte[] value) => Of("}", Text("w"), value, "s.");

    /// <summary>The zip file of a pickle and its storages.</summary>
    internal static byte[] Zip(byte[] pickle, params (string Name, byte[] Content)[] entries)
    {
        using var stream = new MemoryStream();
        var zip = new ZipWriter(stream);
        zip.Add("archive/data.pkl", pickle);
        foreach (var (name, content) in entries)
            zip.Add($"archive/{name}", content);
        zip.Finish();
        return stream.ToArray();
    }

    private static byte[] Bytes(object part) => part switch
    {
        byte[] bytes => bytes,
        string text => Encoding.Latin1.GetBytes(text),
        int number => [(byte)number],
        _ => throw new ArgumentException($"{part} is no part of a pickle.", nameof(part)),
    };
}
