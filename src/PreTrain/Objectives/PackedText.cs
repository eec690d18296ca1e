using System.Text.Json.Nodes;
using PreTrain.Data;

namespace PreTrain.Objectives;

/// <summary>
/// Documents of one or several token stores, packed into full contexts by best fit (Ding et al. 2024, section 3) and drawn in the proportion of weights. Objectives that take it
/// instead of a token store predict whole documents, and not windows that begin and end anywhere.
/// </summary>
public sealed class PackedText
{
    /// <summary>Mixes sources.</summary>
    /// <param name="sources">Token stores and their weights, which sum to 1.</param>
    /// <param name="options">How to pack and draw.</param>
    /// <exception cref="ArgumentException">There is no source, a weight is not positive, they do not sum to 1, or an option is out of range.</exception>
    /// <exception cref="CorpusException">Different tokenizers made the tokens.</exception>
    public PackedText(IReadOnlyList<TextSource> sources, PackedTextOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        if (sources.Count == 0) throw new ArgumentException("A text needs at least one source.", nameof(sources));
        Options = options ?? new PackedTextOptions();
        Packing(1).Validate();
        Mixing(0).Validate();
        if (Options.Workers < 1) throw new ArgumentException($"{nameof(PackedTextOptions.Workers)} ({Options.Workers}) must be at least 1.", nameof(options));
        foreach (var (tokens, weight) in sources)
        {
            ArgumentNullException.ThrowIfNull(tokens);
            if (!(weight > 0 && weight <= 1)) throw new ArgumentException($"The weight of '{tokens.Folder}' ({weight}) must be more than 0 and at most 1.", nameof(sources));
            if (tokens.TokenizerFingerprint != sources[0].Tokens.TokenizerFingerprint)
                throw new CorpusException($"The token stores '{sources[0].Tokens.Folder}' and '{tokens.Folder}' were made by different tokenizers. Build both with one.", tokens.Folder);
        }
        double sum = sources.Sum(source => source.Weight);
        if (!(Math.Abs(sum - 1) <= 1e-9)) throw new ArgumentException($"The weights ({string.Join(", ", sources.Select(source => source.Weight))}) must sum to 1, not to {sum}.", nameof(sources));
        Sources = [.. sources];
    }

    /// <summary>The sources.</summary>
    public IReadOnlyList<TextSource> Sources { get; }

    /// <summary>How they are packed and drawn.</summary>
    public PackedTextOptions Options { get; }

    /// <summary>What must be the same for a run to be resumed. The number of processes need not.</summary>
    internal JsonObject Describe() => new()
    {
        ["sources"] = new JsonArray([.. Sources.Select(source => (JsonNode)new JsonObject { ["weight"] = source.Weight, ["sha256"] = source.Tokens.Sha256 })]),
        ["isolatesDocuments"] = Options.IsolatesDocuments,
        ["minimumFill"] = Options.MinimumFill,
        ["curriculumStages"] = Options.CurriculumStages,
    };

    internal PackingOptions Packing(int length) => new() { ContextLength = length, MinimumFill = Options.MinimumFill, JoinsDocuments = !Options.IsolatesDocuments };

    internal MixtureOptions Mixing(ulong seed) => new() { Seed = seed, CurriculumStages = Options.CurriculumStages, Rank = Options.Rank, RankCount = Options.RankCount };
}
