// GPT-2: "Language Models are Unsupervised Multitask Learners" (Radford et al. 2019); a reference in PyTorch is
// transformers' models/gpt2/modeling_gpt2.py.
// B batch, T tokens, C embedding, H heads, D = C/H width of a head, V vocabulary
//
//   ids ─► token + position embedding ─► x ──┬─► norm ─► attention ──► + ──┬─► norm ─► feed-forward ─► + ─► … ─► norm ─► head
//                                           └──────── residual ───────┘   └───────── residual ────────┘
using System.Text.Json.Nodes;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models.Gpt;

/// <summary>
/// One block: attention and feed-forward, each on the normalized residual stream. Adding a sub-layer's output and the norm that comes
/// next are one operation, so a block takes the stream together with its normalized form, and gives both on.
/// </summary>
internal sealed class GptBlock : nn.Module
{
    internal readonly Norm attention_norm;
    internal readonly Projection qkv;
    internal readonly Projection attention_output;
    internal readonly Norm feed_forward_norm;
    internal readonly Projection feed_forward_input;
    internal readonly Projection feed_forward_output;
    private readonly int _heads;
    private readonly double _dropout;

    internal GptBlock(GptConfig config) : base(nameof(GptBlock))
    {
        attention_norm = new Norm(config.EmbeddingDim, config.NormEpsilon);
        qkv = new Projection(config.EmbeddingDim, 3 * config.EmbeddingDim);
        attention_output = new Projection(config.EmbeddingDim, config.EmbeddingDim);
        feed_forward_norm = new Norm(config.EmbeddingDim, config.NormEpsilon);
        feed_forward_input = new Projection(config.EmbeddingDim, config.InnerDim);
        feed_forward_output = new Projection(config.InnerDim, config.EmbeddingDim);
        _heads = config.HeadCount;
        _dropout = config.Dropout;
        RegisterComponents();
    }

    private double Dropout => training ? _dropout : 0;

    /// <summary>(B·T, C) twice → (B·T, C) twice. The last block's stream ends in the final norm, so it is not given on.</summary>
    internal (Tensor? X, Tensor Normed) Forward(Tensor x, Tensor normed, Norm next, bool last, long batch)
    {
        using DisposeScope scope = NewDisposeScope();   // what the backward pass needs, autograd keeps
        Tensor attended = CausalAttention.Apply(qkv.Product(normed), qkv.bias!, batch, _heads, Dropout);
        (Tensor? after, normed) = FeedForward(x, attended, next, last);
        after?.MoveToOuterDisposeScope();
        return (after, normed.MoveToOuterDisposeScope());
    }

    /// <summary>The same for tokens that follow those in the cache.</summary>
    internal (Tensor? X, Tensor Normed) Forward(Tensor x, Tensor normed, Norm next, bool last, long batch, KeyValueCache cache, int layer)
    {
        Tensor split = qkv.forward(normed).view(batch, normed.size(0) / batch, 3, _heads, -1).permute(2, 0, 3, 1, 4);   // (3, B, H, T, D)
        var (keys, values) = cache.Append(layer, split[1], split[2]);
        Tensor attended = CausalAttention.Continue(split[0], keys, values);   // (B·T, C)
        return FeedForward(x, attended, next, last);
    }

    private (Tensor? X, Tensor Normed) FeedForward(Tensor x, Tensor attended, Norm next, bool last)
    {
        (x, Tensor normed) = feed_forward_norm.Join(x, attended, attention_output, Dropout);
        Tensor inner = BiasGelu.Apply(feed_forward_input.Product(normed), feed_forward_input.bias!);
        return last ? (null, next.JoinNormed(x, inner, feed_forward_output, Dropout)) : next.Join(x, inner, feed_forward_output, Dropout);
    }
}

/// <summary>A GPT-2 language model: pre-norm blocks, learned positions, and a head that shares the token embedding's weight.</summary>
public sealed class GptModel : nn.Module<Tensor, Tensor>, ICausalLanguageModel, IPretrainedModel
{
    internal readonly Parameter token_embedding;
    internal readonly Parameter position_embedding;
    internal readonly ModuleList<GptBlock> blocks;
    internal readonly Norm final_norm;

    /// <summary>Creates a model with GPT-2's initial values.</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="generator">Where initial values are drawn from; torch's default generator if null.</param>
    /// <exception cref="ArgumentException">The architecture is not valid; the message names each fault.</exception>
    public GptModel(GptConfig config, Generator? generator = null) : this(config, initialize: true, generator)
    {
    }

    internal GptModel(GptConfig config, bool initialize, Generator? generator = null) : base(nameof(GptModel))
    {
        config.Validate();
        Config = config;
        token_embedding = new Parameter(empty([config.VocabSize, config.EmbeddingDim], dtype: ScalarType.Float32));
        position_embedding = new Parameter(empty([config.ContextLength, config.EmbeddingDim], dtype: ScalarType.Float32));
        blocks = new ModuleList<GptBlock>(Enumerable.Range(0, config.LayerCount).Select(_ => new GptBlock(config)).ToArray());
        final_norm = new Norm(config.EmbeddingDim, config.NormEpsilon);
        RegisterComponents();
        if (initialize) Initialize(generator);
    }

