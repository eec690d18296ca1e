using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;

namespace PreTrain.Cli.Commands;

/// <summary>
/// A run described by one JSON file: the options of its command without their dashes, in groups. What stands on the command line wins over the file. Of a choice and what belongs to it, such
/// as an optimizer and its constants, the file's part is set aside as a whole when the command line chooses otherwise.
/// </summary>
internal static class RunConfiguration
{
    public const string FileName = "run.json";
    private const string CommandKey = "command", OtherGroup = "training";

    /// <summary>What is of a call and not of a run.</summary>
    private static readonly string[] s_calls = ["--config", "--print-config", "--resume", "--overwrite", "--help", "--version", "--json", "--quiet", "--verbose"];

    private static readonly (string Name, string[] Options)[] s_groups =
    [
        ("", ["teacher", "teacher-weights", "data", "tokens", "mix", "pack", "curriculum", "output"]),
        ("tokenizer", ["tokenizer", "vocab-size"]),
        ("model", ["model", "student", "preset", "image-size", "patch-size", "layers", "heads", "embedding", "context", "decoder-layers", "decoder-heads", "decoder-embedding", "dropout"]),
        ("objective", ["objective", "mask-rate", "mask-unit", "whole-word", "lexicon", "mean-span", "temperature", "encoder-momentum", "projection", "projection-hidden", "train-patch-map"]),
        ("task", ["template", "system", "source-field", "target-field", "source-prefix", "max-source", "max-target", "loss", "anchor-field", "positive-field", "negative-field", "score-field", "pooling", "symmetric"]),
        ("adapter", ["adapter", "lora-rank", "lora-alpha", "lora-dropout", "lora-targets", "lora-start", "adapter-size", "quantize-base"]),
        ("distillation", ["alpha", "divergence", "hidden-weight", "attention-weight", "relation-weight", "value-relation-weight", "cosine-weight", "layer-map", "cache", "cache-top-k"]),
        ("images", ["min-crop-area", "flip", "brightness", "contrast"]),
        (OtherGroup, ["steps", "batch", "accumulate", "precision"]),
        ("schedule", ["schedule", "minimum-learning-rate", "warmup-steps", "cycle-steps", "cycle-factor", "power", "timescale-steps", "decay-steps", "final-decay", "rise-share", "start-divisor", "step-size", "step-factor"]),
        ("optimizer", ["optimizer", "learning-rate", "weight-decay", "beta1", "beta2", "epsilon", "momentum", "nesterov"]),
        ("average", ["ema", "swa"]),
        ("reliability", ["on-not-finite", "on-spike", "spike-threshold", "spike-window", "spike-warmup", "max-faults", "patience", "minimum-delta", "save", "keep-checkpoints", "keep-every", "allow-missing-checkpoints"]),
        ("report", ["report", "sample", "profile", "peak-tflops", "watts"]),
        ("machine", ["seed", "device", "threads"]),
    ];

    /// <summary>Choices that set aside what the file says beside them.</summary>
    private static readonly string[] s_choices = ["preset", "adapter", "schedule", "optimizer"];

    /// <summary>Options of which each stands for the others.</summary>
    private static readonly string[][] s_alternatives = [["data", "tokens"], ["steps", "epochs"], ["tokenizer", "vocab-size"], ["ema", "swa"], ["mask-unit", "whole-word", "lexicon"]];

    private static readonly JsonSerializerOptions s_written = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The option that names the file.</summary>
    public static Option<string?> CreateOption() =>
        Options.Text("--config", "FILE", $"A JSON file with options of this command, such as the {FileName} of a run; those on the command line win.");

    /// <summary>A configuration as text.</summary>
    public static string Write(JsonObject configuration) => configuration.ToJsonString(s_written) + "\n";

    /// <summary>Every option of a run with its value; null where it has none.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="effective">Values of options that were not given, or mean something else than what was given.</param>
    public static JsonObject Describe(ParseResult parsed, IEnumerable<(Option Option, JsonNode? Value)> effective)
    {
        Dictionary<Option, JsonNode?> known = effective.ToDictionary(value => value.Option, value => value.Value);
        Command command = parsed.CommandResult.Command;
        List<(string Group, Option Option)> options = [.. OptionsOf(command).Select(option => (GroupOf(option), option))];
        var configuration = new JsonObject { [CommandKey] = NameOf(command) };
        foreach (var (name, names) in s_groups)
        {
            IEnumerable<Option> members = options.Where(o => o.Group == name).Select(o => o.Option).OrderBy(option => Array.IndexOf(names, Key(option)) is var at && at < 0 ? names.Length : at);
            JsonObject group = name.Length == 0 ? configuration : [];
            foreach (Option option in members) group[Key(option)] = known.TryGetValue(option, out JsonNode? value) ? value?.DeepClone() : ValueOf(parsed, option);
            if (name.Length > 0 && group.Count > 0) configuration[name] = group;
        }
        return configuration;
    }

