using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    private static readonly Operator s_randint = new("randint", "low");
    private static readonly Operator s_randintFrom = new("randint", "low_generator");
    private static readonly Operator s_randperm = new("randperm");
    private static readonly Operator s_randpermFrom = new("randperm", "generator");
    private static readonly Operator s_randOut = new("rand", "out");
    private static readonly Operator s_randintOut = new("randint", "out");
    private static readonly Operator s_randpermOut = new("randperm", "out");
    private static readonly Operator s_randpermFromOut = new("randperm", "generator_out");
    private static readonly Operator s_scale_ = new("mul_", "Scalar");
    private static readonly Operator s_shift_ = new("add_", "Scalar");

    // Whole numbers from low on and below high; of 64 bits unless the type is given.
    private static Tensor Randint(long low, long high, long[] size, ScalarType? dtype, Device? device, bool requires_grad, Generator? generator, string[]? names)
    {
        ScalarType type = dtype ?? ScalarType.Int64;
        Value place = Placed(device);
        return Finish(generator is null ? s_randint.Call(low, high, size, type, Value.None, place) : s_randintFrom.Call(low, high, size, generator, type, Value.None, place), requires_grad, names);
    }

    public static Tensor randint(int high, int[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Randint(0, high, Array.ConvertAll(size, x => (long)x), dtype, device, requires_grad, generator, names);

    public static Tensor randint(int low, int high, int[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Randint(low, high, Array.ConvertAll(size, x => (long)x), dtype, device, requires_grad, generator, names);

    public static Tensor randint(long high, Size size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Randint(0, high, size.Shape, dtype, device, requires_grad, generator, names);

    public static Tensor randint(long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Randint(0, high, size, dtype, device, requires_grad, generator, names);

    public static Tensor randint(long low, long high, Size size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Randint(low, high, size.Shape, dtype, device, requires_grad, generator, names);

    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Randint(low, high, size, dtype, device, requires_grad, generator, names);

    /// <summary>The numbers below n in random order.</summary>
    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null)
    {
        ScalarType type = dtype ?? ScalarType.Int64;
        Value place = Placed(device);
        return Finish(generator is null ? s_randperm.Call(n, type, Value.None, place) : s_randpermFrom.Call(n, generator, type, Value.None, place), requires_grad);
    }

    public static Tensor randperm(long n, Tensor @out, Generator? generator = null) =>
        generator is null ? s_randpermOut.Call(n, @out) : s_randpermFromOut.Call(n, generator, @out);

    public static Tensor rand_out(Tensor input, params long[] sizes) => s_randOut.Call(sizes, input);

    public static Tensor randint_out(Tensor input, long high, long[] sizes) => s_randintOut.Call(high, sizes, input);

    [Obsolete("This doesn't exist in PyTorch.", false)]
    public static Tensor randperm_out(Tensor input, long n) => s_randpermOut.Call(n, input);

    /// <summary>Numbers of normal distributions, with gradients of their means and deviations.</summary>
    /// <exception cref="ArgumentException">They are on different devices.</exception>
    public static Tensor normal(Tensor mean, Tensor std, Generator? generator = null)
    {
        if (mean.device != std.device) throw new ArgumentException($"The means are on {mean.device} and the deviations on {std.device}; move one to the other.", nameof(std));
        using Tensor drawn = Randn(broadcast_shapes(mean.shape, std.shape).Shape.ToArray(), result_type(mean, std), mean.device, false, generator, null), scaled = drawn * std;
        return scaled + mean;
    }

    public static Tensor normal(double mean, double std, ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null)
    {
        Tensor result = Randn(size.ToArray(), dtype, device, false, generator, names);
        s_scale_.CallVoid(result, std);
        s_shift_.CallVoid(result, mean);
        return Finish(result, requires_grad);
    }

    public static double rand_float(Generator? generator = null)
    {
        using Tensor t = Rand([1], ScalarType.Float64, CPU, false, generator, null);
        return t.item<double>();
    }

    public static double randn_float(Generator? generator = null)
    {
        using Tensor t = Randn([1], ScalarType.Float64, CPU, false, generator, null);
        return t.item<double>();
    }

    public static bool randint_bool(Generator? generator = null) => randint_long(0, 2, generator) == 1;

    public static int randint_int(int high, Generator? generator = null) => randint_int(0, high, generator);

    public static int randint_int(int low, int high, Generator? generator = null) => (int)randint_long(low, high, generator);

    public static long randint_long(long high, Generator? generator = null) => randint_long(0, high, generator);

    public static long randint_long(long low, long high, Generator? generator = null)
    {
        using Tensor t = Randint(low, high, [1], null, CPU, false, generator, null);
        return t.item<long>();
    }
}
