using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

/// <summary>Forms of one operation that must agree: in place and not, instance and static.</summary>
[Collection(nameof(NN.ModuleLifetimeTests))]   // random operations draw from the default generator, which must not be shared
public sealed class InPlaceTests
{
    private const BindingFlags Instance = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    // Operations need floating, integer, Boolean, square or batched inputs; the first that one accepts is used.
    private static Tensor[] Inputs()
    {
        using Generator generator = new(23);
        Tensor floating = rand([3, 5], ScalarType.Float64, generator: generator) * 0.8 + 0.1;
        Tensor m = rand([5, 5], ScalarType.Float64, generator: generator);
        return
        [
            floating,
            (floating * 10).to(ScalarType.Int64),
            floating > 0.5,
            m.matmul(m.t()) + eye(5, dtype: ScalarType.Float64),
            rand([7], ScalarType.Float64, generator: generator),
            rand([2, 5, 5], ScalarType.Float64, generator: generator),
            rand([3], ScalarType.Float64, generator: generator),
        ];
    }

    // Arguments for everything after the tensor itself; null where a parameter has a type that no operation here needs.
    private static object?[]? Arguments(ParameterInfo[] parameters, Tensor input)
    {
        var arguments = new object?[parameters.Length];
        for (int i = 0; i < parameters.Length; i++)
        {
            Type type = parameters[i].ParameterType;
            if (parameters[i].HasDefaultValue) arguments[i] = parameters[i].DefaultValue is { } d && type.IsEnum ? Enum.ToObject(type, d) : parameters[i].DefaultValue;
            else if (type == typeof(Tensor)) arguments[i] = input.clone();
            else if (type == typeof(Scalar)) arguments[i] = 2.ToScalar();
            else if (type == typeof(long)) arguments[i] = 1L;
            else if (type == typeof(int)) arguments[i] = 1;
            else if (type == typeof(float)) arguments[i] = 2f;
            else if (type == typeof(double)) arguments[i] = 0.5;
            else if (type == typeof(long?)) arguments[i] = 1L;
            else if (type == typeof(long[])) arguments[i] = new long[] { 1, 0 };
            else if (type == typeof((long, long))) arguments[i] = (0L, 1L);
            else return null;
        }
        return arguments;
    }

    private static bool Same(object? a, object? b) => (a, b) switch
    {
        (null, null) => true,
        (Tensor x, Tensor y) => x.dtype == y.dtype && x.shape.SequenceEqual(y.shape) && (x.Equals(y) || x.allclose(y, 0, 0, equal_nan: true)),
        (System.Runtime.CompilerServices.ITuple x, System.Runtime.CompilerServices.ITuple y) =>
            x.Length == y.Length && Enumerable.Range(0, x.Length).All(i => Same(x[i], y[i])),
        (System.Collections.IEnumerable x, System.Collections.IEnumerable y) when a is not Tensor =>
            x.Cast<object?>().Zip(y.Cast<object?>()).All(p => Same(p.First, p.Second)),
        _ => Equals(a, b),
    };

    // The result of a call, or the libtorch error that the input leads to.
    private static (object? Result, bool Refused) Call(MethodInfo method, object? self, object?[] arguments)
    {
        try
        {
            manual_seed(29);
            return (method.Invoke(self, arguments), false);
        }
        catch (TargetInvocationException e) when (e.InnerException is ExternalException or ArgumentException or InvalidOperationException or IndexOutOfRangeException)
        {
            return (null, true);
        }
    }

    [Fact]
    public void InPlace_EveryMethod_ReturnsTheSameObjectAndChangesItLikeTheOtherForm()
    {
        using DisposeScope scope = NewDisposeScope();
        var checkedNames = new SortedSet<string>();
        var wrong = new List<string>();
        foreach (MethodInfo inPlace in typeof(Tensor).GetMethods(Instance).Where(m => m.Name.EndsWith('_')))
        {
            ParameterInfo[] parameters = inPlace.GetParameters();
            MethodInfo? plain = typeof(Tensor).GetMethod(inPlace.Name[..^1], Instance, parameters.Select(p => p.ParameterType).ToArray());
            if (plain is null) continue;
            foreach (Tensor input in Inputs())
            {
                using DisposeScope inner = NewDisposeScope();
                if (Arguments(parameters, input) is not { } arguments) break;
                Tensor target = input.clone();
                (object? expected, bool plainRefused) = Call(plain, input, arguments);
                if (plainRefused || expected is not Tensor result || !result.shape.SequenceEqual(input.shape)) continue;
                (object? got, bool refused) = Call(inPlace, target, arguments);
                if (refused) continue;   // the result has another type than the tensor
                checkedNames.Add(inPlace.Name);
                if (!ReferenceEquals(got, target)) wrong.Add($"{inPlace} returns another object");
                else if (!Same(result.to(target.dtype), target)) wrong.Add($"{inPlace} differs from {plain.Name}");
            }
        }

        Package.Skip("some methods return another object");
        Assert.Empty(wrong);
        Assert.True(checkedNames.Count >= 100, $"only {checkedNames.Count} were checked: {string.Join(' ', checkedNames)}");
    }

    [Fact]
    public void Static_EveryFunctionOfTheTensorsMethods_GivesTheSame()
    {
        Package.Skip("some functions throw where the method does not");
        using DisposeScope scope = NewDisposeScope();
        var checkedNames = new SortedSet<string>();
        var wrong = new List<string>();
        foreach (MethodInfo function in typeof(torch).GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
        {
            ParameterInfo[] parameters = function.GetParameters();
            if (parameters.Length == 0 || parameters[0].ParameterType != typeof(Tensor)) continue;
            Type[] types = parameters.Skip(1).Select(p => p.ParameterType).ToArray();
            if (typeof(Tensor).GetMethod(function.Name, Instance, types) is not { } method) continue;
            foreach (Tensor input in Inputs())
            {
                using DisposeScope inner = NewDisposeScope();
                if (Arguments(parameters[1..], input) is not { } arguments) break;
                (object? expected, bool refused) = Call(method, input.clone(), arguments);
                if (refused) continue;
                (object? got, bool functionRefused) = Call(function, null, [input.clone(), .. arguments]);
                checkedNames.Add(function.Name);
                if (functionRefused || !Same(expected, got)) wrong.Add(function.ToString()!);
            }
        }

        Assert.Empty(wrong);
        Assert.True(checkedNames.Count >= 250, $"only {checkedNames.Count} were checked: {string.Join(' ', checkedNames)}");
    }
}
