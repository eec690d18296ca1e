using System.Globalization;

namespace PreTrain.Tokenization.Chat;

/// <summary>What stands behind a <c>|</c>.</summary>
internal static class TemplateFilters
{
    private delegate object? Filter(object? value, TemplateArguments arguments);

    private static readonly Dictionary<string, Filter> s_filters = new(StringComparer.Ordinal)
    {
        ["trim"] = (value, a) => TemplateMembers.Strip(TemplateValues.Text(value), a, left: true, right: true),
        ["tojson"] = TemplateJson.Write,
        ["length"] = (value, a) => TemplateValues.Length(value),
        ["count"] = (value, a) => TemplateValues.Length(value),
        ["default"] = Default,
        ["d"] = Default,
        ["upper"] = (value, a) => TemplateValues.Text(value).ToUpperInvariant(),
        ["lower"] = (value, a) => TemplateValues.Text(value).ToLowerInvariant(),
        ["title"] = (value, a) => TemplateMembers.Title(TemplateValues.Text(value)),
        ["capitalize"] = (value, a) => TemplateMembers.Capital(TemplateValues.Text(value)),
        ["replace"] = (value, a) => TemplateMembers.Replace(TemplateValues.Text(value), a),
        ["indent"] = Indent,
        ["string"] = (value, a) => TemplateValues.Text(value),
        ["safe"] = (value, a) => TemplateValues.Text(value),
        ["int"] = (value, a) => ToWhole(value, a.Take(2, "default", "base").Whole(0, "default", 0)),
        ["float"] = (value, a) => ToNumber(value) ?? TemplateValues.AsNumber(a.Take(1, "default").Value(0, "default", 0.0)),
        ["abs"] = (value, a) => value is long n ? Math.Abs(n) : Math.Abs(TemplateValues.AsNumber(value) ?? throw new TemplateException($"abs is not for {TemplateValues.Kind(value)}.")),
        ["first"] = (value, a) => TemplateValues.Items(value) is [var first, ..] ? first : new TemplateUndefined("first"),
        ["last"] = (value, a) => TemplateValues.Items(value) is [.., var last] ? last : new TemplateUndefined("last"),
        ["list"] = (value, a) => TemplateValues.Items(value).ToList(),
        ["reverse"] = (value, a) => value is string text ? string.Concat(Enumerable.Reverse(TemplateValues.Items(text))) : Enumerable.Reverse(TemplateValues.Items(value)).ToList(),
        ["unique"] = (value, a) => TemplateValues.Items(value).Aggregate(new List<object?>(), (seen, item) => TemplateValues.Contains(seen, item) ? seen : [.. seen, item]),
        ["sort"] = (value, a) => Sort(TemplateValues.Items(value)),
        ["join"] = Join,
        ["items"] = (value, a) => value is OrderedDictionary<string, object?> map ? map.Select(pair => (object?)new List<object?> { pair.Key, pair.Value }).ToList() : value is TemplateUndefined ? new List<object?>()
            : throw new TemplateException($"items is for a dictionary, and not for {TemplateValues.Kind(value)}."),
        ["dictsort"] = (value, a) => value is OrderedDictionary<string, object?> map ? map.OrderBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase).Select(pair => (object?)new List<object?> { pair.Key, pair.Value }).ToList()
            : throw new TemplateException($"dictsort is for a dictionary, and not for {TemplateValues.Kind(value)}."),
        ["map"] = Map,
        ["select"] = (value, a) => Choose(value, a, byAttribute: false, kept: true),
        ["reject"] = (value, a) => Choose(value, a, byAttribute: false, kept: false),
        ["selectattr"] = (value, a) => Choose(value, a, byAttribute: true, kept: true),
        ["rejectattr"] = (value, a) => Choose(value, a, byAttribute: true, kept: false),
    };

    /// <summary>The names that are known.</summary>
    internal static IEnumerable<string> Names => s_filters.Keys;

    internal static bool IsKnown(string name) => s_filters.ContainsKey(name);

    internal static object? Apply(object? value, TemplateArguments arguments) =>
        s_filters.TryGetValue(arguments.Who, out Filter? filter) ? arguments.Budget.Keep(filter(value, arguments)) : throw new TemplateException($"The filter '{arguments.Who}' is not known.");

    private static object? Default(object? value, TemplateArguments arguments) =>
        value is TemplateUndefined || TemplateValues.IsTrue(arguments.Take(2, "default_value", "boolean").Value(1, "boolean", false)) && !TemplateValues.IsTrue(value) ? arguments.Value(0, "default_value", "") : value;

    private static object? Join(object? value, TemplateArguments arguments)
    {
        IEnumerable<object?> items = TemplateValues.Items(value);
        if (arguments.Take(2, "d", "attribute").Value(1, "attribute") is string name) items = items.Select(item => TemplateMembers.Item(item, name));
        return TemplateValues.Join(TemplateValues.Text(arguments.Value(0, "d", "")), items);
    }

    private static List<object?> Sort(List<object?> items)
    {
        try
        {
            return [.. items.Order(Comparer<object?>.Create(TemplateValues.Compare))];
        }
        catch (InvalidOperationException fault) when (fault.InnerException is TemplateException inner)
        {
            throw inner;
        }
    }

    /// <summary>Blanks before all lines but the first, and but empty ones.</summary>
    private static object? Indent(object? value, TemplateArguments arguments)
    {
        object? width = arguments.Take(3, "width", "first", "blank").Value(0, "width", 4L);
        string blanks = width as string ?? TemplateValues.Blanks(TemplateValues.Whole(width, "'width' of indent"));
        bool first = TemplateValues.IsTrue(arguments.Value(1, "first", false)), blank = TemplateValues.IsTrue(arguments.Value(2, "blank", false));
        string text = TemplateValues.Text(value);
        TemplateBudget.Fit(text.Length + (text.Count(c => c == '\n') + 1.0) * blanks.Length);
        return string.Join('\n', text.Split('\n').Select((line, i) => (i > 0 ? blank || line.Length > 0 : first) ? blanks + line : line));
    }

    private static object? Map(object? value, TemplateArguments arguments)
    {
        List<object?> items = TemplateValues.Items(value);
        if (arguments.Names.GetValueOrDefault("attribute") is string name)
            return items.Select(item => TemplateMembers.Item(item, name) is TemplateUndefined missing ? arguments.Names.GetValueOrDefault("default", missing) : TemplateMembers.Item(item, name)).ToList();
        TemplateArguments inner = arguments.Behind(1, arguments.Text(0, "filter"));
        return items.Select(item => Apply(item, inner)).ToList();
    }

    private static object? Choose(object? value, TemplateArguments arguments, bool byAttribute, bool kept)
    {
        int at = byAttribute ? 1 : 0;
        string? attribute = byAttribute ? arguments.Text(0, "attribute") : null;
        TemplateArguments? test = arguments.Count > at ? arguments.Behind(at + 1, arguments.Text(at, "test")) : null;
        return TemplateValues.Items(value).Where(item =>
        {
            object? tested = attribute is null ? item : TemplateMembers.Item(item, attribute);
            return (test is null ? TemplateValues.IsTrue(tested) : TemplateTests.Holds(tested, test)) == kept;
        }).ToList();
    }

    private static object ToWhole(object? value, long fallback) => value switch
    {
        string text when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long n) => n,
        _ => ToNumber(value) is { } number && double.IsFinite(number) ? (long)number : fallback,
    };

    private static double? ToNumber(object? value) => value is string text
        ? double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null
        : TemplateValues.AsNumber(value);
}
