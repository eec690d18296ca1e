namespace PreTrain.Tokenization.Chat;

/// <summary>
/// Turns a chat template into what writes it: the part of Jinja that the templates of models use, with the additions of transformers. What it does not know it names with its place, and
/// before anything is written.
/// </summary>
internal sealed class TemplateParser
{
    private const int Deepest = 64;
    private const string KnownTags = "for, if, set, macro, generation, break and continue";

    private readonly TemplateReader _reader;
    private readonly TemplateExpressionParser _expressions;
    private int _loops, _depth;

    private TemplateParser(TemplateReader reader) => (_reader, _expressions) = (reader, new(reader));

    /// <summary>Reads a normalized template.</summary>
    /// <returns>What writes it, and whether it says itself which parts are the model's.</returns>
    /// <exception cref="TemplateException">It is not one, or uses more of Jinja than is known here.</exception>
    internal static (TemplateStatement Write, bool MarksAnswers) Parse(string source)
    {
        List<TemplateToken> tokens = TemplateLexer.Read(source);
        var parser = new TemplateParser(new TemplateReader(tokens));
        TemplateStatement all = parser.Body();
        if (parser._reader.Current.Kind != TemplateTokenKind.End) throw parser._reader.Unexpected("the end of the template");
        bool marks = tokens.Zip(tokens.Skip(1)).Any(pair => pair.First.Kind == TemplateTokenKind.BlockBegin && pair.Second is { Kind: TemplateTokenKind.Name, Value: "generation" });
        return (all, marks);
    }

    /// <summary>Statements up to the tag that ends them, whose name comes next then.</summary>
    private TemplateStatement Body(params string[] ends)
    {
        var statements = new List<TemplateStatement>();
        if (++_depth > Deepest) throw new TemplateException($"Tags are nested more than {Deepest} deep.", _reader.Current.Offset);
        while (_reader.Current.Kind != TemplateTokenKind.End)
        {
            TemplateToken token = _reader.Take();
            switch (token.Kind)
            {
                case TemplateTokenKind.Data:
                    statements.Add((scope, output) =>
                    {
                        output.Write(token.Value, scope.Budget);
                        return TemplateFlow.Next;
                    });
                    break;
                case TemplateTokenKind.PrintBegin:
                    TemplateExpression value = _expressions.ParseList();
                    _reader.Require(TemplateTokenKind.PrintEnd, "'}}'");
                    statements.Add(At(token.Offset, (scope, output) =>
                    {
                        output.Write(TemplateValues.Text(value(scope)), scope.Budget);
                        return TemplateFlow.Next;
                    }));
                    break;
                default:
                    if (_reader.Current.Kind == TemplateTokenKind.Name && ends.Contains(_reader.Current.Value))
                    {
                        _depth--;
                        return All(statements);
                    }
                    statements.Add(At(token.Offset, Tag()));
                    break;
            }
        }
        if (ends.Length > 0) throw _reader.Unexpected($"'{string.Join("' or '", ends)}'");
        return All(statements);
    }

    private TemplateStatement Tag()
    {
        TemplateToken name = _reader.Require(TemplateTokenKind.Name, "the name of a tag");
        switch (name.Value)
        {
            case "for": return For();
            case "if": return If();
            case "set": return Set();
            case "macro": return Macro();
            case "generation": return Generation();
            case "break" or "continue":
                if (_loops == 0) throw new TemplateException($"'{name.Value}' stands outside of a loop.", name.Offset);
                EndTag();
                TemplateFlow flow = name.Value == "break" ? TemplateFlow.Break : TemplateFlow.Continue;
                return (_, _) => flow;
            default:
                throw new TemplateException($"The tag '{name.Value}' is not known here; known are {KnownTags}.", name.Offset);
        }
    }

    private TemplateStatement For()
    {
        string[] targets = Targets();
        if (!_reader.TakeName("in")) throw _reader.Unexpected("'in'");
        TemplateExpression all = _expressions.Or();
        TemplateExpression? test = _reader.TakeName("if") ? _expressions.Parse() : null;
        if (_reader.IsName("recursive")) throw new TemplateException("'recursive' is not known here.", _reader.Current.Offset);
        EndTag();
        _loops++;
        TemplateStatement body = Body("else", "endfor");
        _loops--;
        TemplateStatement? otherwise = null;
        if (_reader.TakeName("else"))
        {
            EndTag();
            otherwise = Body("endfor");
        }
        End("endfor");
        return (scope, output) =>
        {
            List<object?> items = [.. TemplateValues.Items(all(scope)).Where(item => test is null || TemplateValues.IsTrue(test(Bind(scope, targets, item))))];
            scope.Budget.Rounds(items.Count);
            if (items.Count == 0) return otherwise?.Invoke(scope.Inner(), output) ?? TemplateFlow.Next;
            var loop = new TemplateLoop(items);
            for (; loop.Index < items.Count; loop.Index++)
            {
                TemplateScope inner = Bind(scope, targets, items[loop.Index]);
                inner["loop"] = loop;
                if (body(inner, output) == TemplateFlow.Break) break;
            }
            return TemplateFlow.Next;
        };
    }

