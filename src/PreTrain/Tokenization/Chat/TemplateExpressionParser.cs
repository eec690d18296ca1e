using System.Globalization;

namespace PreTrain.Tokenization.Chat;

/// <summary>Turns the expressions of a template into what computes them, with the precedences of Jinja.</summary>
internal sealed class TemplateExpressionParser(TemplateReader reader)
{
    private static readonly string[] s_words = ["and", "or", "not", "if", "else", "in", "is"];

    /// <summary>An expression, with <c>a if b else c</c>.</summary>
    internal TemplateExpression Parse()
    {
        TemplateBudget.Dive();
        TemplateExpression value = Or();
        while (reader.TakeName("if"))
        {
            TemplateExpression then = value, test = Or();
            TemplateExpression? other = reader.TakeName("else") ? Parse() : null;
            value = scope => TemplateValues.IsTrue(Inner(test, scope)) ? then(scope) : other is null ? new TemplateUndefined("the value without else") : Inner(other, scope);
        }
        return value;
    }

    /// <summary>An expression, or several with commas between them, which are a list.</summary>
    internal TemplateExpression ParseList()
    {
        TemplateExpression first = Parse();
        if (!reader.IsOperator(",")) return first;
        var items = new List<TemplateExpression> { first };
        while (reader.TakeOperator(",") && BeginsValue()) items.Add(Parse());
        return scope => scope.Budget.Keep(items.ConvertAll(item => Inner(item, scope)));
    }

    /// <summary>An expression without <c>if</c>, as a loop goes through.</summary>
    internal TemplateExpression Or()
    {
        TemplateExpression left = And();
        while (reader.TakeName("or"))
        {
            TemplateExpression a = left, b = And();
            left = scope => Inner(a, scope) is var value && TemplateValues.IsTrue(value) ? value : b(scope);
        }
        return left;
    }

    /// <summary>Values between brackets that were opened already.</summary>
    internal (List<TemplateExpression> Places, List<(string Name, TemplateExpression Value)> Names) Arguments()
    {
        var places = new List<TemplateExpression>();
        var names = new List<(string, TemplateExpression)>();
        while (!reader.TakeOperator(")"))
        {
            if (reader.Current.Kind == TemplateTokenKind.Name && reader.Ahead is { Kind: TemplateTokenKind.Operator, Value: "=" })
            {
                TemplateToken given = reader.Take();
                string name = given.Value;
                if (names.Exists(other => other.Item1 == name)) throw new TemplateException($"'{name}' is given twice.", given.Offset);
                reader.Require("=");
                names.Add((name, Parse()));
            }
            else if (names.Count > 0) throw reader.Unexpected("NAME=");
            else places.Add(Parse());
            if (!reader.IsOperator(")")) reader.Require(",");
        }
        return (places, names);
    }

    private TemplateExpression And()
    {
        TemplateExpression left = Not();
        while (reader.TakeName("and"))
        {
            TemplateExpression a = left, b = Not();
            left = scope => Inner(a, scope) is var value && !TemplateValues.IsTrue(value) ? value : b(scope);
        }
        return left;
    }

    private TemplateExpression Not()
    {
        int count = 0;
        while (reader.TakeName("not")) count++;
        TemplateExpression inner = Comparison();
        return count == 0 ? inner : scope => TemplateValues.IsTrue(inner(scope)) == (count % 2 == 0);
    }

    private TemplateExpression Comparison()
    {
        TemplateExpression first = Sum();
        var rest = new List<(string Op, TemplateExpression Value)>();
        while (true)
        {
            string? op = reader.Current is { Kind: TemplateTokenKind.Operator, Value: "==" or "!=" or "<" or "<=" or ">" or ">=" } ? reader.Take().Value
                : reader.TakeName("in") ? "in" : null;
            if (op is null && reader.IsName("not") && reader.Ahead is { Kind: TemplateTokenKind.Name, Value: "in" })
            {
                reader.Take();
                reader.Take();
                op = "not in";
            }
            if (op is null) break;
            rest.Add((op, Sum()));
        }
        if (rest.Count == 0) return first;
        return scope =>
        {
            object? left = first(scope);
            foreach (var (op, value) in rest)
            {
                object? right = value(scope);
                if (!Holds(op, left, right)) return false;
                left = right;
            }
            return true;
        };
    }

