using System.Buffers.Binary;
using System.Text;

namespace PreTrain.Tests.Checkpoints;

/// <summary>Puts safetensors files together by hand, right ones and wrong ones.</summary>
internal static class SafetensorsBytes
{
    internal static byte[] Of(string header, int dataBytes = 0) => Of(Encoding.UTF8.GetBytes(header), new byte[dataBytes]);

    internal static byte[] Of(byte[] header, byte[] data, ulong? headerBytes = null)
    {
        var file = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, headerBytes ?? (ulong)header.Length);
        header.CopyTo(file, 8);
        data.CopyTo(file, 8 + header.Length);
        return file;
    }

    internal static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Checkpoints", "fixtures", name);
}
