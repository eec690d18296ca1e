using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace PreTrain.Tests.House;

/// <summary>
/// The library's folders are floors: each may use those below it, none one above it, and no two use each other. Read from the built
/// assembly: bases, interfaces, fields, signatures, local variables and every instruction of every method.
/// </summary>
public sealed class FloorsTests
{
    /// <summary>Which floors each floor stands on; through them it may use whatever they may.</summary>
    private static readonly Dictionary<string, string[]> s_standsOn = new()
    {
        ["Torch"] = [],
        ["Tokenization"] = [],
        ["Checkpoints"] = [],
        ["Data"] = ["Tokenization"],
        ["Modules"] = ["Torch"],
        ["Optimization"] = ["Modules", "Checkpoints"],
        ["Models"] = ["Modules", "Checkpoints", "Tokenization", "Data"],
        ["Objectives"] = ["Models", "Data"],
        ["Generation"] = ["Models"],
        ["Evaluation"] = ["Objectives", "Generation"],
        ["Interpretation"] = ["Models"],
        ["Export"] = ["Models"],
        ["Training"] = ["Objectives", "Generation", "Optimization", "Checkpoints"],
        ["Reports"] = ["Training"],
        ["Distributed"] = ["Training"],
        ["FineTuning"] = ["Training", "Evaluation"],
        ["Distillation"] = ["Training"],
        ["Pruning"] = ["Training"],
        ["Quantization"] = ["Training"],
        ["Compression"] = ["Distillation", "Pruning", "Quantization", "Reports"],
    };

    [Fact]
    public void EveryUse_IsOfALowerFloor()
    {
        (string From, string To)[] uses = [.. Uses()];
        Assert.Contains(uses, u => FloorOf(u.From) == "Models" && FloorOf(u.To) == "Modules");   // the reading works

        string[] violations = [.. uses.Where(u => !MayUse(FloorOf(u.From), FloorOf(u.To))).Select(u => $"{u.From} -> {u.To}").Distinct().Order(StringComparer.Ordinal)];
        Assert.True(violations.Length == 0, $"{violations.Length} uses of a floor that is not below:\n" + string.Join('\n', violations));
    }

    [Fact]
    public void EveryType_LiesOnAKnownFloor()
    {
        string[] homeless = [.. Uses().SelectMany(u => new[] { u.From, u.To }).Where(t => !s_standsOn.ContainsKey(FloorOf(t))).Distinct()];
        Assert.True(homeless.Length == 0, "Types in folders that have no place in the house; name what they stand on:\n" + string.Join('\n', homeless));
    }

    [Theory]
    [InlineData("Models", "Modules", true)]
    [InlineData("Training", "Torch", true)]
    [InlineData("Modules", "Models", false)]
    [InlineData("Checkpoints", "Models", false)]
    [InlineData("Optimization", "Models", false)]
    [InlineData("Objectives", "Generation", false)]
    [InlineData("Tokenization", "Data", false)]
    public void MayUse_SomeFloors_IsAsDesigned(string from, string to, bool expected) => Assert.Equal(expected, MayUse(from, to));

    private static bool MayUse(string from, string to) =>
        from == to || s_standsOn.TryGetValue(from, out string[]? below) && below.Any(floor => MayUse(floor, to));

    /// <summary>The folder right below the root: of PreTrain.Models.Gpt.GptModel it is Models.</summary>
    private static string FloorOf(string type) => type.Split('.') is ["PreTrain", var floor, _, ..] ? floor : "";

