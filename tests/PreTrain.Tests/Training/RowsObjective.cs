using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Torch;
using static TorchSharp.torch;

namespace PreTrain.Tests.Training;

/// <summary>An endless sequence of rows that can be learned, each a function of its number, with a different share of targets that do not count.</summary>
internal sealed class RowsObjective(int length = 11, int vocabulary = 31, int evaluationRows = 7) : IObjective<ICausalLanguageModel>
{
    private int _draws;
    private Batch? _poisoned;

    public string Name => "rows";

    /// <summary>The drawn batch, from 1, whose loss is not a number.</summary>
    public int? PoisonedBatch { get; init; }

    /// <summary>By the first row of a training batch, what its loss is multiplied with.</summary>
    public IReadOnlyDictionary<long, double> Factors { get; init; } = new Dictionary<long, double>();

    /// <summary>The first rows of batches that are passed over, as if they were not there.</summary>
    public IReadOnlyCollection<long> Omitted { get; init; } = [];

    /// <summary>More rows than this at once do not fit into memory.</summary>
    public int MostRows { get; init; } = int.MaxValue;

    /// <summary>Whether a batch that does not fit fails in the backward pass, when gradients have been added already.</summary>
    public bool FailsBackward { get; init; }

    /// <summary>The numbers of rows whose losses were computed.</summary>
    public List<int> Sizes { get; } = [];

    public bool CanSplit { get; init; } = true;

    /// <summary>The rows of a training batch; null for as many as are asked for.</summary>
    public int? RowsOfBatch { get; init; }

    /// <summary>Called before a batch is drawn.</summary>
    public Action<int>? Drawing { get; init; }

    public JsonObject Describe() => new() { ["objective"] = Name, ["length"] = length, ["vocabulary"] = vocabulary };

    public IBatchSource Open(RandomStreams streams, ICausalLanguageModel model, int batchSize, JsonObject? state = null) =>
        new Source(this, streams.SeedOf("data"), RowsOfBatch ?? batchSize, state?["row"]!.GetValue<long>() ?? 0);

    public IEnumerable<Batch> Evaluation(ICausalLanguageModel model, int batchSize)
    {
        for (int row = 0; row < evaluationRows; row += batchSize) yield return Rows(99, row, Math.Min(batchSize, evaluationRows - row));
    }

    public Tensor Loss(ICausalLanguageModel model, Batch batch, double normalizer)
    {
        using var scope = NewDisposeScope();
        Tensor loss = model.Loss(tensor(batch.Inputs, [batch.Rows, batch.Length]), tensor(batch.Targets, [batch.Rows, batch.Length]), normalizer);
        if (is_grad_enabled()) Sizes.Add(batch.Rows);
        if (batch.Rows > MostRows)
        {
            if (FailsBackward) loss.backward();
            throw new ExternalException("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes.");
        }
        if (ReferenceEquals(batch.Whole ?? batch, _poisoned)) loss = loss * double.NaN;
        if (Factors.TryGetValue((batch.Whole ?? batch).Seed, out double factor)) loss = loss * factor;
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>Rows <paramref name="first"/> and so on.</summary>
    internal Batch Rows(long seed, long first, int rows)
    {
        var batch = (Inputs: new long[rows * length], Targets: new long[rows * length]);
        int valid = 0;
        for (int r = 0; r < rows; r++)
        {
            var random = new Random(unchecked((int)(seed * 31 + first + r)));
            long id = random.Next(vocabulary);
            int skipped = random.Next(length);
            for (int t = 0; t < length; t++)
            {
                long next = (id * 3 + 1) % vocabulary;
                batch.Inputs[r * length + t] = id;
                batch.Targets[r * length + t] = t < skipped ? CrossEntropy.Ignored : next;
                valid += t < skipped ? 0 : 1;
                id = next;
            }
        }
        return new Batch { Inputs = batch.Inputs, Targets = batch.Targets, Rows = rows, Length = length, ValidTargets = valid };
    }

    private sealed class Source(RowsObjective objective, long seed, int batchSize, long row) : IBatchSource
    {
        public JsonObject State => new() { ["row"] = row };

        public Batch Next(CancellationToken cancellationToken)
        {
            objective._draws++;
            objective.Drawing?.Invoke(objective._draws);
            cancellationToken.ThrowIfCancellationRequested();
            while (objective.Omitted.Contains(row)) row += batchSize;
            Batch batch = objective.Rows(seed, row, batchSize) with { Seed = row };
            row += batchSize;
            if (objective._draws == objective.PoisonedBatch) objective._poisoned = batch;
            return batch;
        }

        public void Dispose()
        {
        }
    }
}
