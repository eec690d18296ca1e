using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Torch;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Several objectives for one model, such as the denoisers of UL2 (Tay et al. 2023, section 3.1): each micro-batch is one objective's, chosen with the probability of its weight. Which
/// one follows from the run's seed and the number of the micro-batch.
/// </summary>
/// <typeparam name="TModel">The kind of model.</typeparam>
public sealed class ObjectiveMixture<TModel> : IObjective<TModel>
{
    private readonly (double Weight, IObjective<TModel> Objective)[] _parts;
    private readonly double[] _sums;

    /// <summary>Mixes objectives.</summary>
    /// <param name="parts">Weights, which sum to 1, and objectives.</param>
    /// <exception cref="ArgumentException">There is none, a weight is not positive, they do not sum to 1, or different numbers of processes draw them.</exception>
    public ObjectiveMixture(params (double Weight, IObjective<TModel> Objective)[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Length == 0) throw new ArgumentException("A mixture needs at least one objective.", nameof(parts));
        foreach (var (weight, objective) in parts)
        {
            if (!(weight > 0 && weight <= 1)) throw new ArgumentException($"The weight of {objective.Name} ({weight}) must be more than 0 and at most 1.", nameof(parts));
            if (objective is ObjectiveMixture<TModel>) throw new ArgumentException("A mixture must not hold a mixture; name its objectives with the products of the weights.", nameof(parts));
        }
        double sum = parts.Sum(part => part.Weight), running = 0;
        if (!(Math.Abs(sum - 1) <= 1e-9)) throw new ArgumentException($"The weights ({string.Join(", ", parts.Select(part => part.Weight))}) must sum to 1, not to {sum}.", nameof(parts));
        if (parts.Select(part => part.Objective.ProcessCount).Distinct().Order().ToArray() is { Length: > 1 } counts)
            throw new ArgumentException($"The objectives are drawn by different numbers of processes ({string.Join(", ", counts)}); give all texts the same RankCount.", nameof(parts));
        _parts = [.. parts];
        _sums = [.. parts.Select(part => running += part.Weight)];
    }

    /// <inheritdoc/>
    public string Name => "mixture";

    /// <summary>How many micro-batches in a row are one objective's, where each is to be learned for a while, as a task of <c>Reptile</c> is.</summary>
    /// <value>The default is 1.</value>
    /// <exception cref="ArgumentOutOfRangeException">It is not positive.</exception>
    public int BatchesInARow
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            field = value;
        }
    } = 1;

    /// <inheritdoc/>
    public bool CanSplit => _parts.All(part => part.Objective.CanSplit);

    /// <inheritdoc/>
    public bool IsTokenPrediction => _parts.All(part => part.Objective.IsTokenPrediction);

    /// <inheritdoc/>
    public int ProcessCount => _parts[0].Objective.ProcessCount;

    /// <inheritdoc/>
    public JsonObject Describe()
    {
        JsonObject json = DescribeUsual();
        if (BatchesInARow != 1) json["batchesInARow"] = BatchesInARow;
        return json;
    }

    private JsonObject DescribeUsual() => new()
    {
        ["objective"] = Name,
        ["parts"] = new JsonArray([.. _parts.Select(part => (JsonNode)new JsonObject { ["weight"] = part.Weight, ["part"] = part.Objective.Describe() })]),
    };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="state"/> is not from such a source, or an objective refuses the model.</exception>
    public IBatchSource Open(RandomStreams streams, TModel model, int batchSize, JsonObject? state = null)
    {
        long batch = 0;
        JsonArray? states = null;
        if (state is not null)
        {
            if (state["batch"] is not JsonValue number || !number.TryGetValue(out batch) || batch < 0 || state["parts"] is not JsonArray { } given || given.Count != _parts.Length || given.Any(part => part is not JsonObject))
                throw new ArgumentException($"The data position {state.ToJsonString()} must hold the whole number batch and the positions of {_parts.Length} parts.", nameof(state));
            states = given;
        }
        var sources = new List<IBatchSource>();
        try
        {
            // Parts on the same text go through it in different orders.
            for (int part = 0; part < _parts.Length; part++)
                sources.Add(_parts[part].Objective.Open(part == 0 ? streams : new RandomStreams(streams.SeedOf("part", part)), model, batchSize, states?[part]!.AsObject()));
        }
        catch
        {
            foreach (IBatchSource source in sources) source.Dispose();
            throw;
        }
        return new Source(this, [.. sources], streams.SeedOf("data"), batch);
    }

    /// <summary>The held-out batches of all objectives, one of each in turn.</summary>
    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(TModel model, int batchSize)
    {
        var rests = _parts.Select((part, i) => part.Objective.Evaluation(model, batchSize).Select(batch => batch with { Part = i }).GetEnumerator()).ToList();
        try
        {
            while (rests.Count > 0)
            {
                foreach (IEnumerator<Batch> rest in rests.ToArray())
                {
                    if (rest.MoveNext())
                    {
                        yield return rest.Current;
                        continue;
                    }
                    rest.Dispose();
                    rests.Remove(rest);
                }
            }
        }
        finally
        {
            foreach (IEnumerator<Batch> rest in rests) rest.Dispose();
        }
    }

    /// <inheritdoc/>
    public Tensor Loss(TModel model, Batch batch, double normalizer) => _parts[batch.Part].Objective.Loss(model, batch, normalizer);

    private sealed class Source(ObjectiveMixture<TModel> mixture, IBatchSource[] sources, long seed, long batch) : IBatchSource
    {
        public JsonObject State => new() { ["batch"] = batch, ["parts"] = new JsonArray([.. sources.Select(source => (JsonNode)source.State)]) };

        public Batch Next(CancellationToken cancellationToken)
        {
            var random = new MaskRandom(MaskRandom.SeedOf(unchecked((ulong)seed), new SamplerState(0, 0, batch / mixture.BatchesInARow)));
            int part = random.NextOf(mixture._sums);
            Batch next = sources[part].Next(cancellationToken) with { Part = part };
            batch++;
            return next;
        }

        public void Dispose()
        {
            foreach (IBatchSource source in sources) source.Dispose();
        }
    }
}
