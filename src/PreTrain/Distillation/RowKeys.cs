using System.Runtime.InteropServices;
using System.Security.Cryptography;
using PreTrain.Modules;
using PreTrain.Objectives;

namespace PreTrain.Distillation;

/// <summary>Tells the rows of a batch apart by all that a teacher's scores follow from: tokens and their places, segments, prefix, and the places and values of targets. Padding is no part of it.</summary>
internal static class RowKeys
{
    /// <summary>A key of each row: half of a SHA-256.</summary>
    internal static UInt128[] Of(Batch batch)
    {
        var keys = new UInt128[batch.Rows];
        var content = new List<long>();
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        for (int row = 0; row < batch.Rows; row++)
        {
            content.Clear();
            for (int t = 0; t < batch.Length; t++)
            {
                int i = row * batch.Length + t;
                if (batch.AttentionMask is not { } mask || mask[i] != 0) content.AddRange([t, batch.Inputs[i], batch.TokenTypes?[i] ?? 0]);
            }
            content.AddRange([-1, batch.PrefixLengths?[row] ?? -1]);
            for (int u = 0; u < batch.TargetLength; u++)
            {
                if (batch.Targets[row * batch.TargetLength + u] is var target && target != CrossEntropy.Ignored) content.AddRange([u, target]);
            }
            SHA256.HashData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(content)), hash);
            keys[row] = MemoryMarshal.Read<UInt128>(hash);
        }
        return keys;
    }
}
