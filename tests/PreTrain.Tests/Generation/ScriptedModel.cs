using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Generation;

/// <summary>Writes given tokens one after another, whatever it reads, and remembers what it was given to read.</summary>
internal sealed class ScriptedModel(IReadOnlyList<int> script, int vocabSize = 257, int contextLength = 1024) : ICausalLanguageModel
{
    private int _next;

    internal List<long[]> Read { get; } = [];

    /// <summary>Called before each token.</summary>
    internal Action<int>? BeforeToken { get; init; }

    public int VocabSize => vocabSize;

    public int ContextLength => contextLength;

    public IReadOnlyList<int> EndIds { get; init; } = [];

    public Device Device => CPU;

    public Tensor Logits(Tensor ids) => throw new NotSupportedException();

    public Tensor Loss(Tensor ids, Tensor targets, double normalizer) => throw new NotSupportedException();

    public Tensor Loss(ModelInput input, Tensor targets, double normalizer) => throw new NotSupportedException();

    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        BeforeToken?.Invoke(_next);
        Assert.False(is_grad_enabled());
        Read.Add(ids.data<long>().ToArray());
        Tensor states = zeros([1, 1, ids.size(1), 1]);
        cache.Append(0, states, states);
        cache.Advance((int)ids.size(1));
        Tensor logits = zeros([1, vocabSize]);
        logits[0, script[_next++ % script.Count]] = 100;
        return logits;
    }

    public KeyValueCache CreateCache(long batch, int capacity) => new(1, batch, 1, 1, capacity, ScalarType.Float32, CPU);
}
