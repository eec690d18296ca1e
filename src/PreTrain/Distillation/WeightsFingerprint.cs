using System.Security.Cryptography;
using System.Text;
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>Tells models apart by their weights.</summary>
internal static class WeightsFingerprint
{
    /// <summary>The SHA-256 of all names and values.</summary>
    internal static string Of(ITransformerModel model)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, value) in ((nn.Module)model).state_dict().OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(value.cpu().contiguous().bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
