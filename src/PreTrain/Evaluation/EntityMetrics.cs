namespace PreTrain.Evaluation;

/// <summary>
/// How well named entities are found: one counts when its beginning, its end and its type are right (Tjong Kim Sang and De Meulder 2003, section 2.3). The tags are those of IOB2:
/// <c>B-TYPE</c> begins an entity, <c>I-TYPE</c> goes on with it, <c>O</c> is outside.
/// </summary>
public sealed class EntityMetrics
{
    /// <summary>Counts.</summary>
    /// <param name="labels">The true tags of each sentence.</param>
    /// <param name="predictions">The predicted tags, as many of each.</param>
    /// <param name="strict">
    /// What an I does that goes on with nothing of its type: false, it begins an entity, as in CoNLL's script and the default of seqeval; true, it counts as outside, as in seqeval's
    /// strict mode.
    /// </param>
    /// <exception cref="ArgumentException">There are no sentences, another number of predictions or of tags in one, or a tag that is none of IOB2.</exception>
    public EntityMetrics(IReadOnlyList<IReadOnlyList<string>> labels, IReadOnlyList<IReadOnlyList<string>> predictions, bool strict = false)
    {
        MetricRules.RequirePairs(labels, nameof(labels), predictions, nameof(predictions));
        var counts = new SortedDictionary<string, (long Right, long Predicted, long Present)>(StringComparer.Ordinal);
        void Count(string type, long right, long predicted, long present)
        {
            counts.TryGetValue(type, out var c);
            counts[type] = (c.Right + right, c.Predicted + predicted, c.Present + present);
        }

        for (int i = 0; i < labels.Count; i++)
        {
            if (labels[i].Count != predictions[i].Count)
                throw new ArgumentException($"predictions[{i}] has {predictions[i].Count} tags and labels[{i}] has {labels[i].Count}; there must be as many.", nameof(predictions));
            HashSet<Entity> present = [.. Entities(labels[i], strict, $"labels[{i}]")], predicted = [.. Entities(predictions[i], strict, $"predictions[{i}]")];
            foreach (Entity entity in present) Count(entity.Type, predicted.Contains(entity) ? 1 : 0, 0, 1);
            foreach (Entity entity in predicted) Count(entity.Type, 0, 1, 0);
        }
        Types = counts.ToDictionary(c => c.Key, c => ClassScore.Of(c.Value.Right, c.Value.Predicted, c.Value.Present));
        Micro = ClassScore.Of(counts.Values.Sum(c => c.Right), counts.Values.Sum(c => c.Predicted), counts.Values.Sum(c => c.Present));
        Macro = ClassScore.Mean(Types.Values, bySupport: false);
        Weighted = ClassScore.Mean(Types.Values, bySupport: true);
    }

    /// <summary>Each type that occurs among labels or predictions.</summary>
    public IReadOnlyDictionary<string, ClassScore> Types { get; }

    /// <summary>All entities together.</summary>
    public ClassScore Micro { get; }

    /// <summary>The mean over the types, each as much as the next.</summary>
    public ClassScore Macro { get; }

    /// <summary>The mean over the types, each by its support.</summary>
    public ClassScore Weighted { get; }

    private static List<Entity> Entities(IReadOnlyList<string> tags, bool strict, string name)
    {
        var found = new List<Entity>();
        Entity? open = null;
        for (int i = 0; i <= tags.Count; i++)
        {
            var (begins, type) = i < tags.Count ? Read(tags[i], $"{name}[{i}]") : (false, null);
            if (open is { } last && type == last.Type && !begins)
            {
                open = last with { End = i + 1 };
                continue;
            }
            if (open is { } ended) found.Add(ended);
            open = type is not null && (begins || !strict) ? new(type, i, i + 1) : null;
        }
        return found;
    }

    private static (bool Begins, string? Type) Read(string tag, string name) => tag switch
    {
        "O" => (false, null),
        ['B', '-', _, ..] => (true, tag[2..]),
        ['I', '-', _, ..] => (false, tag[2..]),
        _ => throw new ArgumentException($"{name} ('{tag}') must be O, B-TYPE or I-TYPE."),
    };

    private readonly record struct Entity(string Type, int Start, int End);
}
