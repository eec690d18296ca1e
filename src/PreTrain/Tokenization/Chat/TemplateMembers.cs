using System.Globalization;

namespace PreTrain.Tokenization.Chat;

/// <summary>Members of values: what <c>a.b</c> and <c>a['b']</c> are, and the methods of Python's texts and dictionaries that templates call.</summary>
internal static class TemplateMembers
{
    /// <summary>What <c>a.name</c> is: a method, else an entry.</summary>
    internal static object? Attribute(object? value, string name) => value switch
    {
        TemplateUndefined undefined => throw new TemplateException($"'{undefined.Name}' is undefined, and has no '{name}'."),
        string text => OfText(text, name) is { } method ? method : new TemplateUndefined(name),
        OrderedDictionary<string, object?> map => OfDictionary(map, name) is { } method ? method : map.GetValueOrDefault(name, new TemplateUndefined(name)),
        TemplateNamespace space => space.Values.GetValueOrDefault(name, new TemplateUndefined(name)),
        TemplateLoop loop => loop.Get(name),
        _ => new TemplateUndefined(name),
    };

    /// <summary>What <c>a[key]</c> is: an entry, else a method.</summary>
    internal static object? Item(object? value, object? key)
    {
        switch (value, key)
        {
            case (TemplateUndefined undefined, _):
                throw new TemplateException($"'{undefined.Name}' is undefined, and has no items.");
            case (OrderedDictionary<string, object?> map, string name) when map.TryGetValue(name, out object? entry):
                return entry;
            case (List<object?> or string, long place):
                List<object?> items = TemplateValues.Items(value);
                long at = place < 0 ? place + items.Count : place;
                return at >= 0 && at < items.Count ? items[(int)at] : new TemplateUndefined($"item {place}");
            case (_, string name):
                return Attribute(value, name);
            default:
                return new TemplateUndefined(TemplateValues.Text(key));
        }
    }

    /// <summary>What <c>a[start:stop:step]</c> is, of a list or a text.</summary>
    internal static object? Slice(object? value, long? start, long? stop, long step)
    {
        if (step == 0) throw new TemplateException("The step of a slice must not be 0.");
        if (value is not (List<object?> or string)) throw new TemplateException($"{TemplateValues.Kind(value)} cannot be sliced.");
        List<object?> items = TemplateValues.Items(value), slice = [];
        long Place(long? given, long usual) => given is not { } at ? usual : Math.Clamp(at < 0 ? at + items.Count : at, step > 0 ? 0 : -1, step > 0 ? items.Count : items.Count - 1);
        step = Math.Clamp(step, -items.Count - 1, items.Count + 1);
        long from = Place(start, step > 0 ? 0 : items.Count - 1), to = Place(stop, step > 0 ? items.Count : -1);
        for (long at = from; step > 0 ? at < to : at > to; at += step) slice.Add(items[(int)at]);
        return value is string ? string.Concat(slice) : slice;
    }

    private static TemplateFunction? OfText(string text, string name) => name switch
    {
        "strip" => a => Strip(text, a, left: true, right: true),
        "lstrip" => a => Strip(text, a, left: true, right: false),
        "rstrip" => a => Strip(text, a, left: false, right: true),
        "startswith" => a => Any(a, part => text.StartsWith(part, StringComparison.Ordinal)),
        "endswith" => a => Any(a, part => text.EndsWith(part, StringComparison.Ordinal)),
        "upper" => a => text.ToUpperInvariant(),
        "lower" => a => text.ToLowerInvariant(),
        "title" => a => Title(text),
        "capitalize" => a => Capital(text),
        "replace" => a => Replace(text, a),
        "split" => a => Split(text, a),
        "join" => a => TemplateValues.Join(text, TemplateValues.Items(a.Take(1).Value(0, "items"))),
        "find" => a => (long)text.IndexOf(a.Take(1).Text(0, "part"), StringComparison.Ordinal),
        "count" => a => (long)text.Split(a.Take(1).Text(0, "part")).Length - 1,
        "isdigit" => a => text.Length > 0 && text.All(char.IsDigit),
        _ => null,
    };

    private static TemplateFunction? OfDictionary(OrderedDictionary<string, object?> map, string name) => name switch
    {
        "items" => _ => map.Select(pair => (object?)new List<object?> { pair.Key, pair.Value }).ToList(),
        "keys" => _ => map.Keys.Select(key => (object?)key).ToList(),
        "values" => _ => map.Values.ToList(),
        "get" => a => a.Take(2, "default").Value(0, "key") is string key && map.TryGetValue(key, out object? value) ? value : a.Value(1, "default"),
        _ => null,
    };

    internal static string Strip(string text, TemplateArguments arguments, bool left, bool right)
    {
        string? set = arguments.Take(1, "chars").Value(0, "chars") as string;
        if (left) text = set is null ? text.TrimStart() : text.TrimStart([.. set]);
        if (right) text = set is null ? text.TrimEnd() : text.TrimEnd([.. set]);
        return text;
    }

    internal static string Replace(string text, TemplateArguments arguments)
    {
        string old = arguments.Take(3, "old", "new", "count").Text(0, "old"), fresh = arguments.Text(1, "new");
        long count = arguments.Whole(2, "count", -1);
        if (count < 0 && old.Length == 0) throw new TemplateException($"{arguments.Who} needs a text that is not empty to replace.");
        long places = old.Length == 0 ? 0 : text.AsSpan().Count(old);
        if (count >= 0) places = Math.Min(places, count);
        TemplateBudget.Fit(text.Length + (double)places * (fresh.Length - old.Length));
        return count < 0 ? text.Replace(old, fresh, StringComparison.Ordinal) : string.Join(fresh, text.Split(old, (int)places + 1));
    }

    internal static string Title(string text) => string.Concat(text.Select((c, i) => i > 0 && char.IsLetter(text[i - 1]) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)));

    internal static string Capital(string text) => text.Length == 0 ? text : text[..1].ToUpper(CultureInfo.InvariantCulture) + text[1..].ToLower(CultureInfo.InvariantCulture);

    private static List<object?> Split(string text, TemplateArguments arguments)
    {
        long most = arguments.Take(2, "sep", "maxsplit").Whole(1, "maxsplit", -1);
        int parts = most < 0 ? int.MaxValue : (int)Math.Min(most, text.Length) + 1;
        if (arguments.Value(0, "sep") is string separator) return [.. separator.Length == 0 ? throw new TemplateException("split needs a separator that is not empty.") : text.Split(separator, parts)];
        // Of any white space, none of which is left at the ends.
        var pieces = new List<object?>();
        for (string rest = text.TrimStart(); rest.Length > 0;)
        {
            int end = 0;
            while (end < rest.Length && !char.IsWhiteSpace(rest[end])) end++;
            if (pieces.Count + 1 == parts || end == rest.Length) end = rest.Length;
            pieces.Add(end == rest.Length && pieces.Count + 1 < parts ? rest.TrimEnd() : rest[..end]);
            rest = rest[end..].TrimStart();
        }
        return pieces;
    }

    private static bool Any(TemplateArguments arguments, Func<string, bool> holds) => arguments.Take(1).Value(0, "part") switch
    {
        string part => holds(part),
        List<object?> parts => parts.OfType<string>().Any(holds),
        var other => throw new TemplateException($"{arguments.Who} needs a text, and not {TemplateValues.Kind(other)}."),
    };
}
