// M positions with a target, V vocabulary
using PreTrain.Models;
using PreTrain.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>What teachers say at the targets of a batch, computed or from where it is kept.</summary>
internal sealed class Lessons
{
    private readonly Teacher[] _teachers;
    private readonly double[] _weights;

    internal Lessons(IReadOnlyList<Teacher> teachers, DistillationOptions options)
    {
        if (teachers.Count == 0) throw new ArgumentException("There must be at least one teacher.", nameof(teachers));
        foreach (Teacher teacher in teachers)
        {
            ArgumentNullException.ThrowIfNull(teacher?.Model, nameof(teachers));
            if (!(teacher.Weight > 0 && double.IsFinite(teacher.Weight))) throw new ArgumentException($"{nameof(Teacher.Weight)} ({teacher.Weight}) must be a positive number.", nameof(teachers));
        }
        if (options.WantsLayers && teachers.Count > 1)
            throw new ArgumentException($"Hidden states and attention can be those of one teacher only, and there are {teachers.Count}. Leave out their weights.", nameof(teachers));
        if (options.WantsLayers && teachers[0].Cache is not null)
            throw new ArgumentException("A cache holds no hidden states and no attention. Leave out their weights, or the cache.", nameof(teachers));
        if (teachers.Where(teacher => teacher.Cache is not null).GroupBy(teacher => teacher.Cache).Any(users => users.Count() > 1))
            throw new ArgumentException("Each teacher needs a cache of its own.", nameof(teachers));
        if (teachers.FirstOrDefault(teacher => teacher.Cache is { } cache && cache.Temperature != options.Temperature)?.Cache is { } other)
            throw new ArgumentException(FormattableString.Invariant($"A cache was made for the temperature {other.Temperature}, and {nameof(DistillationOptions.Temperature)} is {options.Temperature}; they must be the same."), nameof(teachers));
        _teachers = [.. teachers];
        _weights = [.. teachers.Select(teacher => teacher.Weight / teachers.Sum(t => t.Weight))];
        Fingerprints = [.. teachers.Select(teacher => teacher.Cache?.Fingerprint ?? WeightsFingerprint.Of(teacher.Model))];
        foreach (Teacher teacher in teachers) (teacher.Model as nn.Module)?.eval();
    }

    /// <summary>What tells the teachers' weights apart, as they were given.</summary>
    internal IReadOnlyList<string> Fingerprints { get; }

    internal IReadOnlyList<Teacher> Teachers => _teachers;

    /// <summary>The scores of each teacher, and what the layers of the only one show, without gradients.</summary>
    internal (Tensor[] Scores, ModelOutput? Output) Read(Batch batch, ModelInput input, Tensor targets, Tensor places)
    {
        using IDisposable mode = no_grad();
        TargetScores[] all = [.. _teachers.Select(teacher => teacher.Cache is { } cache ? new(Kept(teacher.Model, cache, batch, input, targets, places), null) : TargetScores.Of(teacher.Model, input, targets, places))];
        return ([.. all.Select(one => one.Scores)], all[0].Output);
    }

    /// <summary>The logarithms of the mean of the teachers' probabilities at a temperature, (M, V).</summary>
    internal Tensor Logs(Tensor[] scores, double temperature) => DistillationLosses.Mixture([.. scores.Select((own, i) => (DistillationLosses.Logs(own, temperature), _weights[i]))]);

    /// <summary>The mean of the numbers that the teachers give.</summary>
    internal Tensor Mean(Tensor[] numbers) => numbers.Select((own, i) => DistillationLosses.Precise(own) * _weights[i]).Aggregate((sum, next) => sum + next);

    private static Tensor Kept(ITransformerModel teacher, LogitCache cache, Batch batch, ModelInput input, Tensor targets, Tensor places)
    {
        int[] counts = TargetScores.Counts(batch, teacher.Head == ModelHead.SequenceClassification);
        int positions = counts.Sum();
        if (positions == 0) return TargetScores.Of(teacher, input, targets, places).Scores;
        UInt128[] keys = RowKeys.Of(batch);
        int?[] classes = [.. keys.Select(cache.Find)];
        if (classes.Contains(null)) Keep(teacher, cache, keys, counts, classes, input, targets, places);
        Tensor kept = empty([positions, classes[0]!.Value], dtype: ScalarType.Float32);   // (M, V)
        for (int row = 0, first = 0; row < keys.Length; first += counts[row++])
        {
            using Tensor own = kept.narrow(0, first, counts[row]);
            cache.Read(keys[row], own);
        }
        return kept.to(input.Ids!.device);
    }

    /// <summary>Adds the rows that a cache does not hold.</summary>
    private static void Keep(ITransformerModel teacher, LogitCache cache, UInt128[] keys, int[] counts, int?[] classes, ModelInput input, Tensor targets, Tensor places)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores = TargetScores.Of(teacher, input, targets, places).Scores;   // (M, V)
        for (int row = 0, first = 0; row < keys.Length; first += counts[row++])
        {
            if (classes[row] is null) cache.Add(keys[row], scores.narrow(0, first, counts[row]));
        }
        Array.Fill(classes, (int)scores.size(1));
    }
}
