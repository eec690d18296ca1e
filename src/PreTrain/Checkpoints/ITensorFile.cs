using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>One file of named tensors, open for reading.</summary>
internal interface ITensorFile : IDisposable
{
    string Path { get; }

    IReadOnlyList<string> Names { get; }

    IReadOnlyDictionary<string, string> Metadata { get; }

    bool Contains(string name);

    TensorInfo Info(string name);

    Tensor Read(string name);

    void ReadInto(string name, Tensor target);

    Tensor View(string name);

    /// <summary>How to copy a tensor's bytes as they are; <see langword="null"/> if they do not lie in the file row-major and little-endian.</summary>
    (StoredType Type, Action<Stream> Write)? RawCopy(string name);
}
