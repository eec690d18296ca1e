using System.Globalization;
using System.Text.Json.Nodes;

namespace PreTrain.Data;

/// <summary>The classes of a task by name, each with its number, from 0. It stands in a model's <c>config.json</c> as <c>id2label</c> and <c>label2id</c>, as Hugging Face transformers writes it.</summary>
public sealed class LabelSet : IEquatable<LabelSet>
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);

    /// <summary>Numbers names in their order.</summary>
    /// <param name="names">The names, each once.</param>
    /// <exception cref="ArgumentException">There is none, one is empty, or one occurs twice.</exception>
    public LabelSet(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        Names = [.. names];
        if (Names.Count == 0) throw new ArgumentException("A set of labels needs at least one.", nameof(names));
        for (int i = 0; i < Names.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(Names[i])) throw new ArgumentException($"Label {i} ('{Names[i]}') must not be empty.", nameof(names));
            if (!_numbers.TryAdd(Names[i], i)) throw new ArgumentException($"The label '{Names[i]}' occurs twice, as {_numbers[Names[i]]} and {i}; each must occur once.", nameof(names));
        }
    }

    /// <summary>The names in order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>How many there are.</summary>
    public int Count => Names.Count;

    /// <summary>The name of a number.</summary>
    /// <param name="number">From 0 to <see cref="Count"/> − 1.</param>
    public string this[int number] => Names[number];

    /// <summary>The number of a name; null where it is none of the set.</summary>
    /// <param name="name">The name, in its very letters.</param>
    public int? Find(string name) => _numbers.TryGetValue(name, out int number) ? number : null;

    /// <summary>The labels that occur in a text's data: whole numbers by their value, others in ordinal order.</summary>
    /// <param name="occurring">Names; each may occur often.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static LabelSet Of(IEnumerable<string> occurring)
    {
        string[] names = [.. occurring.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return new(names.All(IsNumber) ? names.OrderBy(name => long.Parse(name, CultureInfo.InvariantCulture)) : names);

        static bool IsNumber(string name) => long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value.ToString(CultureInfo.InvariantCulture) == name;
    }

    /// <summary>Reads the labels of a model. A name that stands there again gets its number behind it, as the second "crane" of ImageNet's classes: "crane (517)".</summary>
    /// <param name="config">The content of <c>config.json</c>.</param>
    /// <returns>Null where it names none.</returns>
    /// <exception cref="ArgumentException"><c>id2label</c> does not give a name to each number from 0.</exception>
    public static LabelSet? FromConfig(JsonObject config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config["id2label"] is not { } node) return null;
        string Fault(string what) => $"id2label ({node.ToJsonString()}) {what}; it must give a name to each number from 0 on, such as {{\"0\": \"no\", \"1\": \"yes\"}}.";
        if (node is not JsonObject table) throw new ArgumentException(Fault("is not an object"), nameof(config));
        string[] names = new string[table.Count];
        for (int i = 0; i < names.Length; i++)
        {
            if (table[i.ToString(CultureInfo.InvariantCulture)] is not JsonValue value || !value.TryGetValue(out string? name)) throw new ArgumentException(Fault($"has no name for {i}"), nameof(config));
            names[i] = name;
        }
        var taken = names.ToHashSet(StringComparer.Ordinal);
        foreach (int again in names.Select((name, i) => (name, i)).GroupBy(named => named.name, named => named.i, StringComparer.Ordinal).SelectMany(numbers => numbers.Skip(1)))
        {
            do names[again] = string.Create(CultureInfo.InvariantCulture, $"{names[again]} ({again})");
            while (!taken.Add(names[again]));
        }
        return new(names);
    }

    /// <summary>Whether the other set has the same names in the same order.</summary>
    public bool Equals(LabelSet? other) => other is not null && Names.SequenceEqual(other.Names, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LabelSet);

    /// <inheritdoc/>
    public override int GetHashCode() => Names.Aggregate(Count, HashCode.Combine);

    /// <summary>Writes the labels of a model, and how many there are.</summary>
    /// <param name="config">The content of <c>config.json</c>.</param>
    public void WriteTo(JsonObject config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config["num_labels"] = Count;
        config["id2label"] = new JsonObject(Names.Select((name, i) => KeyValuePair.Create(i.ToString(CultureInfo.InvariantCulture), (JsonNode?)name)));
        config["label2id"] = new JsonObject(Names.Select((name, i) => KeyValuePair.Create(name, (JsonNode?)i)));
    }
}
