using System.Xml;
using System.Xml.Linq;

namespace PreTrain.Data;

/// <summary>Reads one assembly's documentation file.</summary>
internal static class SdkXmlFile
{
    /// <summary>The members of a file in its order.</summary>
    /// <param name="path">The file's name, for errors.</param>
    /// <param name="content">The file.</param>
    public static List<SdkMember> Read(string path, byte[] content)
    {
        var elements = new List<(string Id, XElement Element)>();
        var typeParameters = new Dictionary<string, IReadOnlyList<string>>();
        try
        {
            var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, IgnoreComments = true, IgnoreProcessingInstructions = true };
            using var reader = XmlReader.Create(new MemoryStream(content), settings);
            reader.MoveToContent();
            while (!reader.EOF)
            {
                if (reader.NodeType != XmlNodeType.Element || reader.Name != "member")
                    reader.Read();
                else if (reader.GetAttribute("name") is { } id && id.Length > 2 && id[1] == ':' && id[0] != 'N')
                {
                    var element = (XElement)XNode.ReadFrom(reader);
                    elements.Add((id, element));
                    if (id[0] == 'T')
                        typeParameters[id[2..]] = [.. Names(element, "typeparam")];
                }
                else
                    reader.Skip();
            }
        }
        catch (XmlException e)
        {
            throw new CorpusException(
                $"The documentation file '{path}' is damaged at line {e.LineNumber}: {e.Message} Repair the .NET SDK by installing it again.", path, e);
        }
        return elements.ConvertAll(entry => Parse(entry.Id, entry.Element, typeParameters));
    }

    private static SdkMember Parse(string id, XElement element, Dictionary<string, IReadOnlyList<string>> types)
    {
        var (path, arguments, result) = SdkNames.Split(id[2..]);
        var isType = id[0] == 'T';
        var lastDot = path.LastIndexOf('.');
        var typePath = isType ? path : lastDot < 0 ? "" : path[..lastDot];
        var part = isType ? "" : path[(lastDot + 1)..];

        // A type that contains this one is documented in the same file, or generic; what is before the outermost is the namespace.
        var outer = typePath;
        for (var dot = outer.LastIndexOf('.'); dot > 0 && (types.ContainsKey(outer[..dot]) || outer[..dot].Contains('`')); dot = outer.LastIndexOf('.'))
            outer = outer[..dot];
        var namespaceEnd = Math.Max(0, outer.LastIndexOf('.'));
        var nested = typePath[(namespaceEnd == 0 ? 0 : namespaceEnd + 1)..].Split('.');
        var prefix = typePath[..namespaceEnd];
        var names = new List<string>();
        var inScope = new List<string>();
        foreach (var level in nested)
        {
            prefix = prefix.Length == 0 ? level : $"{prefix}.{level}";
            var parameters = types.GetValueOrDefault(prefix);
            names.Add(SdkNames.TypeName(level, parameters));
            var tick = level.IndexOf('`');
            if (tick > 0 && int.TryParse(level[(tick + 1)..], out var arity))
                inScope.AddRange(SdkNames.TypeParameters(level[..tick], arity, parameters));
        }
        var typeName = string.Join('.', names);

        var kind = id[0] switch
        {
            'T' => SdkMemberKind.Type,
            'P' => SdkMemberKind.Property,
            'F' => SdkMemberKind.Field,
            'E' => SdkMemberKind.Event,
            _ when part is "#ctor" or "#cctor" => SdkMemberKind.Constructor,
            _ when part.StartsWith("op_", StringComparison.Ordinal) || part.Contains("#op_", StringComparison.Ordinal) => SdkMemberKind.Operator,
            _ => SdkMemberKind.Method,
        };
        var name = isType ? typeName : SdkNames.MemberName(part, nested[^1]);
        var value = SdkTextBuilder.Build(element.Element("returns") ?? element.Element("return") ?? element.Element("value"));
        return new SdkMember
        {
            Id = id,
            Kind = kind,
            Namespace = typePath[..namespaceEnd],
            TypeName = typeName,
            Name = name,
            Signature = Signature(name, kind, part, arguments, result, element, inScope),
            Summary = SdkTextBuilder.Build(element.Element("summary")),
            Remarks = SdkTextBuilder.Build(element.Element("remarks")),
            Returns = value,
            TypeParameters = Named(element, "typeparam", e => (string?)e.Attribute("name")),
            Parameters = Named(element, "param", e => (string?)e.Attribute("name")),
            Exceptions = Named(element, "exception", e => (string?)e.Attribute("cref") is { } cref ? SdkNames.Reference(cref) : null),
        };
    }

    private static string Signature(
        string name, SdkMemberKind kind, string part, List<string>? arguments, string? result, XElement element, List<string> typeParameters)
    {
        List<string> methodParameters = [.. Names(element, "typeparam")];
        var generic = part.IndexOf("``", StringComparison.Ordinal);
        if (generic > 0 && int.TryParse(part[(generic + 2)..], out var arity))
        {
            methodParameters = [.. SdkNames.TypeParameters("", arity, methodParameters)];
            name = $"{name}<{string.Join(", ", methodParameters)}>";
        }
        if (arguments is null)
            return kind is SdkMemberKind.Method or SdkMemberKind.Constructor ? name + "()" : name;
        List<string> names = [.. Names(element, "param")];
        var list = string.Join(", ", arguments.Select((argument, i) =>
        {
            var type = SdkNames.Type(argument, typeParameters, methodParameters);
            return names.Count == arguments.Count ? $"{type} {names[i]}" : type;
        }));
        var signature = kind == SdkMemberKind.Property ? $"{name}[{list}]" : $"{name}({list})";
        return result is null ? signature : $"{signature} to {SdkNames.Type(result, typeParameters, methodParameters)}";
    }

    private static IEnumerable<string> Names(XElement element, string kind) =>
        element.Elements(kind).Select(e => (string?)e.Attribute("name")).OfType<string>();

    private static List<SdkNamedText> Named(XElement element, string kind, Func<XElement, string?> name)
    {
        var list = new List<SdkNamedText>();
        foreach (var child in element.Elements(kind))
        {
            var text = SdkTextBuilder.Build(child);
            if (!text.IsEmpty && name(child) is { Length: > 0 } found)
                list.Add(new SdkNamedText(found, text));
        }
        return list;
    }
}
