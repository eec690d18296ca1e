using System.CommandLine;
using System.Text.RegularExpressions;

namespace PreTrain.Cli.Hosting;

/// <summary>What a program calls a property, and the tool an option: messages of the library name the one, and a user knows the other.</summary>
internal static partial class OptionNames
{
    // Of several options the first that the command has.
    private static readonly Dictionary<string, string[]> s_options = new()
    {
        ["ContextLength"] = ["--context"],
        ["MaxLength"] = ["--context"],
        ["MaxSourceLength"] = ["--max-source"],
        ["MaxTargetLength"] = ["--max-target"],
        ["Length"] = ["--adapter-size"],
        ["Labels"] = ["--labels"],
        ["Targets"] = ["--lora-targets", "--targets"],
        ["Skip"] = ["--skip"],
        ["GroupSize"] = ["--group-size"],
        ["HeadSparsity"] = ["--heads"],
        ["NeuronSparsity"] = ["--neurons"],
        ["RemovedLayers"] = ["--layers"],
        ["RemovedDecoderLayers"] = ["--decoder-layers"],
        ["HasQuantizedTiedHead"] = ["--tied-head"],
        ["TextField"] = ["--text-field", "--anchor-field"],
        ["PairField"] = ["--pair-field", "--positive-field"],
        ["LabelField"] = ["--label-field", "--score-field"],
        ["Resume"] = ["--resume"],
        ["EarlyStopping"] = ["--patience"],
        ["Frozen"] = ["--freeze"],
        ["SavedModel"] = ["--save"],
    };

    /// <summary>A message with the names of the command's options for those of properties.</summary>
    /// <param name="message">A message of the library.</param>
    /// <param name="command">The command that was called.</param>
    public static string Translate(string message, Command command)
    {
        HashSet<string> known = [.. command.Options.Select(option => option.Name)];
        return Property().Replace(message, match => s_options.TryGetValue(match.Value, out string[]? names) ? Array.Find(names, known.Contains) ?? match.Value : match.Value);
    }

    // Words, and no parts of paths or of quoted texts.
    [GeneratedRegex(@"(?<![\w/\\'.-])[A-Z][A-Za-z]+(?![\w/\\'-])", RegexOptions.CultureInvariant)]
    private static partial Regex Property();
}
