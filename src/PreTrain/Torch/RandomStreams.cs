using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace PreTrain.Torch;

/// <summary>
/// The named sources of randomness of a run, each derived from the run's seed: <c>init</c> (weights), <c>data</c> (order), <c>mask</c>
/// (what an objective hides), <c>dropout</c>. A draw at a step depends on the seed, the name and the step alone, so that a
/// resumed run needs no replay.
/// </summary>
public sealed class RandomStreams(long seed)
{
    /// <summary>The run's seed.</summary>
    public long Seed { get; } = seed;

    /// <summary>The 64-bit seed of a stream, at a step where it starts anew at each.</summary>
    /// <param name="stream">The stream's name.</param>
    /// <param name="step">The step, or 0 for a stream that runs through.</param>
    public long SeedOf(string stream, long step = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(stream);
        Span<byte> message = stackalloc byte[16 + Encoding.UTF8.GetMaxByteCount(stream.Length)];
        BinaryPrimitives.WriteInt64LittleEndian(message, Seed);
        BinaryPrimitives.WriteInt64LittleEndian(message[8..], step);
        int length = 16 + Encoding.UTF8.GetBytes(stream, message[16..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(message[..length], hash);
        return BinaryPrimitives.ReadInt64LittleEndian(hash);
    }

    /// <summary>A generator on the CPU that starts at <see cref="SeedOf"/>.</summary>
    public Generator CreateGenerator(string stream, long step = 0) => new(unchecked((ulong)SeedOf(stream, step)), CPU);
}
