using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Training;

/// <summary>A model for which the disk is full at one save.</summary>
internal sealed class FullDisk : nn.Module, ICausalLanguageModel, IPretrainedModel
{
    private readonly GptModel inner;
    private int saves;

    internal FullDisk(GptModel inner) : base(nameof(FullDisk))
    {
        this.inner = inner;
        RegisterComponents();
    }

    /// <summary>The save that fails, from 1; null for none.</summary>
    internal int? FailingSave { get; init; }

    public int VocabSize => inner.VocabSize;

    public int ContextLength => inner.ContextLength;

    public Device Device => inner.Device;

    public Tensor Logits(Tensor ids) => inner.Logits(ids);

    public Tensor NextLogits(Tensor ids, KeyValueCache cache) => inner.NextLogits(ids, cache);

    public Tensor Loss(Tensor ids, Tensor targets, double normalizer) => inner.Loss(ids, targets, normalizer);

    public Tensor Loss(ModelInput input, Tensor targets, double normalizer) => inner.Loss(input, targets, normalizer);

    public KeyValueCache CreateCache(long batch, int capacity) => inner.CreateCache(batch, capacity);

    public JsonObject ToConfigJson() => inner.ToConfigJson();

    public void LoadPretrained(string folder) => inner.LoadPretrained(folder);

    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null)
    {
        inner.SavePretrained(folder, weights?.ToDictionary(w => w.Key["inner.".Length..], w => w.Value));
        if (++saves == FailingSave) throw new IOException("No space left on device");
    }
}
