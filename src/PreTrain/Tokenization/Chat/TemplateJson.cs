using System.Text;

namespace PreTrain.Tokenization.Chat;

/// <summary>The filter <c>tojson</c> as transformers has it: Python's <c>json.dumps</c> that leaves letters of all scripts as they are.</summary>
internal static class TemplateJson
{
    internal static object? Write(object? value, TemplateArguments arguments)
    {
        arguments.Take(4, "ensure_ascii", "indent", "separators", "sort_keys");
        if (TemplateValues.IsTrue(arguments.Value(0, "ensure_ascii", false))) throw new TemplateException("tojson writes letters of all scripts as they are; ensure_ascii must be false.");
        string? indent = arguments.Value(1, "indent") switch
        {
            null => null,
            string blanks => blanks,
            var count => TemplateValues.Blanks(TemplateValues.Whole(count, "'indent' of tojson")),
        };
        var (comma, colon) = arguments.Value(2, "separators") switch
        {
            null => (indent is null ? ", " : ",", ": "),
            List<object?> and [string between, string behind] => (between, behind),
            _ => throw new TemplateException("'separators' of tojson must be two texts."),
        };
        var json = new StringBuilder();
        new Layout(json, indent, comma, colon, TemplateValues.IsTrue(arguments.Value(3, "sort_keys", false))).Write(value, 0);
        TemplateBudget.Fit(json.Length);
        return json.ToString();
    }

    private sealed record Layout(StringBuilder Json, string? Indent, string Comma, string Colon, bool Sorts)
    {
        internal void Write(object? value, int depth)
        {
            TemplateBudget.Dive();
            TemplateBudget.Fit(Json.Length);
            switch (value)
            {
                case null: Json.Append("null"); break;
                case bool b: Json.Append(b ? "true" : "false"); break;
                case string text: Quote(text); break;
                case long or double: Json.Append(TemplateValues.Literal(value)); break;
                case List<object?> list: All('[', ']', list, item => Write(item, depth + 1), depth); break;
                case OrderedDictionary<string, object?> map:
                    IEnumerable<KeyValuePair<string, object?>> pairs = Sorts ? map.OrderBy(pair => pair.Key, StringComparer.Ordinal) : map;
                    All('{', '}', [.. pairs], pair =>
                    {
                        Quote(pair.Key);
                        Json.Append(Colon);
                        Write(pair.Value, depth + 1);
                    }, depth);
                    break;
                default: throw new TemplateException($"{TemplateValues.Kind(value)} cannot be written as JSON.");
            }
        }

        private void All<T>(char open, char close, List<T> items, Action<T> write, int depth)
        {
            Json.Append(open);
            for (int i = 0; i < items.Count; i++)
            {
                if (i > 0) Json.Append(Comma);
                Break(depth + 1);
                write(items[i]);
            }
            if (items.Count > 0) Break(depth);
            Json.Append(close);
        }

        private void Break(int depth)
        {
            if (Indent is null) return;
            TemplateBudget.Fit(Json.Length + (double)depth * Indent.Length);
            Json.Append('\n');
            for (int i = 0; i < depth; i++) Json.Append(Indent);
        }

        private void Quote(string text)
        {
            Json.Append('"');
            foreach (char c in text)
            {
                Json.Append(c switch
                {
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    '\b' => "\\b",
                    '\f' => "\\f",
                    < ' ' => $"\\u{(int)c:x4}",
                    _ => c.ToString(),
                });
            }
            Json.Append('"');
        }
    }
}
