using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace PreTrain.Data;

/// <summary>Hashes examples, so that a run is resumed with those that it began with.</summary>
internal static class ContentHash
{
    /// <summary>SHA-256 of what is added, in hexadecimal digits.</summary>
    public static string Of(Action<Action<string?>, Action<long>> add)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Text(string? text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
            Number(text is null ? -1 : bytes.Length);
            hash.AppendData(bytes);
        }
        void Number(long number)
        {
            Span<byte> bytes = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }
        add(Text, Number);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
