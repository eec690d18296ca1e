using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>A file mapped into memory as tensors, once for each type of elements that is asked for.</summary>
internal sealed class MappedTensors(ElementReader reader, string path) : IDisposable
{
    private readonly Lock access = new();
    private readonly Dictionary<ScalarType, Tensor> whole = [];
    private bool disposed;

    /// <summary>Whether elements of a type can be used where they lie in the file.</summary>
    internal static bool CanView(StoredType type, long offset, long count) => type.IsDirect && count > 0 && offset % type.Bytes == 0;

    /// <summary>A view of elements that lie one behind the other. <see cref="CanView"/> must hold.</summary>
    /// <exception cref="CheckpointException">The file cannot be mapped, or a boolean is neither 0 nor 1.</exception>
    internal Tensor View(string tensor, StoredType type, ReadOnlySpan<long> shape, long offset, long count)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var view = Whole(type).narrow(0, offset / type.Bytes, count).view(shape.ToArray());
        if (type.DataType == ScalarType.Bool)
            CheckBooleans(tensor, view.view(-1));
        return view.MoveToOuterDisposeScope();
    }

    /// <summary>Lets the mappings go. Views that were taken keep what they need.</summary>
    public void Dispose()
    {
        lock (access)
        {
            disposed = true;
            foreach (var tensor in whole.Values)
                tensor.Dispose();
            whole.Clear();
        }
    }

    private Tensor Whole(StoredType type)
    {
        lock (access)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (whole.TryGetValue(type.DataType, out var tensor))
                return tensor;
            try
            {
                // On Linux the open file itself is mapped: its path may lead to another one by now.
                var open = $"/proc/self/fd/{reader.Handle.DangerousGetHandle()}";
                tensor = from_file(OperatingSystem.IsLinux() && File.Exists(open) ? open : path, shared: false, size: reader.Length / type.Bytes, dtype: type.DataType);
            }
            catch (Exception e) when (e is ExternalException or IOException)
            {
                throw new CheckpointException(path, $"the file cannot be mapped into memory: {e.Message}", e);
            }
            whole.Add(type.DataType, tensor.DetachFromDisposeScope());
            return tensor;
        }
    }

    private void CheckBooleans(string tensor, Tensor flat)
    {
        const long piece = 1L << 28;
        for (long first = 0; first < flat.NumberOfElements; first += piece)
        {
            using var part = flat.narrow(0, first, Math.Min(piece, flat.NumberOfElements - first));
            if (part.bytes.IndexOfAnyExceptInRange((byte)0, (byte)1) is >= 0 and var place)
                throw reader.NoBoolean(tensor, first + place, part.bytes[place]);
        }
    }
}
