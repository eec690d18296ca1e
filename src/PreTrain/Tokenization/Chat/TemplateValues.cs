using System.Collections;
using System.Globalization;
using System.Text;

namespace PreTrain.Tokenization.Chat;

/// <summary>
/// The values of templates and what Python does with them: null, <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, lists, and dictionaries that keep their order.
/// </summary>
internal static class TemplateValues
{
    internal static bool IsTrue(object? value) => value switch
    {
        null or TemplateUndefined => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        string s => s.Length > 0,
        ICollection c => c.Count > 0,
        _ => true,
    };

    /// <summary>A value as it is printed.</summary>
    internal static string Text(object? value) => value switch
    {
        string s => s,
        TemplateUndefined => "",
        _ => Literal(value),
    };

    /// <summary>A value as Python would write it in a program.</summary>
    internal static string Literal(object? value)
    {
        TemplateBudget.Dive();
        return value switch
        {
            null => "None",
            bool b => b ? "True" : "False",
            long n => n.ToString(CultureInfo.InvariantCulture),
            double d => Number(d),
            string s => Quoted(s),
            OrderedDictionary<string, object?> map => $"{{{Join(", ", map.Select(pair => (object?)$"{Quoted(pair.Key)}: {Literal(pair.Value)}"))}}}",
            List<object?> list => $"[{Join(", ", list.Select(item => (object?)Literal(item)))}]",
            TemplateUndefined => "Undefined",
            _ => throw new TemplateException($"{Kind(value)} cannot be printed."),
        };
    }

    /// <summary>The texts of values with a text between them.</summary>
    internal static string Join(string between, IEnumerable<object?> items)
    {
        var texts = new List<string>();
        double length = 0;
        foreach (object? item in items)
        {
            texts.Add(Text(item));
            TemplateBudget.Fit(length += texts[^1].Length + (double)between.Length);
        }
        return string.Join(between, texts);
    }

    /// <summary>Two texts, one behind the other.</summary>
    internal static string Joined(string a, string b)
    {
        TemplateBudget.Fit((double)a.Length + b.Length);
        return a + b;
    }

    /// <summary>So many blanks; none where the number is negative, as in Python.</summary>
    internal static string Blanks(long count) => new(' ', TemplateBudget.Fit(Math.Max(0, count)));

    /// <summary>A number with its point.</summary>
    internal static string Number(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();
        return text.AsSpan().IndexOfAny("en∞") >= 0 || text.Contains('.') ? text : text + ".0";
    }

    internal static string Kind(object? value) => value switch
    {
        null => "None",
        bool => "a truth value",
        long or double => "a number",
        string => "a text",
        List<object?> => "a list",
        OrderedDictionary<string, object?> => "a dictionary",
        TemplateUndefined undefined => $"'{undefined.Name}', which is undefined,",
        TemplateNamespace => "a namespace",
        TemplateFunction => "a function",
        _ => "the loop",
    };

