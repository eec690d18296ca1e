using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Distillation;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say what a student takes from its teachers, and where their scores are kept.</summary>
internal sealed class TeachingChoice
{
    private static readonly DistillationOptions s_defaults = new();
    private static readonly (string Word, DistillationDivergence Value)[] s_divergences =
        [("forward-kl", DistillationDivergence.ForwardKl), ("reverse-kl", DistillationDivergence.ReverseKl), ("symmetric-kl", DistillationDivergence.SymmetricKl), ("jensen-shannon", DistillationDivergence.JensenShannon)];

    private readonly Option<double?> _temperature = Options.Number("--temperature", $"What scores are divided by before they become probabilities. The default is {s_defaults.Temperature}.", value => value > 0, "must be a positive number");
    private readonly Option<double?> _alpha = Options.Number("--alpha", FormattableString.Invariant($"The weight of the text itself; the teacher's probabilities have the rest. The default is {s_defaults.Alpha}."), value => value is >= 0 and <= 1, "must be a number from 0 to 1");
    private readonly Option<DistillationDivergence?> _divergence = Options.Choice("--divergence", "How far the student is from its teacher. The default is forward-kl.", s_divergences);
    private readonly Option<double?> _hidden = Weight("--hidden-weight", "The weight of the error of hidden states, layer by layer (TinyBERT); for students as wide as their teacher.");
    private readonly Option<double?> _attention = Weight("--attention-weight", "The weight of the error of attention, layer by layer (TinyBERT); for as many heads.");
    private readonly Option<double?> _relation = Weight("--relation-weight", "The weight of the divergence of the last layer's attention (MiniLM); for as many heads.");
    private readonly Option<double?> _values = Weight("--value-relation-weight", "The weight of the divergence of how like the last layer's values are (MiniLM); for as many heads.");
    private readonly Option<double?> _cosine = Weight("--cosine-weight", "The weight of the angle between the last hidden states (DistilBERT); for students as wide as their teacher.");
    private readonly Option<int[]?> _layerMap = NumberList.Create<int>("--layer-map", "LAYER,LAYER", "For each layer of the student the teacher's that it follows, counted from 0. The default is evenly spread ones that end with the last.",
        layer => layer >= 0, "must be whole numbers from 0 with commas between them");
    private readonly Option<string?> _cache = Options.Text("--cache", "DIR", "Keep the teachers' scores for one temperature here, so that they read each row once, and later students need them no more.");
    private readonly Option<int?> _topK = Options.Positive("--cache-top-k", $"The highest scores of a position that --cache keeps. The default is {new LogitCacheOptions().TopK}.");

    public IEnumerable<Option> All => [_temperature, _alpha, _divergence, _hidden, _attention, _relation, _values, _cosine, _layerMap, _cache, _topK];

    /// <summary>What is learned.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public DistillationOptions Read(ParseResult parsed, int teachers)
    {
        var options = new DistillationOptions
        {
            Temperature = parsed.GetValue(_temperature) ?? s_defaults.Temperature,
            Alpha = parsed.GetValue(_alpha) ?? s_defaults.Alpha,
            Divergence = parsed.GetValue(_divergence) ?? s_defaults.Divergence,
            HiddenWeight = parsed.GetValue(_hidden) ?? 0,
            AttentionWeight = parsed.GetValue(_attention) ?? 0,
            RelationWeight = parsed.GetValue(_relation) ?? 0,
            ValueRelationWeight = parsed.GetValue(_values) ?? 0,
            CosineWeight = parsed.GetValue(_cosine) ?? 0,
            LayerMap = parsed.GetValue(_layerMap) is { Length: > 0 } map ? map : null,
        };
        string[] layers = [.. new[] { _hidden, _attention, _relation, _values, _cosine }.Where(option => parsed.GetValue(option) > 0).Select(option => option.Name)];
        string? cache = parsed.GetValue(_cache);
        if (options.LayerMap is not null && options is { HiddenWeight: 0, AttentionWeight: 0 }) throw new UsageException($"{_layerMap.Name} belongs to {_hidden.Name} and {_attention.Name}, neither of which is given.");
        if (layers.Length > 0 && teachers > 1) throw new UsageException($"{Options.Join(layers)} looks into the layers of one teacher, and --teacher names {teachers}.");
        if (layers.Length > 0 && cache is not null) throw new UsageException($"{Options.Join(layers)} looks into the teacher's layers, which --cache ({cache}) does not keep; leave one of them out.");
        // A cache keeps what the teacher says at a temperature, whoever learns from it.
        Option[] soft = cache is null ? [_temperature, _divergence] : [_divergence];
        if (options.Alpha == 1 && soft.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } idle)
            throw new UsageException($"{idle.Name} goes with {_alpha.Name} below 1: with 1 the teacher's probabilities count nothing.");
        if (cache is null && parsed.GetValue(_topK) is not null) throw new UsageException($"{_topK.Name} belongs to {_cache.Name}, which is not given.");
        return options;
    }

    /// <summary>The folder of the caches, and how many scores each keeps; null for none.</summary>
    public (string Folder, LogitCacheOptions Options)? Cache(ParseResult parsed) =>
        parsed.GetValue(_cache) is { } folder ? (folder, new LogitCacheOptions { TopK = parsed.GetValue(_topK) ?? new LogitCacheOptions().TopK, Temperature = parsed.GetValue(_temperature) ?? s_defaults.Temperature }) : null;

    /// <summary>Values of options that are not what was given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(DistillationOptions options, (string Folder, LogitCacheOptions Options)? cache) =>
    [
        (_temperature, options.Alpha < 1 || cache is not null ? options.Temperature : null), (_alpha, options.Alpha), (_divergence, options.Alpha < 1 ? s_divergences.Single(choice => choice.Value == options.Divergence).Word : null), (_hidden, options.HiddenWeight),
        (_attention, options.AttentionWeight), (_relation, options.RelationWeight), (_values, options.ValueRelationWeight), (_cosine, options.CosineWeight), (_topK, cache?.Options.TopK),
    ];

    private static Option<double?> Weight(string name, string description) => Options.Number(name, description + " The default is 0.", value => value >= 0, "must be a number from 0");
}
