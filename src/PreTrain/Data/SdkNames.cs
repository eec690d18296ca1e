using System.Text;

namespace PreTrain.Data;

/// <summary>Reads documentation ids (ECMA-334, annex D.4.2) and writes them as C# does.</summary>
internal static class SdkNames
{
    private static readonly Dictionary<string, string> Keywords = new()
    {
        ["System.Boolean"] = "bool",
        ["System.Byte"] = "byte",
        ["System.SByte"] = "sbyte",
        ["System.Char"] = "char",
        ["System.Decimal"] = "decimal",
        ["System.Double"] = "double",
        ["System.Single"] = "float",
        ["System.Int32"] = "int",
        ["System.UInt32"] = "uint",
        ["System.IntPtr"] = "nint",
        ["System.UIntPtr"] = "nuint",
        ["System.Int64"] = "long",
        ["System.UInt64"] = "ulong",
        ["System.Int16"] = "short",
        ["System.UInt16"] = "ushort",
        ["System.Object"] = "object",
        ["System.String"] = "string",
        ["System.Void"] = "void",
    };

    /// <summary>A reference as it reads inside a sentence: a type without its namespace, a member with its type.</summary>
    public static string Reference(string cref)
    {
        var prefix = cref.IndexOf(':');
        var kind = prefix < 0 ? "" : cref[..prefix];
        var (path, arguments, _) = Split(cref[(prefix + 1)..].Replace("%2A", "").TrimEnd('*'));
        if (kind == "N")
            return path;
        var parts = path.Split('.');
        if (kind.Length == 0 || kind is "T" or "!")
        {
            // Without a prefix it is a type, or a method where there are arguments.
            return arguments is not null && parts.Length > 1 ? $"{TypeName(parts[^2], null)}.{MemberName(parts[^1], parts[^2])}" : TypeName(parts[^1], null);
        }
        if (parts.Length == 1)
            return MemberName(parts[0], "");
        var type = TypeName(parts[^2], null);
        return parts[^1] is "#ctor" or "#cctor" ? type : $"{type}.{MemberName(parts[^1], parts[^2])}";
    }

    /// <summary>Cuts <c>A.B.M``1(X,Y)~Z</c> into the path, the arguments (null for none) and the result of a conversion.</summary>
    public static (string Path, List<string>? Arguments, string? Result) Split(string id)
    {
        string? result = null;
        var open = id.IndexOf('(');
        var tilde = id.LastIndexOf('~');
        if (tilde > open)
        {
            result = id[(tilde + 1)..];
            id = id[..tilde];
        }
        if (open < 0)
            return (id, null, result);
        var close = id.LastIndexOf(')');
        return (id[..open], SplitList(id[(open + 1)..(close > open ? close : id.Length)]), result);
    }

    /// <summary>One part of a path as a type's name, with its type parameters.</summary>
    public static string TypeName(string part, IReadOnlyList<string>? parameters)
    {
        var tick = part.IndexOf('`');
        if (tick < 0)
            return part;
        var name = part[..tick];
        return int.TryParse(part[(tick + 1)..], out var arity) ? $"{name}<{string.Join(", ", TypeParameters(name, arity, parameters))}>" : name;
    }

    /// <summary>The last part of a path as a member's name.</summary>
    public static string MemberName(string part, string declaringPart)
    {
        if (part is "#ctor" or "#cctor")
            return Bare(declaringPart);
        var name = Bare(part);
        if (name.StartsWith("op_", StringComparison.Ordinal))
            return Words(name[3..]) + (name is "op_Implicit" or "op_Explicit" ? " conversion" : " operator");
        if (!name.Contains('#'))
            return name;
        // An explicit implementation: the interface and its member, both without what qualifies them.
        var plain = WithoutBraces(name).Split('#', StringSplitOptions.RemoveEmptyEntries);
        return plain.Length < 2 ? plain[0] : $"{plain[^2]}.{MemberName(plain[^1], plain[^2])}";
    }

    /// <summary>An argument's type in C#'s notation, without namespaces.</summary>
    public static string Type(string type, IReadOnlyList<string> typeParameters, IReadOnlyList<string> methodParameters)
    {
        if (type.EndsWith('@'))
            return "ref " + Type(type[..^1], typeParameters, methodParameters);
        if (type.EndsWith('*'))
            return Type(type[..^1], typeParameters, methodParameters) + "*";
        if (type.EndsWith(']'))
        {
            var open = type.LastIndexOf('[');
            var rank = type[open..].Count(c => c == ',');
            return $"{Type(type[..open], typeParameters, methodParameters)}[{new string(',', rank)}]";
        }
        if (type.StartsWith("``", StringComparison.Ordinal))
            return Parameter(type[2..], methodParameters);
        if (type.StartsWith('`'))
            return Parameter(type[1..], typeParameters);
        if (Keywords.TryGetValue(type, out var keyword))
            return keyword;
        var brace = type.IndexOf('{');
        if (brace < 0)
            return TypeName(type[(type.LastIndexOf('.') + 1)..], null);
        var close = type.LastIndexOf('}');
        var arguments = SplitList(type[(brace + 1)..(close > brace ? close : type.Length)]).ConvertAll(argument => Type(argument, typeParameters, methodParameters));
        var name = type[..brace];
        return name == "System.Nullable" && arguments.Count == 1 ? arguments[0] + "?" : $"{name[(name.LastIndexOf('.') + 1)..]}<{string.Join(", ", arguments)}>";

        static string Parameter(string number, IReadOnlyList<string> names) =>
            int.TryParse(number, out var index) && index < names.Count ? names[index] : "T";
    }

    /// <summary>The names of type parameters; the usual ones where the documentation does not name all.</summary>
    public static IReadOnlyList<string> TypeParameters(string name, int arity, IReadOnlyList<string>? documented)
    {
        if (documented?.Count == arity)
            return documented;
        if (arity == 1)
            return ["T"];
        if (arity == 2 && (name.Contains("Dictionary", StringComparison.Ordinal) || name.Contains("KeyValue", StringComparison.Ordinal)))
            return ["TKey", "TValue"];
        return [.. Enumerable.Range(1, arity).Select(number => $"T{number}")];
    }

    private static string Bare(string part)
    {
        var tick = part.IndexOf('`');
        return tick < 0 ? part : part[..tick];
    }

    // "GreaterThanOrEqual" as "Greater than or equal".
    private static string Words(string name)
    {
        var words = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsUpper(c) && words.Length > 0)
                words.Append(' ').Append(char.ToLowerInvariant(c));
            else
                words.Append(c);
        }
        return words.ToString();
    }

    private static string WithoutBraces(string name)
    {
        var plain = new StringBuilder();
        var depth = 0;
        foreach (var c in name)
        {
            if (c is '{' or '<')
                depth++;
            else if (c is '}' or '>')
                depth--;
            else if (depth == 0)
                plain.Append(c);
        }
        return plain.ToString();
    }

    // At commas that are not inside braces, brackets or parentheses.
    private static List<string> SplitList(string list)
    {
        var items = new List<string>();
        int depth = 0, start = 0;
        for (var i = 0; i < list.Length; i++)
        {
            if (list[i] is '{' or '[' or '(')
                depth++;
            else if (list[i] is '}' or ']' or ')')
                depth--;
            else if (list[i] == ',' && depth == 0)
            {
                items.Add(list[start..i]);
                start = i + 1;
            }
        }
        items.Add(list[start..]);
        return items;
    }
}
