using System.Text.Json.Nodes;

namespace PreTrain.Data;

/// <summary>How much of a text is changed (Wei and Zou 2019, "EDA", section 2); a rate of 0 turns a change off.</summary>
public sealed record TextAugmentationOptions
{
    private readonly double? _replacement, _insertion;

    /// <summary>The share of words that are replaced by a synonym.</summary>
    /// <value>The default is 0.1 where there are <see cref="Synonyms"/>, and else 0.</value>
    public double ReplacementRate { get => _replacement ?? (Synonyms.Count > 0 ? 0.1 : 0); init => _replacement = value; }

    /// <summary>How many synonyms of its words are inserted anywhere, as a share of the words.</summary>
    /// <value>The default is 0.1 where there are <see cref="Synonyms"/>, and else 0.</value>
    public double InsertionRate { get => _insertion ?? (Synonyms.Count > 0 ? 0.1 : 0); init => _insertion = value; }

    /// <summary>How many pairs of words are swapped, as a share of the words.</summary>
    /// <value>The default is 0.1.</value>
    public double SwapRate { get; init; } = 0.1;

    /// <summary>The probability with which each word is deleted.</summary>
    /// <value>The default is 0.1.</value>
    public double DeletionRate { get; init; } = 0.1;

    /// <summary>Groups of words that mean the same, in any case; see <see cref="TextAugmentation.ReadSynonyms"/>.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<IReadOnlyList<string>> Synonyms { get; init; } = [];

    /// <summary>Words that are never replaced, in any case.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> StopWords { get; init; } = [];

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        foreach (var (name, rate) in new[] { (nameof(ReplacementRate), ReplacementRate), (nameof(InsertionRate), InsertionRate), (nameof(SwapRate), SwapRate), (nameof(DeletionRate), DeletionRate) })
            if (!(rate >= 0 && rate < 1)) faults.Add($"{name} ({rate}) must be at least 0 and below 1.");
        if (faults.Count == 0 && ReplacementRate + InsertionRate + SwapRate + DeletionRate == 0) faults.Add("All rates are 0; one must be positive.");
        if (Synonyms.Count == 0 && ReplacementRate + InsertionRate > 0) faults.Add($"{nameof(ReplacementRate)} ({ReplacementRate}) and {nameof(InsertionRate)} ({InsertionRate}) need {nameof(Synonyms)}.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    /// <summary>What must be the same for a run to be resumed.</summary>
    internal JsonObject Describe() => new()
    {
        ["replacement"] = ReplacementRate,
        ["insertion"] = InsertionRate,
        ["swap"] = SwapRate,
        ["deletion"] = DeletionRate,
        ["synonyms"] = string.Join('\n', Synonyms.Select(group => string.Join(',', group))),
        ["stopWords"] = string.Join(',', StopWords),
    };
}
