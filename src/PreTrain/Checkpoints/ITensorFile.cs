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
}