    private static bool Holds(string op, object? a, object? b) => op switch
    {
        "==" => TemplateValues.AreEqual(a, b),
        "!=" => !TemplateValues.AreEqual(a, b),
        "in" => TemplateValues.Contains(b, a),
        "not in" => !TemplateValues.Contains(b, a),
        "<" => TemplateValues.Compare(a, b) < 0,
        "<=" => TemplateValues.Compare(a, b) <= 0,
        ">" => TemplateValues.Compare(a, b) > 0,
        _ => TemplateValues.Compare(a, b) >= 0,
    };

    private TemplateExpression Sum() => Chain(Joined, "+", "-");

    private TemplateExpression Joined()
    {
        TemplateExpression left = Product();
        while (reader.TakeOperator("~"))
        {
            TemplateExpression a = left, b = Product();
            left = scope => scope.Budget.Keep(TemplateValues.Joined(TemplateValues.Text(Inner(a, scope)), TemplateValues.Text(b(scope))));
        }
        return left;
    }

    private TemplateExpression Product() => Chain(() => Chain(() => Unary(), "**"), "*", "/", "//", "%");

    private TemplateExpression Chain(Func<TemplateExpression> part, params string[] operators)
    {
        TemplateExpression left = part();
        while (reader.Current.Kind == TemplateTokenKind.Operator && operators.Contains(reader.Current.Value))
        {
            string op = reader.Take().Value;
            TemplateExpression a = left, b = part();
            left = scope => scope.Budget.Keep(TemplateValues.Compute(op, Inner(a, scope), b(scope)));
        }
        return left;
    }

    private TemplateExpression Unary()
    {
        bool negative = false;
        while (reader.IsOperator("-") || reader.IsOperator("+")) negative ^= reader.Take().Value == "-";
        TemplateExpression value = Postfix(Primary());
        if (negative)
        {
            TemplateExpression inner = value;
            value = scope => TemplateValues.Compute("-", 0L, inner(scope));
        }
        return Filters(value);
    }

    private TemplateExpression Filters(TemplateExpression value)
    {
        while (true)
        {
            if (reader.TakeOperator("|")) value = Filter(value);
            else if (reader.TakeName("is")) value = Test(value);
            else if (reader.IsOperator("(")) value = Postfix(value);
            else return value;
        }
    }

    /// <summary>A filter, whose name comes next.</summary>
    internal TemplateExpression Filter(TemplateExpression value)
    {
        TemplateToken name = reader.Require(TemplateTokenKind.Name, "the name of a filter");
        if (!TemplateFilters.IsKnown(name.Value)) throw new TemplateException($"The filter '{name.Value}' is not known here; known are {string.Join(", ", TemplateFilters.Names)}.", name.Offset);
        var (places, names) = reader.TakeOperator("(") ? Arguments() : ([], []);
        return scope => TemplateFilters.Apply(Inner(value, scope), Evaluate(name.Value, places, names, scope));
    }

    private TemplateExpression Test(TemplateExpression value)
    {
        bool negated = reader.TakeName("not");
        TemplateToken name = reader.Require(TemplateTokenKind.Name, "the name of a test");
        if (!TemplateTests.IsKnown(name.Value)) throw new TemplateException($"The test '{name.Value}' is not known here; known are {string.Join(", ", TemplateTests.Names)}.", name.Offset);
        List<TemplateExpression> places = [];
        if (reader.TakeOperator("(")) places = Arguments().Places;
        else if (BeginsValue() && !reader.IsOperator("-") && !reader.IsOperator("+")) places = [Postfix(Primary())];
        return scope => TemplateTests.Holds(Inner(value, scope), Evaluate(name.Value, places, [], scope)) != negated;
    }

    private TemplateExpression Postfix(TemplateExpression value)
    {
        while (true)
        {
            TemplateExpression of = value;
            int place = reader.Current.Offset;
            if (reader.TakeOperator("."))
            {
                if (reader.Current.Kind == TemplateTokenKind.Whole)
                {
                    long index = long.Parse(reader.Take().Value, CultureInfo.InvariantCulture);
                    value = scope => TemplateMembers.Item(Inner(of, scope), index);
                    continue;
                }
                string name = reader.Require(TemplateTokenKind.Name, "a name").Value;
                value = scope => TemplateMembers.Attribute(Inner(of, scope), name);
            }
            else if (reader.TakeOperator("["))
            {
                value = Subscript(of);
            }
            else if (reader.TakeOperator("("))
            {
                var (places, names) = Arguments();
                value = scope => Inner(of, scope) is var callee && callee is TemplateFunction function ? scope.Budget.Keep(function(Evaluate("The function", places, names, scope)))
                    : throw new TemplateException(callee is TemplateUndefined undefined ? $"'{undefined.Name}' is not known here, and cannot be called." : $"{TemplateValues.Kind(callee)} cannot be called.", place);
            }
            else
            {
                return value;
            }
        }
    }

