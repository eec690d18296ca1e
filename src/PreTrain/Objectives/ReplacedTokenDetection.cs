using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Electra;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// A generator fills in hidden tokens with samples, and a discriminator says of every token whether it is the former one (Clark et al. 2020, section 2). Both learn together; no gradient
/// goes through the samples.
/// </summary>
/// <remarks>
/// The loss is the generator's mean over hidden tokens plus λ times the discriminator's mean over all tokens. With several micro-batches, the second is weighted by the hidden tokens
/// of each.
/// </remarks>
public sealed class ReplacedTokenDetection : IObjective<ElectraPair>
{
    private const ulong SamplePurpose = 6;
    private readonly MaskedLanguageModeling _masked;
    private readonly ReplacedTokenOptions _options;

    /// <summary>Splits a store.</summary>
    /// <param name="tokens">The tokens; they stay the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">How to mask and weigh.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer has no mask token, or another tokenizer made the store.</exception>
    public ReplacedTokenDetection(TokenStore tokens, TextTokenizer tokenizer, ReplacedTokenOptions? options = null)
    {
        _options = options ?? new ReplacedTokenOptions();
        _options.Validate();
        _masked = new MaskedLanguageModeling(tokens, tokenizer, new() { Masking = _options.Masking, ContextLength = _options.ContextLength, ValidationFraction = _options.ValidationFraction });
    }

    /// <inheritdoc/>
    public string Name => "replaced-tokens";

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject description = _masked.Describe();
        description["objective"] = Name;
        description["discriminatorWeight"] = _options.DiscriminatorWeight;
        return description;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The models' vocabulary or context is too small, or <paramref name="state"/> is not from such a source.</exception>
    public IBatchSource Open(RandomStreams streams, ElectraPair model, int batchSize, JsonObject? state = null)
    {
        if (!model.IsShared) throw new ArgumentException("The pair's embeddings are no longer shared. Do not move it; create it on the device.", nameof(model));
        return _masked.Open(streams, model.Generator, batchSize, state);
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ElectraPair model, int batchSize) => _masked.Evaluation(model.Generator, batchSize);

    /// <inheritdoc/>
    public Tensor Loss(ElectraPair model, Batch batch, double normalizer)
    {
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Generator.Device);
        Tensor scores = model.Generator.Scores(input, targets);   // (M, V)
        var (filled, replaced) = Fill(input.Ids!, targets, scores, batch.Seed);
        Tensor hidden = targets.masked_select(targets.ne(CrossEntropy.Ignored));   // (M)
        Tensor generator = CrossEntropy.Apply(scores, hidden, normalizer);   // writes over the scores

        Tensor logits = model.Discriminator.Forward(input with { Ids = filled }).Logits;   // (B, T)
        if (logits.dtype != ScalarType.Float64) logits = logits.to(ScalarType.Float32);
        replaced = replaced.to(logits.dtype);
        Tensor there = input.AttentionMask is { } mask ? mask.to(logits.dtype) : ones_like(logits);
        Batch whole = batch.Whole ?? batch;
        double tokens = whole.AttentionMask?.Sum() ?? whole.Inputs.Length;
        Tensor discriminator = nn.functional.binary_cross_entropy_with_logits(logits, replaced, there, nn.Reduction.Sum) * (whole.ValidTargets / (tokens * normalizer));
        return scope.MoveToOuter(generator + _options.DiscriminatorWeight * discriminator);
    }

    /// <summary>
    /// The tokens with samples of the scores where some are hidden, (B, T), and 1 where a token is another one than the former, (B, T). What is drawn in row r follows from
    /// <paramref name="seed"/> + r, so that a row of a piece has the samples that it has in the whole batch.
    /// </summary>
    internal static (Tensor Filled, Tensor Replaced) Fill(Tensor ids, Tensor targets, Tensor scores, long seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor isHidden = targets.ne(CrossEntropy.Ignored), places = isHidden.view(-1).nonzero().view(-1);   // (M)
        Tensor sums = (scores.dtype == ScalarType.Float64 ? scores : scores.to(ScalarType.Float32)).softmax(-1).cumsum(-1);   // (M, V)
        Tensor draws = tensor(Draws(isHidden.sum([1]).cpu().data<long>().ToArray(), seed)).to(sums.device).unsqueeze(1).to(sums.dtype) * sums.narrow(1, sums.size(1) - 1, 1);   // (M, 1)
        Tensor samples = searchsorted(sums, draws, right: true).view(-1);
        Tensor filled = ids.reshape(-1).index_copy(0, places, samples).view(ids.shape);
        Tensor former = where(isHidden, targets, ids), replaced = filled.ne(former).to(ScalarType.Float32);
        scope.MoveToOuter(filled, replaced);
        return (filled, replaced);
    }

    /// <summary>For every hidden place a number from 0 to below 1, also as a 32-bit float.</summary>
    private static float[] Draws(long[] counts, long seed)
    {
        var draws = new List<float>();
        for (int row = 0; row < counts.Length; row++)
        {
            var random = new MaskRandom(SplitMix.Mix(unchecked((ulong)(seed + row)), 0, SamplePurpose));
            for (long i = 0; i < counts[row]; i++) draws.Add((random.Next() >> 40) * (1f / (1 << 24)));
        }
        return [.. draws];
    }
}
