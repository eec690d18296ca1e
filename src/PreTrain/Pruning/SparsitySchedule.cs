using System.Globalization;
using PreTrain.Training;

namespace PreTrain.Pruning;

/// <summary>The sparsity of every step of a training: constant, then rising in rounds from <see cref="StartStep"/> to <see cref="EndStep"/>, then constant.</summary>
public sealed record SparsitySchedule
{
    /// <summary>How it rises.</summary>
    /// <value>The default is <see cref="SparsityCurve.Cubic"/>.</value>
    public SparsityCurve Curve { get; init; } = SparsityCurve.Cubic;

    /// <summary>The sparsity of the first round, i.</summary>
    /// <value>The default is 0.</value>
    public double InitialSparsity { get; init; }

    /// <summary>The sparsity from the last round on, f.</summary>
    /// <value>The default is 0.5.</value>
    public double FinalSparsity { get; init; } = 0.5;

    /// <summary>The step after which the first round is.</summary>
    /// <value>The default is 0, before the training.</value>
    public int StartStep { get; init; }

    /// <summary>The step after which the last round is.</summary>
    public required int EndStep { get; init; }

    /// <summary>Steps between two rounds; a divisor of <see cref="EndStep"/> − <see cref="StartStep"/>.</summary>
    /// <value>The default is 1.</value>
    public int Every { get; init; } = 1;

    /// <summary>The sparsity after so many steps: that of the last round.</summary>
    public double At(int step)
    {
        if (step < StartStep) return 0;
        if (step >= EndStep) return FinalSparsity;
        double part = (double)((step - StartStep) / Every * Every) / (EndStep - StartStep);
        return Curve == SparsityCurve.Cubic
            ? FinalSparsity + (InitialSparsity - FinalSparsity) * Math.Pow(1 - part, 3)
            : 1 - (1 - InitialSparsity) * Math.Pow((1 - FinalSparsity) / (1 - InitialSparsity), part);
    }

    /// <summary>Whether there is a round after so many steps.</summary>
    public bool HasRoundAt(int step) => step >= StartStep && step <= EndStep && (step - StartStep) % Every == 0;

    /// <summary>Requires that a training comes to the last round, and that what it saves does.</summary>
    /// <exception cref="ArgumentException">The message names each reason why not.</exception>
    internal void Require(TrainingOptions options)
    {
        var faults = new List<string>();
        if (EndStep > options.Steps) faults.Add($"{nameof(EndStep)} ({EndStep}) of the schedule must be at most {nameof(options.Steps)} ({options.Steps}), or the sparsity is not reached.");
        if (options.SavedModel == SavedModel.Best) faults.Add($"{nameof(options.SavedModel)} ({options.SavedModel}) must be {nameof(SavedModel.Last)}: the best model of all steps would be one that is less sparse.");
        if (options.EarlyStopping is not null) faults.Add($"{nameof(options.EarlyStopping)} must be null: it could end the training before the sparsity is reached.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Curve)) faults.Add($"{nameof(Curve)} ({Curve}) must be one of {string.Join(", ", Enum.GetNames<SparsityCurve>())}.");
        if (!(FinalSparsity >= 0 && FinalSparsity < 1)) faults.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(FinalSparsity)} ({FinalSparsity}) must be at least 0 and below 1, at which nothing would be left."));
        if (!(InitialSparsity >= 0 && InitialSparsity <= FinalSparsity))
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(InitialSparsity)} ({InitialSparsity}) must be at least 0 and at most {nameof(FinalSparsity)} ({FinalSparsity})."));
        if (StartStep < 0) faults.Add($"{nameof(StartStep)} ({StartStep}) must not be negative.");
        if (EndStep <= StartStep) faults.Add($"{nameof(EndStep)} ({EndStep}) must be above {nameof(StartStep)} ({StartStep}).");
        if (Every < 1) faults.Add($"{nameof(Every)} ({Every}) must be positive.");
        else if ((EndStep - StartStep) % Every != 0) faults.Add($"{nameof(Every)} ({Every}) must divide the steps from {nameof(StartStep)} to {nameof(EndStep)} ({EndStep - StartStep}).");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}