    /// <summary>The items of a value: of a text its characters, of a dictionary its keys.</summary>
    internal static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        string text => [.. text.EnumerateRunes().Select(rune => (object?)rune.ToString())],
        OrderedDictionary<string, object?> map => [.. map.Keys],
        TemplateUndefined => [],
        _ => throw new TemplateException($"{Kind(value)} has no items to go through."),
    };

    internal static long Length(object? value) => value is string text ? text.EnumerateRunes().Count() : value is long or double or bool or null
        ? throw new TemplateException($"{Kind(value)} has no length.") : Items(value).Count;

    internal static bool AreEqual(object? a, object? b)
    {
        TemplateBudget.Dive();
        return AreSame(a, b);
    }

    private static bool AreSame(object? a, object? b) => (a, b) switch
    {
        (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(pair => AreEqual(pair.First, pair.Second)),
        (OrderedDictionary<string, object?> x, OrderedDictionary<string, object?> y) => x.Count == y.Count && x.All(pair => y.TryGetValue(pair.Key, out object? other) && AreEqual(pair.Value, other)),
        (TemplateUndefined, TemplateUndefined) => true,
        _ when AsNumber(a) is { } x && AsNumber(b) is { } y => x == y,
        _ => Equals(a, b),
    };

    /// <summary>Less than 0, 0, or more, as the first value is.</summary>
    internal static int Compare(object? a, object? b)
    {
        if (AsNumber(a) is { } x && AsNumber(b) is { } y) return x.CompareTo(y);
        return a is string s && b is string t ? string.CompareOrdinal(s, t) : throw new TemplateException($"{Kind(a)} and {Kind(b)} cannot be compared.");
    }

    internal static bool Contains(object? all, object? one) => all switch
    {
        string text => text.Contains(one as string ?? throw new TemplateException($"A text may hold a text, and not {Kind(one)}."), StringComparison.Ordinal),
        OrderedDictionary<string, object?> map => one is string key && map.ContainsKey(key),
        _ => Items(all).Exists(item => AreEqual(item, one)),
    };

    internal static object? Compute(string op, object? a, object? b)
    {
        switch (op, a, b)
        {
            case ("+", string x, string y): return Joined(x, y);
            case ("+", List<object?> x, List<object?> y):
                TemplateBudget.Fit((double)x.Count + y.Count);
                return new List<object?>([.. x, .. y]);
            case ("*", string x, long n):
                TemplateBudget.Fit((double)x.Length * n);
                return x.Length == 0 || n <= 0 ? "" : new StringBuilder().Insert(0, x, (int)n).ToString();
            case ("+" or "-" or "*" or "//" or "%" or "**", bool or long, bool or long): return OfWhole(op, Convert.ToInt64(a, CultureInfo.InvariantCulture), Convert.ToInt64(b, CultureInfo.InvariantCulture));
        }
        if (AsNumber(a) is not { } left || AsNumber(b) is not { } right) throw new TemplateException($"'{op}' is not for {Kind(a)} and {Kind(b)}.");
        if (op is "/" or "//" or "%" && right == 0) throw new TemplateException($"'{op}' by zero.");
        return op switch
        {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" => left / right,
            "//" => Math.Floor(left / right),
            "%" => left - right * Math.Floor(left / right),
            _ => Math.Pow(left, right),
        };
    }

    /// <summary>A whole number.</summary>
    internal static long Whole(object? value, string what) => value switch
    {
        long n => n,
        bool b => b ? 1 : 0,
        _ => throw new TemplateException($"{what} must be a whole number, and not {Kind(value)}."),
    };

    internal static double? AsNumber(object? value) => value switch
    {
        long n => n,
        double d => d,
        bool b => b ? 1 : 0,
        _ => null,
    };

    private static object OfWhole(string op, long a, long b)
    {
        if (op is "//" or "%" && b == 0) throw new TemplateException($"'{op}' by zero.");
        return op switch
        {
            "+" => checked(a + b),
            "-" => checked(a - b),
            "*" => checked(a * b),
            "//" => a / b - (Remainder(a, b) != a % b ? 1 : 0),
            "%" => Remainder(a, b),
            _ => b >= 0 ? (object)checked((long)Math.Pow(a, b)) : Math.Pow(a, b),
        };
    }

    /// <summary>What is left of a division, with the sign of the divisor.</summary>
    private static long Remainder(long a, long b)
    {
        long rest = b == -1 ? 0 : a % b;
        return rest != 0 && rest < 0 != b < 0 ? rest + b : rest;
    }

    private static string Quoted(string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var quoted = new StringBuilder().Append(quote);
        foreach (char c in text)
        {
            quoted.Append(c switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ when c == quote => $"\\{c}",
                < ' ' or '\x7f' => $"\\x{(int)c:x2}",
                _ => c.ToString(),
            });
        }
        return quoted.Append(quote).ToString();
    }
}
