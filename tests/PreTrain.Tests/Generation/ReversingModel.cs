using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Generation;

/// <summary>
/// Reads a source and writes it backwards: of the tokens written it remembers the number only. It does what models of two sequences do with a cache: one row a source,
/// and as many places as were asked for.
/// </summary>
internal sealed class ReversingModel(int contextLength = 1024) : ISequenceToSequenceModel
{
    private readonly Dictionary<KeyValueCache, long[][]> _sources = [];

    internal List<long> Widths { get; } = [];

    public int VocabSize => 257;

    public int ContextLength => contextLength;

    public int DecoderStartId => 251;

    public int? EndId => 256;

    public int? PaddingId => 253;

    public string ModelType => "reversing";

    public ModelHead Head => ModelHead.SequenceToSequence;

    public Device Device => CPU;

    public bool RecomputeActivations { get; set; }

    public long MaxScoreBytes { get; set; }

    public KeyValueCache Read(ModelInput source, int capacity)
    {
        Assert.False(is_grad_enabled());
        var cache = new KeyValueCache(1, source.Ids!.size(0), 1, 1, capacity, ScalarType.Float32, CPU);
        long width = source.Ids.size(1);
        long[] ids = source.Ids.data<long>().ToArray();
        long[]? mask = source.AttentionMask?.data<long>().ToArray();
        Assert.All(ids.Zip(mask ?? [.. ids.Select(_ => 1L)]), token => Assert.Equal(token.Second == 0, token.First == PaddingId));
        _sources[cache] = [.. Enumerable.Range(0, (int)source.Ids.size(0)).Select(row => Enumerable.Range(0, (int)width).Where(t => mask is null || mask[row * width + t] != 0)
            .Select(t => ids[row * width + t]).Reverse().ToArray())];
        Widths.Add(width);
        return cache;
    }

    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        if (cache.Length == 0) Assert.All(ids.data<long>().ToArray(), id => Assert.Equal(DecoderStartId, id));
        Assert.Equal(1, ids.size(1));
        long[][] sources = _sources[cache];
        Tensor logits = zeros([sources.Length, VocabSize]), states = zeros([sources.Length, 1, 1, 1]);
        for (int row = 0; row < sources.Length; row++) logits[row, cache.Length < sources[row].Length ? sources[row][cache.Length] : EndId!.Value] = 100;
        cache.Append(0, states, states);
        cache.Advance(1);
        return logits;
    }

    public Tensor Loss(ModelInput input, Tensor targets, double normalizer) => throw new NotSupportedException();

    public ModelOutput Forward(ModelInput input) => throw new NotSupportedException();

    public JsonObject ToConfigJson() => throw new NotSupportedException();

    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => throw new NotSupportedException();

    public void LoadPretrained(string folder) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
