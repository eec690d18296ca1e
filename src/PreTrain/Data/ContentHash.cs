using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace PreTrain.Data;

/// <summary>The SHA-256 of texts and numbers, each with its length, so that no two contents run into one.</summary>
internal sealed class ContentHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    internal void Add(string? text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
        Add(text is null ? -1 : bytes.Length);
        _hash.AppendData(bytes);
    }

    internal void Add(long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        _hash.AppendData(bytes);
    }

    internal void Add(IReadOnlyList<int> numbers)
    {
        Add(numbers.Count);
        foreach (int number in numbers) Add(number);
    }

    /// <summary>The hash in hexadecimal digits.</summary>
    internal string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
