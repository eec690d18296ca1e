using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace TorchSharp.Tests;

/// <summary>Writes what an assembly shows to others: one line per member, <c>Type :: member</c>. Nullable annotations and interfaces are left out.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<string, string> s_keywords = new()
    {
        ["System.Void"] = "void",
        ["System.Object"] = "object",
        ["System.String"] = "string",
        ["System.Boolean"] = "bool",
        ["System.SByte"] = "sbyte",
        ["System.Byte"] = "byte",
        ["System.Int16"] = "short",
        ["System.Int32"] = "int",
        ["System.Int64"] = "long",
        ["System.IntPtr"] = "nint",
        ["System.Single"] = "float",
        ["System.Double"] = "double",
    };

    internal static SortedSet<string> Lines(string path)
    {
        string[] folders = [RuntimeEnvironment.GetRuntimeDirectory(), Path.GetDirectoryName(path)!];
        var files = folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*.dll")).DistinctBy(Path.GetFileName);
        using var context = new MetadataLoadContext(new PathAssemblyResolver(files));

        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Type type in context.LoadFromAssemblyPath(path).GetTypes().Where(IsVisible))
        {
            string owner = NameOf(type);
            lines.Add($"{owner} :: {KindOf(type)}{BaseOf(type)}");
            foreach (MemberInfo member in type.GetMembers(Declared))
            {
                if (Describe(member) is { } line) lines.Add($"{owner} :: {line}");
            }
        }
        return lines;
    }

    private static bool IsVisible(Type type) =>
        type.IsNested ? (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamORAssem) && IsVisible(type.DeclaringType!) : type.IsPublic;

    private static bool IsVisible(MethodBase? method) => method is { IsPublic: true } or { IsFamily: true } or { IsFamilyOrAssembly: true };

    private static string KindOf(Type type) => type switch
    {
        { IsInterface: true } => "interface",
        { IsEnum: true } => "enum",
        { IsValueType: true } => "struct",
        { IsAbstract: true, IsSealed: true } => "static class",
        { IsAbstract: true } => "abstract class",
        { IsSealed: true } => "sealed class",
        _ => "class",
    };

    private static string BaseOf(Type type) =>
        type.BaseType is null || type.BaseType.FullName is "System.Object" or "System.ValueType" or "System.Enum" ? "" : " : " + NameOf(type.BaseType);

    private static string? Describe(MemberInfo member)
    {
        switch (member)
        {
            case ConstructorInfo constructor when IsVisible(constructor):
                return $".ctor({ParametersOf(constructor)})";
            case MethodInfo method when IsVisible(method) && !IsAccessor(method):
                string generic = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>" : "";
                return $"{ModifiersOf(method)}{NameOf(method.ReturnType)} {method.Name}{generic}({ParametersOf(method)})";
            case PropertyInfo property when IsVisible(property.GetMethod) || IsVisible(property.SetMethod):
                ParameterInfo[] index = property.GetIndexParameters();
                return ModifiersOf(property.GetMethod ?? property.SetMethod!) + $"{NameOf(property.PropertyType)} {property.Name}"
                    + (index.Length > 0 ? $"[{string.Join(", ", index.Select(Describe))}]" : "")
                    + $" {{{(IsVisible(property.GetMethod) ? " get;" : "")}{(IsVisible(property.SetMethod) ? " set;" : "")} }}";
            case FieldInfo field when field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly:
                return $"{(field.IsLiteral ? "const " : field.IsStatic ? "static " : "")}{NameOf(field.FieldType)} {field.Name}";
            case EventInfo happening when IsVisible(happening.AddMethod):
                return $"event {NameOf(happening.EventHandlerType!)} {happening.Name}";
            default:
                return null;
        }
    }

    private static bool IsAccessor(MethodInfo method) =>
        method.IsSpecialName && new[] { "get_", "set_", "add_", "remove_" }.Any(prefix => method.Name.StartsWith(prefix, StringComparison.Ordinal));

    private static string ModifiersOf(MethodInfo method) =>
        (method.IsPublic ? "" : "protected ")
        + (method.IsStatic ? "static " : method.IsAbstract ? "abstract " : method is { IsVirtual: true, IsFinal: false } ? "virtual " : "");

    private static string ParametersOf(MethodBase method) => string.Join(", ", method.GetParameters().Select(Describe));

    private static string Describe(ParameterInfo parameter)
    {
        var text = new StringBuilder();
        if (parameter.GetCustomAttributesData().Any(a => a.AttributeType.Name == nameof(ParamArrayAttribute))) text.Append("params ");
        Type type = parameter.ParameterType;
        if (type.IsByRef)
        {
            text.Append(parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref ");
            type = type.GetElementType()!;
        }
        text.Append(NameOf(type)).Append(' ').Append(parameter.Name);
        if (parameter.HasDefaultValue) text.Append(" = ").Append(Literal(parameter.RawDefaultValue));
        return text.ToString();
    }

    private static string? Literal(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        true => "true",
        false => "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static string NameOf(Type type)
    {
        if (type.IsGenericParameter) return type.Name;
        if (type.IsArray) return $"{NameOf(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (type.IsPointer) return NameOf(type.GetElementType()!) + "*";
        if (type.IsByRef) return "ref " + NameOf(type.GetElementType()!);
        if (type.FullName is { } full && s_keywords.TryGetValue(full, out string? keyword)) return keyword;

        Type[] arguments = type.IsGenericType ? type.GetGenericArguments() : [];
        if (type is { Namespace: "System", Name: "Nullable`1" } && !type.IsGenericTypeDefinition) return NameOf(arguments[0]) + "?";

        string prefix = type.IsNested ? NameOf(type.DeclaringType!) + "." : string.IsNullOrEmpty(type.Namespace) ? "" : type.Namespace + ".";
        // A nested type repeats the arguments of the types around it.
        Type[] own = arguments[(type.DeclaringType?.GetGenericArguments().Length ?? 0)..];
        string name = prefix + type.Name.Split('`')[0];
        return own.Length > 0 ? $"{name}<{string.Join(", ", own.Select(NameOf))}>" : name;
    }
}
