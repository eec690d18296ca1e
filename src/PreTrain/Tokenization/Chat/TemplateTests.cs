namespace PreTrain.Tokenization.Chat;

/// <summary>What stands behind an <c>is</c>.</summary>
internal static class TemplateTests
{
    private static readonly Dictionary<string, Func<object?, TemplateArguments, bool>> s_tests = new(StringComparer.Ordinal)
    {
        ["defined"] = (value, a) => value is not TemplateUndefined,
        ["undefined"] = (value, a) => value is TemplateUndefined,
        ["none"] = (value, a) => value is null,
        ["string"] = (value, a) => value is string,
        ["number"] = (value, a) => value is long or double or bool,
        ["integer"] = (value, a) => value is long,
        ["float"] = (value, a) => value is double,
        ["boolean"] = (value, a) => value is bool,
        ["true"] = (value, a) => value is true,
        ["false"] = (value, a) => value is false,
        ["mapping"] = (value, a) => value is OrderedDictionary<string, object?>,
        ["sequence"] = (value, a) => value is string or List<object?> or OrderedDictionary<string, object?> or TemplateUndefined,
        ["iterable"] = (value, a) => value is string or List<object?> or OrderedDictionary<string, object?> or TemplateUndefined,
        ["callable"] = (value, a) => value is TemplateFunction,
        ["odd"] = (value, a) => TemplateValues.Whole(value, "What is odd") % 2 != 0,
        ["even"] = (value, a) => TemplateValues.Whole(value, "What is even") % 2 == 0,
        ["divisibleby"] = (value, a) => TemplateValues.Whole(TemplateValues.Compute("%", value, a.Value(0, "num")), "What is divided") == 0,
        ["lower"] = (value, a) => TemplateValues.Text(value) is var text && text.Any(char.IsLetter) && !text.Any(char.IsUpper),
        ["upper"] = (value, a) => TemplateValues.Text(value) is var text && text.Any(char.IsLetter) && !text.Any(char.IsLower),
        ["in"] = (value, a) => TemplateValues.Contains(a.Value(0, "seq"), value),
        ["eq"] = Equal,
        ["equalto"] = Equal,
        ["=="] = Equal,
        ["sameas"] = (value, a) => value?.GetType() == a.Value(0, "other")?.GetType() && Equal(value, a),
        ["ne"] = (value, a) => !Equal(value, a),
        ["!="] = (value, a) => !Equal(value, a),
        ["gt"] = (value, a) => TemplateValues.Compare(value, a.Value(0, "other")) > 0,
        ["ge"] = (value, a) => TemplateValues.Compare(value, a.Value(0, "other")) >= 0,
        ["lt"] = (value, a) => TemplateValues.Compare(value, a.Value(0, "other")) < 0,
        ["le"] = (value, a) => TemplateValues.Compare(value, a.Value(0, "other")) <= 0,
    };

    /// <summary>The names that are known.</summary>
    internal static IEnumerable<string> Names => s_tests.Keys;

    internal static bool IsKnown(string name) => s_tests.ContainsKey(name);

    internal static bool Holds(object? value, TemplateArguments arguments) =>
        s_tests.TryGetValue(arguments.Who, out Func<object?, TemplateArguments, bool>? test) ? test(value, arguments) : throw new TemplateException($"The test '{arguments.Who}' is not known.");

    private static bool Equal(object? value, TemplateArguments arguments) => TemplateValues.AreEqual(value, arguments.Value(0, "other"));
}
