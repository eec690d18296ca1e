using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Models.Vit;
using PreTrain.Objectives;

namespace PreTrain.Cli.Commands;

/// <summary>What belongs to <c>--objective moco</c>.</summary>
internal sealed class ContrastChoice
{
    private static readonly MomentumContrastOptions s_options = new();
    private static readonly VitMomentumConfig s_config = new();

    private readonly Option<double?> _temperature = Options.Number("--temperature", FormattableString.Invariant($"moco: what similarities are divided by. The default is {s_options.Temperature}."),
        value => value > 0, "must be a positive number");
    private readonly Option<double?> _momentum = Options.Number("--encoder-momentum",
        FormattableString.Invariant($"moco: the share of the momentum encoder's weights that stays in the first update; it rises to 1. The default is {s_config.Momentum}."), value => value is >= 0 and <= 1, "must be a number from 0 to 1");
    private readonly Option<int?> _projection = Options.Positive("--projection", $"moco: width of queries and keys. The default is {s_config.ProjectionDim}.");
    private readonly Option<int?> _hidden = Options.Positive("--projection-hidden", $"moco: width of the layers within the heads. The default is {s_config.HiddenDim}.");
    private readonly Option<bool> _trainsPatchMap = new("--train-patch-map") { Description = "moco: train the map of the patches too, which else stays as it was drawn; that is less stable." };

    /// <summary>All of them.</summary>
    public Option[] All => [_temperature, _momentum, _projection, _hidden, _trainsPatchMap];

    /// <summary>What stands beside the encoder.</summary>
    public VitMomentumConfig Config(ParseResult parsed) => new()
    {
        HiddenDim = parsed.GetValue(_hidden) ?? s_config.HiddenDim,
        ProjectionDim = parsed.GetValue(_projection) ?? s_config.ProjectionDim,
        Momentum = parsed.GetValue(_momentum) ?? s_config.Momentum,
        TrainsPatchMap = parsed.GetValue(_trainsPatchMap),
    };

    /// <summary>How views are compared.</summary>
    public MomentumContrastOptions Comparison(ParseResult parsed) => s_options with { Temperature = parsed.GetValue(_temperature) ?? s_options.Temperature };

    /// <summary>The values of those that are not what was given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed)
    {
        VitMomentumConfig config = Config(parsed);
        return [(_temperature, Comparison(parsed).Temperature), (_momentum, config.Momentum), (_projection, config.ProjectionDim), (_hidden, config.HiddenDim)];
    }
}