    private TemplateStatement If()
    {
        var branches = new List<(TemplateExpression? Test, TemplateStatement Body)>();
        TemplateExpression? test = _expressions.Parse();
        while (true)
        {
            EndTag();
            branches.Add((test, test is null ? Body("endif") : Body("elif", "else", "endif")));
            if (_reader.TakeName("elif")) test = _expressions.Parse();
            else if (_reader.TakeName("else")) test = null;
            else break;
        }
        End("endif");
        return (scope, output) =>
        {
            foreach (var (condition, body) in branches)
            {
                if (condition is null || TemplateValues.IsTrue(condition(scope))) return body(scope, output);
            }
            return TemplateFlow.Next;
        };
    }

    private TemplateStatement Set()
    {
        string[] targets = Targets();
        string? member = null;
        if (targets.Length == 1 && _reader.TakeOperator(".")) member = _reader.Require(TemplateTokenKind.Name, "a name").Value;
        TemplateExpression value;
        if (_reader.TakeOperator("="))
        {
            value = _expressions.ParseList();
            EndTag();
        }
        else
        {
            TemplateExpression? captured = null;
            TemplateExpression filtered = scope => captured!(scope);
            while (_reader.TakeOperator("|")) filtered = _expressions.Filter(filtered);
            EndTag();
            TemplateStatement body = Body("endset");
            End("endset");
            captured = scope => Capture(body, scope.Inner());
            value = filtered;
        }
        return (scope, _) =>
        {
            if (member is null) Assign(scope, targets, value(scope));
            else if (scope[targets[0]] is TemplateNamespace space) space.Values[member] = value(scope);
            else throw new TemplateException($"'{targets[0]}' is no namespace, so '{member}' of it cannot be set.");
            return TemplateFlow.Next;
        };
    }

    private TemplateStatement Macro()
    {
        string name = _reader.Require(TemplateTokenKind.Name, "the name of the macro").Value;
        _reader.Require("(");
        var parameters = new List<(string Name, TemplateExpression? Usual)>();
        while (!_reader.TakeOperator(")"))
        {
            string parameter = _reader.Require(TemplateTokenKind.Name, "the name of a parameter").Value;
            parameters.Add((parameter, _reader.TakeOperator("=") ? _expressions.Parse() : null));
            if (!_reader.IsOperator(")")) _reader.Require(",");
        }
        EndTag();
        int loops = _loops;
        _loops = 0;
        TemplateStatement body = Body("endmacro");
        _loops = loops;
        End("endmacro");
        string[] names = [.. parameters.Select(parameter => parameter.Name)];
        return (scope, _) =>
        {
            scope[name] = (TemplateFunction)(arguments =>
            {
                arguments.Take(names.Length, names);
                TemplateScope inner = scope.Inner(), root = scope.Root;
                for (int i = 0; i < names.Length; i++)
                    inner[names[i]] = arguments.Has(i, names[i]) ? arguments.Value(i, names[i]) : parameters[i].Usual is { } usual ? usual(inner) : new TemplateUndefined(names[i]);
                if (++root.Calls > Deepest) throw new TemplateException($"The macro '{name}' calls macros more than {Deepest} deep.");
                string text = Capture(body, inner);
                root.Calls--;
                return text;
            });
            return TemplateFlow.Next;
        };
    }

    private TemplateStatement Generation()
    {
        EndTag();
        TemplateStatement body = Body("endgeneration");
        End("endgeneration");
        return (scope, output) =>
        {
            int start = output.Text.Length;
            TemplateFlow flow = body(scope, output);
            output.Answers.Add((start, output.Text.Length));
            return flow;
        };
    }

    private string[] Targets()
    {
        bool brackets = _reader.TakeOperator("(");
        var names = new List<string>();
        do names.Add(_reader.Require(TemplateTokenKind.Name, "a name").Value);
        while (_reader.TakeOperator(","));
        if (brackets) _reader.Require(")");
        return [.. names];
    }

    private static TemplateScope Bind(TemplateScope scope, string[] targets, object? value)
    {
        TemplateScope inner = scope.Inner();
        Assign(inner, targets, value);
        return inner;
    }

    private static void Assign(TemplateScope scope, string[] targets, object? value)
    {
        if (targets.Length == 1)
        {
            scope[targets[0]] = value;
            return;
        }
        List<object?> parts = TemplateValues.Items(value);
        if (parts.Count != targets.Length) throw new TemplateException($"{parts.Count} values cannot be given to the {targets.Length} names {string.Join(", ", targets)}.");
        for (int i = 0; i < targets.Length; i++) scope[targets[i]] = parts[i];
    }

    private static string Capture(TemplateStatement body, TemplateScope scope)
    {
        var output = new TemplateOutput();
        body(scope, output);
        return output.Text.ToString();
    }

    private static TemplateStatement All(List<TemplateStatement> statements) => (scope, output) =>
    {
        foreach (TemplateStatement statement in statements)
        {
            TemplateFlow flow = statement(scope, output);
            if (flow != TemplateFlow.Next) return flow;
        }
        return TemplateFlow.Next;
    };

    private static TemplateStatement At(int place, TemplateStatement statement) => (scope, output) =>
    {
        try
        {
            return statement(scope, output);
        }
        catch (TemplateException fault)
        {
            throw fault.At(place);
        }
        catch (OverflowException)
        {
            throw new TemplateException("A number has more than 64 bits.", place);
        }
    };

    private void EndTag() => _reader.Require(TemplateTokenKind.BlockEnd, "'%}'");

    private void End(string name)
    {
        if (!_reader.TakeName(name)) throw _reader.Unexpected($"'{name}'");
        EndTag();
    }
}
