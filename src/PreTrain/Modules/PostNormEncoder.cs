// N rows (tokens), B sequences, T new tokens of each, E width of embeddings, C width of the blocks
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// BERT's encoder (Devlin et al. 2019, section 3): the sum of learned token, position and segment embeddings, a norm, and post-norm blocks. What came of it
/// adds a task's embedding (ERNIE 2.0) or a map between narrow embeddings and wide blocks (ELECTRA).
/// </summary>
public sealed class PostNormEncoder : nn.Module
{
    /// <summary>(V, E), (positions, E).</summary>
    public readonly Parameter token_embedding, position_embedding;

    /// <summary>(segments, E), (tasks, E); null where the model has none.</summary>
    public readonly Parameter? type_embedding, task_embedding;

    /// <summary>Behind the sum of the embeddings.</summary>
    public readonly Norm embedding_norm;

    /// <summary>(C, E), with bias; null where E is C.</summary>
    public readonly Projection? embedding_map;

    /// <summary>The blocks.</summary>
    public readonly ModuleList<PostNormBlock> blocks;

    private readonly PostNormEncoderOptions _options;

    /// <summary>Creates the encoder with undefined weights.</summary>
    /// <param name="options">The sizes.</param>
    /// <param name="embeddings">An encoder whose embeddings, and the norm behind them, are this one's too; null for own ones.</param>
    /// <exception cref="ArgumentException">The embeddings have other sizes.</exception>
    public PostNormEncoder(PostNormEncoderOptions options, PostNormEncoder? embeddings = null) : base(nameof(PostNormEncoder))
    {
        _options = options;
        long width = options.EmbeddingWidth == 0 ? options.Block.Width : options.EmbeddingWidth;
        token_embedding = Table(embeddings?.token_embedding, "token", options.VocabSize, width);
        position_embedding = Table(embeddings?.position_embedding, "position", options.PositionCount, width);
        if (options.TypeCount > 0) type_embedding = Table(embeddings?.type_embedding, "segment", options.TypeCount, width);
        if (options.TaskCount > 0) task_embedding = Table(embeddings?.task_embedding, "task", options.TaskCount, width);
        embedding_norm = embeddings?.embedding_norm ?? new Norm(width, options.Block.NormEpsilon);
        if (width != options.Block.Width) embedding_map = new Projection(width, options.Block.Width);
        blocks = new ModuleList<PostNormBlock>([.. Enumerable.Range(0, options.LayerCount).Select(_ => new PostNormBlock(options.Block))]);
        RegisterComponents();
    }

    /// <summary>Virtual tokens, which are the first ones of each sequence; null for none. A submodule, and disposed with the encoder.</summary>
    internal SoftPrompt? Prompt
    {
        get;
        set
        {
            if (field is not null) register_module("prompt", null!);
            if (value is not null) register_module("prompt", value);
            field = value;
        }
    }

    private static Parameter Table(Parameter? shared, string what, long rows, long width)
    {
        if (shared is null) return new Parameter(empty([rows, width], dtype: ScalarType.Float32));
        return shared.size(0) == rows && shared.size(1) == width ? shared : throw new ArgumentException(
            $"The {what} embeddings to be shared ({string.Join(", ", shared.shape)}) must be ({rows}, {width}).", nameof(shared));
    }

    /// <summary>Computes the last hidden states.</summary>
    /// <param name="ids">The tokens, (N) of 64-bit integers.</param>
    /// <param name="positions">Their positions, (N).</param>
    /// <param name="types">Their segments, (N); null for 0.</param>
    /// <param name="sequences">The sequences of the rows.</param>
    /// <param name="mask">What a token sees of its sequence.</param>
    /// <param name="trace">Who wants to see hidden states and weights.</param>
    /// <param name="recompute">Whether blocks keep their input only.</param>
    /// <returns>(N, C).</returns>
    public Tensor Forward(Tensor ids, Tensor positions, Tensor? types, PackedSequences sequences, AttentionMask mask, LayerTrace trace, bool recompute)
    {
        if (((IPrefixedBlock)blocks[0]).Prefix is { } prefix) positions += prefix.Length;
        Tensor x = Embed(SoftPrompt.Embed(Prompt, token_embedding, ids, sequences), positions, types);
        trace.Hidden(x, sequences);
        foreach (PostNormBlock block in blocks)
        {
            x = recompute && !trace.WantsAttentions
                ? Recomputation.Apply(rows => block.Forward(rows[0], sequences, mask, trace), x)
                : block.Forward(x, sequences, mask, trace);
            trace.Hidden(x, sequences);
        }
        return x;
    }

    /// <summary>Computes the last hidden states of tokens that follow those in a cache, which takes them up.</summary>
    /// <param name="ids">The new tokens, (B, T) of 64-bit integers.</param>
    /// <param name="types">Their segments, (B, T); null for 0.</param>
    /// <param name="mask">What a new token sees.</param>
    /// <param name="cache">With a layer for each block.</param>
    /// <returns>(B·T, C).</returns>
    public Tensor Forward(Tensor ids, Tensor? types, AttentionMask mask, KeyValueCache cache)
    {
        using DisposeScope scope = NewDisposeScope();
        var (batch, length) = (ids.size(0), ids.size(1));
        Tensor x = Embed(token_embedding.index_select(0, ids.reshape(-1)), cache.Positions(length), types?.reshape(-1));   // (B·T, C)
        Tensor? hidden = cache.Hidden(length);
        for (int layer = 0; layer < blocks.Count; layer++) x = blocks[layer].Forward(x, batch, mask, cache, layer, hidden);
        cache.Advance((int)length);
        return scope.MoveToOuter(x);
    }

    /// <summary>The tokens' (N, E) → (N, C).</summary>
    private Tensor Embed(Tensor tokens, Tensor positions, Tensor? types)
    {
        // One segment or task for all is one row, which broadcasts.
        Tensor x = tokens + position_embedding.index_select(0, positions);
        if (type_embedding is not null) x += types is null ? type_embedding.narrow(0, 0, 1) : type_embedding.index_select(0, types);
        if (task_embedding is not null) x += task_embedding.narrow(0, 0, 1);
        x = embedding_norm.forward(x);   // (N, E)
        if (training && _options.Block.Dropout > 0) x = CounterDropout.Apply(x, _options.Block.Dropout);
        return embedding_map is null ? x : embedding_map.forward(x);   // (N, C)
    }
}
