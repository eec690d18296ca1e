using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

/// <summary>Element-wise functions against System.Math, special numbers included.</summary>
public sealed class ElementwiseTests
{
    private static readonly double[] s_special = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e-300, 37.0];

    private static double[] Numbers(double low, double high, int count, int seed)
    {
        var random = new Random(seed);
        return Enumerable.Range(0, count).Select(_ => low + (high - low) * random.NextDouble()).ToArray();
    }

    private static void AssertClose(double[] expected, Tensor actual, string name)
    {
        double[] got = actual.data<double>().ToArray();
        Assert.Equal(expected.Length, got.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = expected[i].Equals(got[i]) || expected[i] == got[i] || Math.Abs(expected[i] - got[i]) <= 1e-13 * Math.Max(1, Math.Abs(expected[i]));
            Assert.True(same, $"{name}: element {i} is {got[i]:R}, not {expected[i]:R}");
        }
    }

    public static readonly TheoryData<string> UnaryNames = new(Unary.Keys);

    private static Dictionary<string, (Func<Tensor, Tensor> Torch, Func<double, double> Plain)> Unary => new()
    {
        ["abs"] = (t => t.abs(), Math.Abs),
        ["acos"] = (t => t.acos(), Math.Acos),
        ["acosh"] = (t => t.acosh(), Math.Acosh),
        ["asin"] = (t => t.asin(), Math.Asin),
        ["asinh"] = (t => t.asinh(), Math.Asinh),
        ["atan"] = (t => t.atan(), Math.Atan),
        ["atanh"] = (t => t.atanh(), Math.Atanh),
        ["ceil"] = (t => t.ceil(), Math.Ceiling),
        ["clamp"] = (t => t.clamp(-0.75, 1.25), x => double.IsNaN(x) ? x : Math.Clamp(x, -0.75, 1.25)),
        ["cos"] = (t => t.cos(), Math.Cos),
        ["cosh"] = (t => t.cosh(), Math.Cosh),
        ["deg2rad"] = (t => t.deg2rad(), x => x * (Math.PI / 180)),
        ["elu"] = (t => t.elu(0.7), x => x > 0 ? x : 0.7 * (Math.Exp(x) - 1)),
        ["exp"] = (t => t.exp(), Math.Exp),
        ["exp2"] = (t => t.exp2(), x => Math.Pow(2, x)),
        ["expm1"] = (t => t.expm1(), x => Math.Abs(x) < 1e-5 ? x + x * x / 2 : Math.Exp(x) - 1),
        ["floor"] = (t => t.floor(), Math.Floor),
        ["frac"] = (t => t.frac(), x => x - Math.Truncate(x)),
        ["hardsigmoid"] = (t => t.hardsigmoid(), x => double.IsNaN(x) ? x : Math.Clamp(x + 3, 0, 6) / 6),
        ["hardtanh"] = (t => t.hardtanh(-0.5, 0.25), x => double.IsNaN(x) ? x : Math.Clamp(x, -0.5, 0.25)),
        ["leaky_relu"] = (t => t.leaky_relu(0.1), x => x > 0 ? x : 0.1 * x),
        ["log"] = (t => t.log(), Math.Log),
        ["log10"] = (t => t.log10(), Math.Log10),
        ["log1p"] = (t => t.log1p(), x => Math.Abs(x) < 1e-5 ? x - x * x / 2 : Math.Log(1 + x)),
        ["log2"] = (t => t.log2(), Math.Log2),
        ["logit"] = (t => t.logit(), x => Math.Log(x / (1 - x))),
        ["neg"] = (t => t.neg(), x => -x),
        ["pow"] = (t => t.pow(3), x => x * x * x),
        ["rad2deg"] = (t => t.rad2deg(), x => x * (180 / Math.PI)),
        ["reciprocal"] = (t => t.reciprocal(), x => 1 / x),
        ["relu"] = (t => t.relu(), x => double.IsNaN(x) ? x : Math.Max(x, 0)),
        ["relu6"] = (t => t.relu6(), x => double.IsNaN(x) ? x : Math.Clamp(x, 0, 6)),
        ["round"] = (t => t.round(), x => Math.Round(x, MidpointRounding.ToEven)),
        ["rsqrt"] = (t => t.rsqrt(), x => 1 / Math.Sqrt(x)),
        ["sigmoid"] = (t => t.sigmoid(), x => 1 / (1 + Math.Exp(-x))),
        ["sign"] = (t => t.sign(), x => double.IsNaN(x) ? 0 : Math.Sign(x)),
        ["silu"] = (t => t.silu(), x => x / (1 + Math.Exp(-x))),
        ["sin"] = (t => t.sin(), Math.Sin),
        ["sinh"] = (t => t.sinh(), Math.Sinh),
        ["softplus"] = (t => t.softplus(), x => x > 20 ? x : Math.Log(1 + Math.Exp(x))),
        ["sqrt"] = (t => t.sqrt(), Math.Sqrt),
        ["square"] = (t => t.square(), x => x * x),
        ["tan"] = (t => t.tan(), Math.Tan),
        ["tanh"] = (t => t.tanh(), Math.Tanh),
        ["threshold"] = (t => t.threshold(0.1, 20), x => x > 0.1 || double.IsNaN(x) ? x : 20),
        ["trunc"] = (t => t.trunc(), Math.Truncate),
        ["unary minus"] = (t => -t, x => -x),
        ["1 - x"] = (t => 1 - t, x => 1 - x),
        ["1 / x"] = (t => 1 / t, x => 1 / x),
        ["x % 0.75"] = (t => t % 0.75, x => double.IsInfinity(x) ? double.NaN : x - Math.Floor(x / 0.75) * 0.75),
    };

    [Theory]
    [MemberData(nameof(UnaryNames))]
    public void Unary_RandomAndSpecialNumbers_EqualsSystemMath(string name)
    {
        if (name is "hardtanh") Package.Skip("hardtanh leaves its input as it is");
        (Func<Tensor, Tensor> torchForm, Func<double, double> plain) = Unary[name];
        double[] numbers = [.. Numbers(-3, 3, 53, 7), .. s_special];
        using Tensor x = tensor(numbers);

        using Tensor y = torchForm(x);

        AssertClose(numbers.Select(plain).ToArray(), y, name);
    }

    public static readonly TheoryData<string> BinaryNames = new(Binary.Keys);

    private static Dictionary<string, (Func<Tensor, Tensor, Tensor> Torch, Func<double, double, double> Plain)> Binary => new()
    {
        ["+"] = ((a, b) => a + b, (a, b) => a + b),
        ["-"] = ((a, b) => a - b, (a, b) => a - b),
        ["*"] = ((a, b) => a * b, (a, b) => a * b),
        ["/"] = ((a, b) => a / b, (a, b) => a / b),
        ["%"] = ((a, b) => a % b, (a, b) => a - Math.Floor(a / b) * b),
        ["add alpha"] = ((a, b) => a.add(b, 3), (a, b) => a + 3 * b),
        ["addcdiv"] = ((a, b) => a.addcdiv(b, a, 2), (a, b) => a + 2 * b / a),
        ["addcmul"] = ((a, b) => a.addcmul(a, b, 2), (a, b) => a + 2 * a * b),
        ["atan2"] = ((a, b) => a.atan2(b), Math.Atan2),
        ["copysign"] = ((a, b) => a.copysign(b), Math.CopySign),
        ["div floor"] = ((a, b) => a.div(b, RoundingMode.floor), (a, b) => Math.Floor(a / b)),
        ["div trunc"] = ((a, b) => a.div(b, RoundingMode.trunc), (a, b) => Math.Truncate(a / b)),
        ["floor_divide"] = ((a, b) => a.floor_divide(b), (a, b) => Math.Floor(a / b)),
        ["fmod"] = ((a, b) => a.fmod(b), (a, b) => a % b),
        ["hypot"] = ((a, b) => a.hypot(b), double.Hypot),
        ["lerp"] = ((a, b) => a.lerp(b, b), (a, b) => Math.Abs(b) < 0.5 ? a + b * (b - a) : b - (b - a) * (1 - b)),
        ["logaddexp"] = ((a, b) => a.logaddexp(b), (a, b) => Math.Log(Math.Exp(a) + Math.Exp(b))),
        ["logaddexp2"] = ((a, b) => a.logaddexp2(b), (a, b) => Math.Log2(Math.Pow(2, a) + Math.Pow(2, b))),
        ["maximum"] = ((a, b) => a.maximum(b), Math.Max),
        ["minimum"] = ((a, b) => a.minimum(b), Math.Min),
        ["nextafter"] = ((a, b) => a.nextafter(b), (a, b) => a < b ? Math.BitIncrement(a) : Math.BitDecrement(a)),
        ["pow"] = ((a, b) => a.abs().pow(b), (a, b) => Math.Pow(Math.Abs(a), b)),
        ["sub"] = ((a, b) => a.sub(b), (a, b) => a - b),
        ["where"] = ((a, b) => a.where(a > b, b), Math.Max),
        ["xlogy"] = ((a, b) => a.xlogy(b.abs()), (a, b) => a * Math.Log(Math.Abs(b))),
    };

    [Theory]
    [MemberData(nameof(BinaryNames))]
    public void Binary_RandomNumbers_EqualsSystemMath(string name)
    {
        (Func<Tensor, Tensor, Tensor> torchForm, Func<double, double, double> plain) = Binary[name];
        double[] left = Numbers(-3, 3, 59, 11), right = Numbers(-3, 3, 59, 13);
        using DisposeScope scope = NewDisposeScope();

        Tensor result = torchForm(tensor(left), tensor(right));

        AssertClose(left.Zip(right, plain).ToArray(), result, name);
    }

    [Fact]
    public void Add_RowAndColumn_BroadcastsBoth()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor column = tensor(new double[] { 10, 20, 30 }).reshape(3, 1), row = tensor(new double[] { 1, 2, 3, 4, 5 });

        Tensor sum = column + row;

        Assert.Equal([3, 5], sum.shape);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 5; j++)
                Assert.Equal(10.0 * (i + 1) + j + 1, sum[i, j].item<double>());
    }

    [Fact]
    public void Operators_EveryNumberType_EqualsTheDoubleForm()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new double[] { 1, 2, 5 });
        Tensor[] added = [t + 3, t + 3L, t + 3f, t + 3.0, t + 3.0.ToScalar(), 3 + t, 3L + t, 3f + t, 3.0 + t, 3.0.ToScalar() + t];
        Tensor[] subtracted = [3 - t, 3L - t, 3f - t, 3.0 - t, 3.0.ToScalar() - t, -(t - 3), -(t - 3L), -(t - 3f), -(t - 3.0), -(t - 3.0.ToScalar())];
        Tensor[] multiplied = [t * 3, t * 3L, t * 3f, t * 3.0, t * 3.0.ToScalar(), 3 * t, 3L * t, 3f * t, 3.0 * t, 3.0.ToScalar() * t];
        Tensor[] divided = [t / 4, t / 4L, t / 4f, t / 4.0, t / 4.0.ToScalar()];
        Tensor[] remaining = [t % 3, t % 3L, t % 3f, t % 3.0, t % 3.0.ToScalar()];

        Assert.All(added, r => Assert.Equal([4.0, 5.0, 8.0], r.data<double>().ToArray()));
        Assert.All(subtracted, r => Assert.Equal([2.0, 1.0, -2.0], r.data<double>().ToArray()));
        Assert.All(multiplied, r => Assert.Equal([3.0, 6.0, 15.0], r.data<double>().ToArray()));
        Assert.All(divided, r => Assert.Equal([0.25, 0.5, 1.25], r.data<double>().ToArray()));
        Assert.All(remaining, r => Assert.Equal([1.0, 2.0, 2.0], r.data<double>().ToArray()));
    }

    [Fact]
    public void Operators_IntegerTensorAndIntegers_StayIntegers()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor t = tensor(new long[] { 7, 11, 13 });

        Assert.Equal(ScalarType.Int64, (t + 2).dtype);
        Assert.Equal(ScalarType.Int64, (t * 2L).dtype);
        Assert.Equal(ScalarType.Int64, (5 - t).dtype);
        Assert.Equal(ScalarType.Float32, (t / 2).dtype);
        Assert.Equal(ScalarType.Float32, (t + 0.5).dtype);
    }

    [Fact]
    public void Operators_NumberMinusOrOverTensor_LeaveNoTemporaryBehind()
    {
        using Tensor t = tensor(new double[] { 2, 4 });
        using DisposeScope scope = NewDisposeScope();

        Tensor difference = 1 - t, quotient = 1 / t;

        Package.Skip("the number becomes a tensor that stays in the scope");
        Assert.Equal(2, scope.DisposablesCount);
        Assert.Equal([-1.0, -3.0], difference.data<double>().ToArray());
        Assert.Equal([0.5, 0.25], quotient.data<double>().ToArray());
    }

    [Fact]
    public void Gelu_Numbers_EqualsTheErrorFunctionForm()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(Numbers(-3, 3, 31, 17));

        Tensor expected = 0.5 * x * (1 + (x / Math.Sqrt(2)).erf());

        Assert.True(x.gelu().allclose(expected, 1e-13, 1e-15));
        Assert.True(x.gelu(Modules.GELU.Approximate.none).Equals(x.gelu()));
        Assert.True(x.gelu(Modules.GELU.Approximate.tanh).allclose(0.5 * x * (1 + (Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x.pow(3))).tanh()), 1e-13, 1e-15));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.gelu((Modules.GELU.Approximate)7));
    }

    [Fact]
    public void NanToNum_SpecialNumbers_AreReplaced()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 3.0 });

        Assert.Equal([7.0, 11.0, -13.0, 3.0], x.nan_to_num(7, 11, -13).data<double>().ToArray());
        Assert.Equal([0.0, double.MaxValue, double.MinValue, 3.0], x.nan_to_num().data<double>().ToArray());
    }

    [Fact]
    public void Clamp_Tensors_BoundEachElement()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new double[] { -5, 0, 5 });

        Assert.Equal([-1.0, 0.0, 3.0], x.clamp(tensor(new double[] { -1, -2, -3 }), tensor(new double[] { 1, 2, 3 })).data<double>().ToArray());
        Assert.Equal([-5.0, 0.0, 1.0], x.clamp(max: 1.0).data<double>().ToArray());
        Assert.Equal([-1.0, 0.0, 5.0], x.clamp(min: -1.0).data<double>().ToArray());
    }

    [Fact]
    public void Round_Decimals_RoundsThere()
    {
        using Tensor x = tensor(new[] { 3.14159, 2.71828 });
        using Tensor y = x.round(2);

        Assert.Equal([3.14, 2.72], y.data<double>().ToArray());
    }

    [Fact]
    public void ComplexParts_ComplexNumbers_AreTheirParts()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor z = complex(tensor(new double[] { 1, 2 }), tensor(new double[] { 3, -5 }));

        Assert.Equal([1.0, 2.0], z.real.data<double>().ToArray());
        Assert.Equal([3.0, -5.0], z.imag.data<double>().ToArray());
        Assert.Equal([-3.0, 5.0], z.conj().resolve_conj().imag.resolve_neg().clone().data<double>().ToArray());
        Assert.True(z.conj().is_conj());
        Assert.False(z.is_conj());
    }

    [Theory]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int8)]
    [InlineData(ScalarType.Byte)]
    public void Divisions_LeastIntegerByMinusOne_Wrap(ScalarType type)
    {
        if (type != ScalarType.Byte) Package.Skip("the processor's exception ends the process");
        using DisposeScope scope = NewDisposeScope();
        long least = type switch { ScalarType.Int64 => long.MinValue, ScalarType.Int32 => int.MinValue, ScalarType.Int8 => sbyte.MinValue, _ => 0 };
        Tensor t = tensor(new[] { least, 7L, 0 }).to(type);
        long[] negatives = t.neg().@long().data<long>().ToArray();
        if (type == ScalarType.Byte) negatives[1] = 0;   // 7 by 255

        Assert.All([t.div(-1, RoundingMode.floor), t.div(-1, RoundingMode.trunc), t.floor_divide(-1), t.clone().div_(-1, RoundingMode.trunc), t.clone().floor_divide_(-1)], quotient =>
        {
            Assert.Equal(type, quotient.dtype);
            Assert.Equal(negatives, quotient.@long().data<long>().ToArray());
        });
        Assert.All([t.remainder(-1), t.fmod(-1), t % -1, t.clone().remainder_(-1), t.clone().fmod_(-1)], rest =>
        {
            Assert.Equal(type, rest.dtype);
            Assert.Equal(type == ScalarType.Byte ? [0L, 7, 0] : [0L, 0, 0], rest.@long().data<long>().ToArray());
        });
        Assert.Equal(ScalarType.Float32, t.div(-1).dtype);
    }

    [Theory]
    [InlineData(ScalarType.Int64, ScalarType.Int64)]
    [InlineData(ScalarType.Int64, ScalarType.Int8)]
    [InlineData(ScalarType.Int32, ScalarType.Int32)]
    [InlineData(ScalarType.Int32, ScalarType.Int64)]
    [InlineData(ScalarType.Int8, ScalarType.Int8)]
    public void Divisions_LeastIntegerByTensorOfMinusOne_Wrap(ScalarType type, ScalarType divisorType)
    {
        Package.Skip("the processor's exception ends the process");
        using DisposeScope scope = NewDisposeScope();
        long least = type switch { ScalarType.Int64 => long.MinValue, ScalarType.Int32 => int.MinValue, _ => sbyte.MinValue };
        Tensor t = tensor(new[] { least, 7L, -7L, 7L, 0L }).to(type), by = tensor(new[] { -1L, -1L, -3L, 2L, -1L }).to(divisorType);
        // A wider divisor has room for the quotient.
        long first = type == divisorType || type == ScalarType.Int64 ? least : -least;

        Same([first, -7, 2, 3, 0], t.div(by, RoundingMode.floor), t.floor_divide(by));
        Same([first, -7, 2, 3, 0], t.div(by, RoundingMode.trunc));
        Same([least, -7, 2, 3, 0], t.clone().div_(by, RoundingMode.trunc), t.clone().floor_divide_(by));
        Same([0, 0, -1, 1, 0], t.remainder(by), t % by, t.fmod(by), t.clone().remainder_(by), t.clone().fmod_(by));
        Same([first, -7, 7, -7, 0], t.div(by[0].expand(5), RoundingMode.floor));
        Assert.Equal([-1L, -1, -3, 2, -1], by.@long().data<long>().ToArray());

        static void Same(long[] expected, params Tensor[] actual) => Assert.All(actual, values => Assert.Equal(expected, values.@long().data<long>().ToArray()));
    }
}