    /// <summary>Every use of one of the library's types by another, nested types counted as those around them.</summary>
    private static HashSet<(string From, string To)> Uses()
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "PreTrain.dll")));
        MetadataReader reader = file.GetMetadataReader();
        var uses = new HashSet<(string, string)>();
        foreach (TypeDefinitionHandle handle in reader.TypeDefinitions)
        {
            if (NameOf(reader, handle) is not { } from) continue;
            var names = new Names(reader, to => uses.Add((from, to)));
            TypeDefinition type = reader.GetTypeDefinition(handle);
            names.Entity(type.BaseType);
            foreach (InterfaceImplementationHandle i in type.GetInterfaceImplementations()) names.Entity(reader.GetInterfaceImplementation(i).Interface);
            Constraints(type.GetGenericParameters());
            foreach (FieldDefinitionHandle f in type.GetFields()) reader.GetFieldDefinition(f).DecodeSignature(names, null);
            foreach (MethodDefinitionHandle m in type.GetMethods())
            {
                MethodDefinition method = reader.GetMethodDefinition(m);
                method.DecodeSignature(names, null);
                Constraints(method.GetGenericParameters());
                if (method.RelativeVirtualAddress == 0) continue;
                MethodBodyBlock body = file.GetMethodBody(method.RelativeVirtualAddress);
                if (!body.LocalSignature.IsNil) reader.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(names, null);
                foreach (ExceptionRegion region in body.ExceptionRegions) names.Entity(region.CatchType);
                foreach (EntityHandle operand in Instructions.Operands(body.GetILReader())) names.Entity(operand);
            }

            void Constraints(GenericParameterHandleCollection parameters)
            {
                foreach (GenericParameterHandle p in parameters)
                    foreach (GenericParameterConstraintHandle c in reader.GetGenericParameter(p).GetConstraints()) names.Entity(reader.GetGenericParameterConstraint(c).Type);
            }
        }
        return uses;
    }

    /// <summary>The full name of the outermost type; null of what the compiler puts outside the library's namespaces.</summary>
    private static string? NameOf(MetadataReader reader, TypeDefinitionHandle handle)
    {
        TypeDefinition type = reader.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil) type = reader.GetTypeDefinition(type.GetDeclaringType());
        string space = reader.GetString(type.Namespace);
        return space is "PreTrain" || space.StartsWith("PreTrain.", StringComparison.Ordinal) ? $"{space}.{reader.GetString(type.Name)}" : null;
    }

    /// <summary>Reports the library's types within signatures and tokens.</summary>
    private sealed class Names(MetadataReader reader, Action<string> report) : ISignatureTypeProvider<object?, object?>
    {
        internal void Entity(EntityHandle handle)
        {
            if (handle.IsNil) return;
            switch (handle.Kind)
            {
                case HandleKind.TypeDefinition:
                    if (NameOf(reader, (TypeDefinitionHandle)handle) is { } name) report(name);
                    break;
                case HandleKind.TypeSpecification:
                    reader.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
                    break;
                case HandleKind.MethodDefinition:
                    Entity(reader.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.FieldDefinition:
                    Entity(reader.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.MemberReference:
                    MemberReference member = reader.GetMemberReference((MemberReferenceHandle)handle);
                    Entity(member.Parent);
                    if (member.GetKind() == MemberReferenceKind.Method) member.DecodeMethodSignature(this, null);
                    else member.DecodeFieldSignature(this, null);
                    break;
                case HandleKind.MethodSpecification:
                    MethodSpecification generic = reader.GetMethodSpecification((MethodSpecificationHandle)handle);
                    Entity(generic.Method);
                    generic.DecodeSignature(this, null);
                    break;
            }
        }

        public object? GetTypeFromDefinition(MetadataReader r, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            Entity(handle);
            return null;
        }

        public object? GetTypeFromSpecification(MetadataReader r, object? context, TypeSpecificationHandle handle, byte rawTypeKind)
        {
            Entity(handle);
            return null;
        }

        public object? GetTypeFromReference(MetadataReader r, TypeReferenceHandle handle, byte rawTypeKind) => null;
        public object? GetPrimitiveType(PrimitiveTypeCode typeCode) => null;
        public object? GetGenericTypeParameter(object? context, int index) => null;
        public object? GetGenericMethodParameter(object? context, int index) => null;
        public object? GetFunctionPointerType(MethodSignature<object?> signature) => null;
        public object? GetModifiedType(object? modifier, object? unmodified, bool isRequired) => null;
        public object? GetGenericInstantiation(object? type, ImmutableArray<object?> arguments) => null;
        public object? GetArrayType(object? element, ArrayShape shape) => null;
        public object? GetSZArrayType(object? element) => null;
        public object? GetByReferenceType(object? element) => null;
        public object? GetPointerType(object? element) => null;
        public object? GetPinnedType(object? element) => null;
    }

    /// <summary>The tokens in a method's instructions.</summary>
    private static class Instructions
    {
        private static readonly Dictionary<int, System.Reflection.Emit.OpCode> s_codes = typeof(System.Reflection.Emit.OpCodes)
            .GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (System.Reflection.Emit.OpCode)f.GetValue(null)!).ToDictionary(c => (int)(ushort)c.Value);

        internal static IEnumerable<EntityHandle> Operands(BlobReader code)
        {
            var found = new List<EntityHandle>();
            while (code.RemainingBytes > 0)
            {
                int value = code.ReadByte();
                if (value == 0xFE) value = value << 8 | code.ReadByte();
                switch (s_codes[value].OperandType)
                {
                    case System.Reflection.Emit.OperandType.InlineNone:
                        break;
                    case System.Reflection.Emit.OperandType.ShortInlineBrTarget or System.Reflection.Emit.OperandType.ShortInlineI or System.Reflection.Emit.OperandType.ShortInlineVar:
                        code.Offset += 1;
                        break;
                    case System.Reflection.Emit.OperandType.InlineVar:
                        code.Offset += 2;
                        break;
                    case System.Reflection.Emit.OperandType.InlineI8 or System.Reflection.Emit.OperandType.InlineR:
                        code.Offset += 8;
                        break;
                    case System.Reflection.Emit.OperandType.InlineSwitch:
                        int cases = code.ReadInt32();
                        code.Offset += 4 * cases;
                        break;
                    case System.Reflection.Emit.OperandType.InlineField or System.Reflection.Emit.OperandType.InlineMethod
                        or System.Reflection.Emit.OperandType.InlineTok or System.Reflection.Emit.OperandType.InlineType:
                        found.Add(MetadataTokens.EntityHandle(code.ReadInt32()));
                        break;
                    default:   // four bytes that name no type
                        code.Offset += 4;
                        break;
                }
            }
            return found;
        }
    }
}
