using System.Reflection;
using TorchSharp.Interop;

namespace TorchSharp.Tests.Interop;

public sealed class OperatorTests
{
    // Operators that the oldest libtorch lacks and that C# composes there, as Type.field.
    private static readonly string[] s_composed = ["Composed.s_attention"];

    [Fact]
    public void Exists_EveryOperatorOfTheAssembly_IsFound()
    {
        var missing = new List<string>();
        int count = 0;
        foreach (Type type in typeof(torch).Assembly.GetTypes().Where(t => !t.ContainsGenericParameters))
        {
            foreach (FieldInfo field in type.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            {
                if (field.FieldType != typeof(Operator)) continue;
                count++;
                string name = $"{type.Name}.{field.Name}";
                if (!((Operator)field.GetValue(null)!).Exists && !s_composed.Contains(name)) missing.Add(name);
            }
        }

        Assert.Empty(missing);
        Assert.True(count > 500, $"only {count} operators were found");
    }

    [Fact]
    public void Exists_UnknownName_IsFalse() => Assert.False(new Operator("no_such_operator").Exists);

    [Fact]
    public void Call_UnknownName_NamesTheOperatorInTheError()
    {
        var e = Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => new Operator("no_such_operator", "Tensor").Call());

        Assert.Contains("no operator aten::no_such_operator.Tensor", e.Message);
    }
}