    private TemplateExpression Subscript(TemplateExpression of)
    {
        TemplateExpression? start = reader.IsOperator(":") ? null : Parse();
        if (reader.TakeOperator("]")) return scope => TemplateMembers.Item(Inner(of, scope), start!(scope));
        reader.Require(":");
        TemplateExpression? stop = reader.IsOperator(":") || reader.IsOperator("]") ? null : Parse(), step = null;
        if (reader.TakeOperator(":") && !reader.IsOperator("]")) step = Parse();
        reader.Require("]");
        return scope => scope.Budget.Keep(TemplateMembers.Slice(Inner(of, scope), Bound(start, scope), Bound(stop, scope), Bound(step, scope) ?? 1));

        static long? Bound(TemplateExpression? bound, TemplateScope scope) => bound?.Invoke(scope) is { } value ? TemplateValues.Whole(value, "The bound of a slice") : null;
    }

    private TemplateExpression Primary()
    {
        TemplateToken token = reader.Current;
        switch (token.Kind)
        {
            case TemplateTokenKind.Text:
                string text = "";
                while (reader.Current.Kind == TemplateTokenKind.Text) text += reader.Take().Value;
                return _ => text;
            case TemplateTokenKind.Whole:
                long whole = long.Parse(reader.Take().Value, CultureInfo.InvariantCulture);
                return _ => whole;
            case TemplateTokenKind.Number:
                double number = double.Parse(reader.Take().Value, CultureInfo.InvariantCulture);
                return _ => number;
            case TemplateTokenKind.Name when !s_words.Contains(token.Value):
                reader.Take();
                return token.Value switch
                {
                    "true" or "True" => _ => true,
                    "false" or "False" => _ => false,
                    "none" or "None" => _ => null,
                    var name => scope => scope[name],
                };
            case TemplateTokenKind.Operator when reader.TakeOperator("("):
                if (reader.TakeOperator(")")) return _ => new List<object?>();
                TemplateExpression inner = ParseList();
                reader.Require(")");
                return inner;
            case TemplateTokenKind.Operator when reader.TakeOperator("["):
                var items = new List<TemplateExpression>();
                while (!reader.TakeOperator("]"))
                {
                    items.Add(Parse());
                    if (!reader.IsOperator("]")) reader.Require(",");
                }
                return scope => scope.Budget.Keep(items.ConvertAll(item => Inner(item, scope)));
            case TemplateTokenKind.Operator when reader.TakeOperator("{"):
                return Dictionary();
            default:
                throw reader.Unexpected("a value");
        }
    }

    private TemplateExpression Dictionary()
    {
        var entries = new List<(TemplateExpression Key, TemplateExpression Value)>();
        while (!reader.TakeOperator("}"))
        {
            TemplateExpression key = Parse();
            reader.Require(":");
            entries.Add((key, Parse()));
            if (!reader.IsOperator("}")) reader.Require(",");
        }
        return scope =>
        {
            var map = new OrderedDictionary<string, object?>(StringComparer.Ordinal);
            foreach (var (key, value) in entries) map[key(scope) as string ?? throw new TemplateException("The keys of a dictionary must be texts.")] = Inner(value, scope);
            return map;
        };
    }

    private bool BeginsValue() => reader.Current.Kind switch
    {
        TemplateTokenKind.Text or TemplateTokenKind.Whole or TemplateTokenKind.Number => true,
        TemplateTokenKind.Name => !s_words.Contains(reader.Current.Value) || reader.IsName("not"),
        TemplateTokenKind.Operator => reader.Current.Value is "(" or "[" or "{" or "-" or "+",
        _ => false,
    };

    private static TemplateArguments Evaluate(string who, List<TemplateExpression> places, List<(string Name, TemplateExpression Value)> names, TemplateScope scope) =>
        new(who, places.ConvertAll(value => value(scope)), names.ToDictionary(pair => pair.Name, pair => pair.Value(scope)), scope.Budget);

    /// <summary>The value of an expression that is a part of another one: chains of them are as deep as they are long.</summary>
    private static object? Inner(TemplateExpression expression, TemplateScope scope)
    {
        TemplateBudget.Dive();
        return expression(scope);
    }
}
