using System.Text.Json.Nodes;

namespace PreTrain.Models;

/// <summary>Which tokens a model that reads one sequence and writes another must and must not write, as its folder says it and transformers' <c>generate</c> does it.</summary>
public sealed record WritingRules
{
    /// <summary>The token that every text begins with (<c>forced_bos_token_id</c>); null where the model chooses it.</summary>
    /// <value>The default is null.</value>
    public int? FirstId { get; init; }

    /// <summary>Whether the last token for which there is room is the one that ends a sequence (<c>forced_eos_token_id</c>).</summary>
    /// <value>The default is false.</value>
    public bool IsEndForced { get; init; }

    /// <summary>Sequences of tokens that are never written (<c>bad_words_ids</c>): the last token of each is not chosen behind the others.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<IReadOnlyList<int>> Forbidden { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(WritingRules? other) => other is not null && FirstId == other.FirstId && IsEndForced == other.IsEndForced
        && Forbidden.Count == other.Forbidden.Count && Forbidden.Zip(other.Forbidden).All(pair => pair.First.SequenceEqual(pair.Second));

    /// <inheritdoc/>
    public override int GetHashCode() => Forbidden.SelectMany(sequence => sequence).Aggregate(HashCode.Combine(FirstId, IsEndForced, Forbidden.Count), HashCode.Combine);

    /// <summary>Adds what is wrong with it.</summary>
    /// <param name="rules">The rules of the configuration.</param>
    /// <param name="vocabSize">V.</param>
    internal void Check(ConfigRules rules, int vocabSize)
    {
        rules.Require(FirstId is null || (FirstId >= 0 && FirstId < vocabSize), $"{nameof(FirstId)} ({FirstId}) must be a token, from 0 to {vocabSize - 1}.");
        rules.Require(Forbidden.All(sequence => sequence.Count > 0 && sequence.All(id => id >= 0 && id < vocabSize)),
            $"{nameof(Forbidden)} ({string.Join(", ", Forbidden.Select(sequence => $"[{string.Join(", ", sequence)}]"))}) must hold sequences of at least one token, from 0 to {vocabSize - 1}.");
    }

    /// <summary>Writes it into a <c>config.json</c>.</summary>
    internal JsonObject AddTo(JsonObject config, int? endId)
    {
        config["forced_eos_token_id"] = IsEndForced ? endId : null;
        if (FirstId is { } first) config["forced_bos_token_id"] = first;
        if (Forbidden.Count > 0) config["bad_words_ids"] = new JsonArray([.. Forbidden.Select(sequence => new JsonArray([.. sequence.Select(id => (JsonNode)id)]))]);
        return config;
    }
}
