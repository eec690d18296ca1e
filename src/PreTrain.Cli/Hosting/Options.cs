using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace PreTrain.Cli.Hosting;

/// <summary>Makes options whose faults name the option, the value and the rule.</summary>
internal static class Options
{
    /// <summary>What help calls the value of an option that takes a number.</summary>
    public const string NumberName = "NUMBER";

    /// <summary>A whole number from 1.</summary>
    public static Option<int?> Positive(string name, string description) => Whole(name, description, 1, "must be a positive whole number");

    /// <summary>A whole number from 0.</summary>
    public static Option<int?> NotNegative(string name, string description) => Whole(name, description, 0, "must be a whole number from 0");

    /// <summary>A number for which <paramref name="accept"/> holds.</summary>
    public static Option<double?> Number(string name, string description, Func<double, bool> accept, string rule) =>
        Parsed<double?>(name, description, NumberName, text =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && accept(value) ? value : null,
            rule);

    /// <summary>Any 64-bit whole number.</summary>
    public static Option<long?> Seed(string name, string description) =>
        Parsed<long?>(name, description, NumberName, text => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null,
            "must be a whole number of at most 64 bits");

    /// <summary>One of a few words, whatever their case.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] choices) where T : struct
    {
        string[] words = [.. choices.Select(choice => choice.Word)];
        Option<T?> option = Parsed<T?>(name, description, string.Join('|', words), text =>
        {
            foreach (var (word, value) in choices)
            {
                if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase)) return value;
            }
            return null;
        }, $"must be {Join(words)}");
        option.CompletionSources.Add(words);
        return option;
    }

    /// <summary>A text that must not be empty.</summary>
    public static Option<string?> Text(string name, string helpName, string description, bool required = false)
    {
        Option<string?> option = Parsed<string?>(name, description, helpName, text => string.IsNullOrWhiteSpace(text) ? null : text, "must not be empty");
        option.Required = required;
        return option;
    }

    /// <summary>"a, b or c".</summary>
    public static string Join(IReadOnlyList<string> words) =>
        words.Count == 1 ? words[0] : $"{string.Join(", ", words.Take(words.Count - 1))} or {words[^1]}";

    private static Option<int?> Whole(string name, string description, int least, string rule) =>
        Parsed<int?>(name, description, NumberName,
            text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= least ? value : null,
            $"{rule} of at most {int.MaxValue}");

    private static Option<T?> Parsed<T>(string name, string description, string helpName, Func<string, T?> parse, string rule) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            T? value = parse(text);
            if (value is null) result.AddError($"{name} ({text}) {rule}.");
            return value;
        },
    };

    /// <summary>One of several words.</summary>
    public static Option<string?> Word(string name, string description, string[] words)
    {
        Option<string?> option = new(name)
        {
            Description = description,
            HelpName = string.Join('|', words),
            CustomParser = result =>
            {
                string given = result.Tokens[^1].Value;
                if (words.FirstOrDefault(word => word.Equals(given, StringComparison.OrdinalIgnoreCase)) is { } found) return found;
                result.AddError($"{name} ({given}) must be {Join(words)}.");
                return null;
            },
        };
        option.CompletionSources.Add(words);
        return option;
    }
}