    /// <summary>Puts the options of the file that <c>--config</c> names behind those of the command line.</summary>
    /// <returns>The arguments as they came where there is no such option.</returns>
    /// <exception cref="UsageException">The file holds something that is no option of the command, or a value that it does not take.</exception>
    /// <exception cref="CorpusException">It cannot be read, or is no JSON.</exception>
    public static string[] Expand(RootCommand root, string[] arguments, ParserConfiguration parser)
    {
        ParseResult given = root.Parse(arguments, parser);
        Command command = given.CommandResult.Command;
        if (command.Options.FirstOrDefault(option => option.Name == "--config") is not Option<string?> option || given.GetResult(option) is not { Errors: var errors } || errors.Any()) return arguments;
        string file = given.GetValue(option)!;
        List<(string Place, Option Option, JsonElement Value)> values = [.. Read(file, command)];
        var faults = new List<string>();
        var added = new List<string>();
        foreach (var (place, target, value) in values)
        {
            if (value.ValueKind == JsonValueKind.Null || value.ValueKind == JsonValueKind.False && target.ValueType == typeof(bool)) continue;
            string? rule = Arguments(target, value, out string[] written);
            rule ??= root.Parse([.. NameOf(command).Split(' '), .. written], parser).Errors.Select(error => error.Message)
                .FirstOrDefault(message => message.StartsWith(target.Name + " ", StringComparison.Ordinal) || message.Contains($"'{target.Name}'", StringComparison.Ordinal));
            if (rule is not null) faults.Add($"The file '{file}': {place}{(rule.StartsWith(target.Name, StringComparison.Ordinal) ? rule[target.Name.Length..] : $" ({Short(value)}): {rule}")}");
            else if (!IsSetAside(given, target, values)) added.AddRange(written);
        }
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return [.. arguments, .. added];
    }

