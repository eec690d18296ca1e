using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Torch;

namespace PreTrain.Objectives;

/// <summary>Rows of a <see cref="PackedText"/>: where they come from in training, and which are held out.</summary>
/// <remarks>
/// A document of a packed context becomes a row of its own. Models compute no padding, so that this is attention within blocks on the diagonal, with positions that begin anew, at
/// the price of the ids' padding alone.
/// </remarks>
internal sealed class PackedRows
{
    private readonly PackedText _text;
    private readonly (TokenRange Train, TokenRange? Validation)[] _parts;
    private (int Length, PackedContexts?[] Contexts)? _heldOut;   // packed once for all evaluations

    internal PackedRows(PackedText text, double validationFraction)
    {
        ArgumentNullException.ThrowIfNull(text);
        _text = text;
        _parts = [.. text.Sources.Select(source => DataRules.Split(source.Tokens, validationFraction))];
    }

    /// <summary>Draws contexts for training.</summary>
    /// <param name="streams">The run's random streams.</param>
    /// <param name="state">From a checkpoint, or null.</param>
    /// <param name="length">Tokens of a context.</param>
    /// <param name="batchSize">Contexts of a batch.</param>
    /// <param name="make">Makes a batch of the rows of so many contexts.</param>
    internal IBatchSource Open(RandomStreams streams, JsonObject? state, int length, int batchSize, Func<IReadOnlyList<PackedRow>, Batch> make)
    {
        HeldOut(length);   // if it cannot be packed, that is known before the first step
        MixtureSource[] sources = [.. _parts.Select((part, i) => new MixtureSource(_text.Sources[i].Tokens.Folder, PackedContexts.Pack(part.Train, _text.Packing(length)), _text.Sources[i].Weight))];
        var sampler = new MixtureSampler(sources, _text.Mixing(unchecked((ulong)streams.SeedOf("data"))));
        sampler.State = sampler.State with { Position = PositionOf(state) };
        ulong mask = unchecked((ulong)streams.SeedOf("mask"));
        return new PreparedSource<MixtureState, Batch>(
            new(sampler.State, state => (sampler.After(state, batchSize), () => Read(state)), _text.Options.Workers), state => new() { ["position"] = state.Position }, batch => batch);

        Batch Read(MixtureState state)
        {
            var batch = new PackedBatch(batchSize, length);
            sampler.Read(state, batch);
            long first = state.Position + (long)_text.Options.Rank * batchSize;
            return make(Rows(batch, (row, document) => MaskRandom.SeedOf(mask, new SamplerState(0, first + row, document))));
        }
    }

    /// <summary>The held-out contexts of all sources, a batch of each in turn.</summary>
    internal IEnumerable<Batch> Evaluation(int length, int batchSize, Func<IReadOnlyList<PackedRow>, Batch> make)
    {
        PackedContexts?[] heldOut = HeldOut(length);
        for (int first = 0; first < heldOut.Max(contexts => contexts?.Count ?? 0); first += batchSize)
        {
            for (int source = 0; source < heldOut.Length; source++)
            {
                if (heldOut[source] is not { } contexts || first >= contexts.Count) continue;
                var batch = new PackedBatch(Math.Min(batchSize, contexts.Count - first), length);
                for (int row = 0; row < batch.BatchSize; row++) batch.Put(row, contexts, new MixtureDraw(source, 0, first + row));
                var (s, f) = (source, first);
                yield return make(Rows(batch, (row, document) => MaskRandom.SeedOf(TokenWindows.SeedOf(s), new SamplerState(0, f + row, document))));
            }
        }
    }

    private PackedContexts?[] HeldOut(int length)
    {
        if (_heldOut is not { } known || known.Length != length)
            _heldOut = known = (length, [.. _parts.Select(part => part.Validation is { Count: >= 2 } range ? PackedContexts.Pack(range, _text.Packing(length)) : null)]);
        return known.Contexts;
    }

    private List<PackedRow> Rows(PackedBatch batch, Func<int, int, ulong> seed)
    {
        var rows = new List<PackedRow>();
        for (int row = 0; row < batch.BatchSize; row++)
        {
            int at = row * batch.ContextLength, end = at + batch.ContextLength;
            for (int document = 0; at < end && batch.Documents[at] >= 0; document++)
            {
                int next = at;
                while (next < end && batch.Documents[next] >= 0 && (!_text.Options.IsolatesDocuments || batch.Documents[next] == document)) next++;
                rows.Add(new(batch.Inputs[at..next], batch.Targets[at..next], seed(row, document)));
                at = next;
            }
        }
        return rows;
    }

    private static long PositionOf(JsonObject? state)
    {
        if (state is null) return 0;
        if (state["position"] is not JsonValue value || !value.TryGetValue(out long position) || position < 0 || state.ContainsKey("epoch"))
            throw new ArgumentException($"The data position {state.ToJsonString()} must hold the whole number position alone, from 0. It is of a run whose text was not packed.", nameof(state));
        return position;
    }
}
