using System.Text.Json.Nodes;
using PreTrain.Objectives;

namespace PreTrain.FineTuning;

/// <summary>The batches of another source, each marked by its number, which is resumed along.</summary>
/// <param name="inner">Disposed with this.</param>
/// <param name="number">The number of the next batch, from 0.</param>
/// <param name="seedOf">What the batch of a number has for its seed.</param>
internal sealed class NumberedSource(IBatchSource inner, long number, Func<long, long> seedOf) : IBatchSource
{
    /// <inheritdoc/>
    public JsonObject State => new() { ["batch"] = number, ["source"] = inner.State };

    /// <summary>Opens the inner source where a state says.</summary>
    /// <exception cref="ArgumentException">The state is not from such a source.</exception>
    internal static NumberedSource Open(JsonObject? state, Func<JsonObject?, IBatchSource> open, Func<long, long> seedOf)
    {
        if (state is null) return new(open(null), 0, seedOf);
        if (state["batch"] is not JsonValue value || !value.TryGetValue(out long number) || number < 0 || state["source"] is not JsonObject source)
            throw new ArgumentException($"The data position {state.ToJsonString()} must hold the whole number batch and the position of the source.", nameof(state));
        return new(open(source), number, seedOf);
    }

    /// <inheritdoc/>
    public Batch Next(CancellationToken cancellationToken)
    {
        Batch batch = inner.Next(cancellationToken);
        return batch with { Seed = seedOf(number++) };
    }

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();
}
