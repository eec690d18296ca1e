using System.Security.Cryptography;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>Tells models apart by their weights.</summary>
internal static class WeightsFingerprint
{
    private const long PieceBytes = 1 << 24;

    /// <summary>The SHA-256 of all names and values.</summary>
    /// <param name="model">The model, a module of torch.</param>
    /// <param name="pieceBytes">How many bytes are read at once, since a span has no room for all of a large table.</param>
    internal static string Of(ITransformerModel model, long pieceBytes = PieceBytes)
    {
        using DisposeScope scope = NewDisposeScope();
        return Of(((nn.Module)model).state_dict().Select(p => (p.Key, p.Value)), pieceBytes);
    }

    /// <summary>The same of some of a model's values.</summary>
    internal static string Of(IEnumerable<(string Name, Tensor Value)> values, long pieceBytes = PieceBytes)
    {
        using IDisposable mode = no_grad();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, value) in values.OrderBy(p => p.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            using DisposeScope copies = NewDisposeScope();
            Tensor flat = value.contiguous().view(-1);
            long length = flat.numel(), piece = Math.Max(1, pieceBytes / flat.element_size());
            for (long start = 0; start < length; start += piece)
            {
                using DisposeScope one = NewDisposeScope();
                hash.AppendData(flat.narrow(0, start, Math.Min(piece, length - start)).cpu().bytes);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