    private static IEnumerable<(string Place, Option Option, JsonElement Value)> Read(string file, Command command)
    {
        JsonElement root;
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(file), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false });
            root = json.RootElement.Clone();
        }
        catch (JsonException fault)
        {
            throw new CorpusException($"The file '{file}' is not valid JSON: {fault.Message}", file, fault);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The file '{file}' cannot be read: {fault.Message}", file, fault);
        }
        if (root.ValueKind != JsonValueKind.Object) throw new UsageException($"The file '{file}': its top level must be an object.");

        var found = new List<(string, Option, JsonElement)>();
        var faults = new List<string>();
        Option[] options = [.. OptionsOf(command)];
        string[] groups = [.. options.Select(GroupOf).Where(name => name.Length > 0).Distinct()];
        foreach (JsonProperty member in root.EnumerateObject())
        {
            if (member.Name == CommandKey)
            {
                if (member.Value.ValueKind != JsonValueKind.String || member.Value.GetString() != NameOf(command))
                    faults.Add($"The file '{file}': {CommandKey} ({Short(member.Value)}) must be \"{NameOf(command)}\", the command that is called.");
            }
            else if (groups.Contains(member.Name))
            {
                if (member.Value.ValueKind != JsonValueKind.Object) faults.Add($"The file '{file}': {member.Name} ({Short(member.Value)}) must be an object.");
                else foreach (JsonProperty inner in member.Value.EnumerateObject()) Take(member.Name, inner);
            }
            else
            {
                Take("", member);
            }
        }
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return found;

        void Take(string group, JsonProperty member)
        {
            string place = group.Length == 0 ? member.Name : $"{group}.{member.Name}";
            Option[] members = [.. options.Where(option => GroupOf(option) == group)];
            if (members.FirstOrDefault(option => Key(option) == member.Name) is { } option) found.Add((place, option, member.Value));
            else if (options.FirstOrDefault(option => Key(option) == member.Name) is { } elsewhere)
                faults.Add($"The file '{file}': {place} ({Short(member.Value)}) belongs {(GroupOf(elsewhere) is { Length: > 0 } name ? $"into {name}" : "to the top level")}.");
            else if (s_calls.Contains("--" + member.Name))
                faults.Add($"The file '{file}': {place} ({Short(member.Value)}) is of a call, not of a run; it is for the command line.");
            else
                faults.Add($"The file '{file}': {place} ({Short(member.Value)}) is not known; {(group.Length == 0 ? "the top level" : group)} takes "
                    + $"{Options.Join([.. (group.Length == 0 ? [CommandKey] : Array.Empty<string>()), .. members.Select(Key), .. group.Length == 0 ? groups : []])}.");
        }
    }

    /// <summary>The arguments that stand for a value.</summary>
    /// <returns>What is wrong with its type; null if nothing is.</returns>
    private static string? Arguments(Option option, JsonElement value, out string[] arguments)
    {
        Type type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        arguments = [];
        string Written(string text) => $"{option.Name}={text}";
        if (type == typeof(bool))
        {
            if (value.ValueKind != JsonValueKind.True) return "must be true or false.";
            arguments = [option.Name];
        }
        else if (type == typeof(string[]))
        {
            JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
            if (items.Any(item => item.ValueKind != JsonValueKind.String || item.GetString()!.Length == 0)) return "must be a list of strings that are not empty.";
            arguments = [.. items.Select(item => Written(item.GetString()!))];
        }
        else if (IsNumber(option))
        {
            if (value.ValueKind != JsonValueKind.Number) return "must be a number.";
            arguments = [Written(value.GetRawText())];
        }
        else
        {
            if (value.ValueKind != JsonValueKind.String || value.GetString()!.Length == 0) return "must be a string that is not empty.";
            arguments = [Written(value.GetString()!)];
        }
        return null;
    }

    /// <summary>Whether the command line says it, or chooses something that the file's value does not belong to.</summary>
    private static bool IsSetAside(ParseResult given, Option option, List<(string Place, Option Option, JsonElement Value)> file)
    {
        string key = Key(option);
        if (IsGiven(given, key)) return true;
        if (s_alternatives.FirstOrDefault(set => set.Contains(key)) is { } alternatives && alternatives.Any(other => IsGiven(given, other))) return true;
        string[] group = s_groups.First(g => g.Name == GroupOf(option)).Options;
        return s_choices.FirstOrDefault(group.Contains) is { } choice && choice != key && IsGiven(given, choice)
            && !file.Any(value => Key(value.Option) == choice && value.Value.ValueKind == JsonValueKind.String
                && TokenOf(given, choice).Equals(value.Value.GetString(), StringComparison.OrdinalIgnoreCase));
    }

    private static bool IsGiven(ParseResult given, string key) => ResultOf(given, key) is { Implicit: false };

    private static string TokenOf(ParseResult given, string key) => ResultOf(given, key)!.Tokens is [.., var last] ? last.Value : "";

    private static OptionResult? ResultOf(ParseResult given, string key) => OptionsOf(given.CommandResult.Command).FirstOrDefault(o => Key(o) == key) is { } option ? given.GetResult(option) : null;

    private static JsonNode? ValueOf(ParseResult parsed, Option option)
    {
        Type type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        OptionResult? result = parsed.GetResult(option);
        if (type == typeof(bool)) return result is { Implicit: false } && !result.Tokens.Any(token => token.Value.Equals("false", StringComparison.OrdinalIgnoreCase));
        string[] texts = result is { Implicit: false } ? [.. result.Tokens.Select(token => token.Value)] : [];
        if (type == typeof(string[])) return new JsonArray([.. texts.Select(text => (JsonNode)text)]);
        if (texts.Length == 0) return null;
        if (!IsNumber(option)) return texts[^1];
        return type == typeof(double) ? double.Parse(texts[^1], CultureInfo.InvariantCulture) : long.Parse(texts[^1], CultureInfo.InvariantCulture);
    }

    /// <summary>Whether the command line takes a number; a word may stand for one of the program.</summary>
    private static bool IsNumber(Option option) => option.HelpName == Options.NumberName;

    private static IEnumerable<Option> OptionsOf(Command command)
    {
        for (Command? at = command; at is not null; at = at.Parents.OfType<Command>().FirstOrDefault())
        {
            foreach (Option option in at.Options.Where(option => (at == command || option.Recursive) && !s_calls.Contains(option.Name))) yield return option;
        }
    }

    /// <summary>A command as it is called: of one within another both.</summary>
    private static string NameOf(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{NameOf(parent)} {command.Name}" : command.Name;

    private static string Key(Option option) => option.Name.TrimStart('-');

    private static string GroupOf(Option option) => s_groups.FirstOrDefault(group => group.Options.Contains(Key(option)), (OtherGroup, [])).Name;

    private static string Short(JsonElement value) => value.GetRawText() is { Length: > 60 } text ? text[..57] + "…" : value.GetRawText();
}