    /// <summary>The architecture.</summary>
    public GptConfig Config { get; }

    /// <inheritdoc/>
    public int VocabSize => Config.VocabSize;

    /// <inheritdoc/>
    public int ContextLength => Config.ContextLength;

    /// <inheritdoc/>
    public Device Device => token_embedding.device;

    /// <summary>Loads a folder as <see cref="SavePretrained"/> and Hugging Face transformers write it.</summary>
    /// <param name="folder">Holds <c>config.json</c> and <c>model.safetensors</c>.</param>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or its tensors do not fit; all misfits are named together.</exception>
    public static GptModel FromPretrained(string folder) => GptWeights.Load(folder);

    /// <inheritdoc/>
    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => GptWeights.Save(this, folder, weights);

    /// <inheritdoc/>
    public void LoadPretrained(string folder) => GptWeights.LoadInto(this, folder);

    /// <inheritdoc/>
    public JsonObject ToConfigJson() => GptWeights.ToConfigJson(Config);

    /// <summary>The logits of every position.</summary>
    public override Tensor forward(Tensor ids) => Logits(ids);

    /// <inheritdoc/>
    public Tensor Logits(Tensor ids) => Head(Hidden(ids)).view(ids.size(0), ids.size(1), VocabSize);   // (B, T, V)

    /// <inheritdoc/>
    public Tensor Loss(Tensor ids, Tensor targets, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(CrossEntropy.Apply(Head(Hidden(ids)), targets.reshape(-1), normalizer));
    }

    /// <inheritdoc/>
    public Tensor NextLogits(Tensor ids, KeyValueCache cache)
    {
        var (batch, length) = (ids.size(0), ids.size(1));
        Tensor? x = TokenEmbedding.Apply(ids, token_embedding, position_embedding, cache.Length);   // (B·T, C)
        Tensor normed = blocks[0].attention_norm.forward(x);
        for (int layer = 0; layer < blocks.Count; layer++)
            (x, normed) = blocks[layer].Forward(x!, normed, NormAfter(layer), IsLast(layer), batch, cache, layer);
        cache.Advance((int)length);
        return Head(normed.view(batch, length, -1)[.., ^1]).to(ScalarType.Float32);   // (B, V)
    }

    /// <inheritdoc/>
    public KeyValueCache CreateCache(long batch, int capacity)
    {
        if (capacity > ContextLength) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"The capacity must be at most the context length ({ContextLength}).");
        return new KeyValueCache(Config.LayerCount, batch, Config.HeadCount, Config.HeadDim, capacity, token_embedding.dtype, Device);
    }

    /// <summary>(B, T) → the normalized residual stream behind the last block, (B·T, C).</summary>
    private Tensor Hidden(Tensor ids)
    {
        Tensor? x = TokenEmbedding.Apply(ids, token_embedding, position_embedding);
        if (training && Config.Dropout > 0) x = nn.functional.dropout(x, Config.Dropout, training: true);
        Tensor normed = blocks[0].attention_norm.forward(x);
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            using Tensor before = x!, normedBefore = normed;
            (x, normed) = blocks[layer].Forward(before, normed, NormAfter(layer), IsLast(layer), ids.size(0));
        }
        return normed;
    }

    private bool IsLast(int layer) => layer + 1 == blocks.Count;

    private Norm NormAfter(int layer) => IsLast(layer) ? final_norm : blocks[layer + 1].attention_norm;

    /// <summary>The head is the token embedding, transposed (Press and Wolf 2017). (N, C) → (N, V)</summary>
    private Tensor Head(Tensor hidden) => WeightProduct.Apply(hidden, token_embedding);

    /// <summary>Normal values of the configured deviation, the residual maps' scaled by 1/√(2·layers), no biases (Radford et al. 2019, section 2.3).</summary>
    private void Initialize(Generator? generator)
    {
        using IDisposable mode = no_grad();
        double deviation = Config.InitializerRange, residual = deviation / Math.Sqrt(2 * Config.LayerCount);
        token_embedding.normal_(0, deviation, generator);
        position_embedding.normal_(0, deviation, generator);
        foreach (GptBlock block in blocks)
        {
            foreach (var (map, std) in new[]
            {
                (block.qkv, deviation), (block.attention_output, residual), (block.feed_forward_input, deviation), (block.feed_forward_output, residual),
            })
            {
                map.weight.normal_(0, std, generator);
                map.bias!.zero_();
            }
            foreach (Norm norm in new[] { block.attention_norm, block.feed_forward_norm }) Reset(norm);
        }
        Reset(final_norm);

        static void Reset(Norm norm)
        {
            norm.weight.fill_(1);
            norm.bias!.zero_();
        }
    }
}
