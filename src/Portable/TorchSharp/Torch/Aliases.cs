namespace TorchSharp;

public static partial class torch
{
    // Copies, parts and facts of a tensor, in the form of functions.

    public static Tensor clone(Tensor input) => input.clone();
    public static Tensor imag(Tensor input) => input.imag;
    public static Tensor real(Tensor input) => input.real;
    public static bool is_conj(Tensor input) => input.is_conj();
    public static long numel(Tensor input) => input.numel();

    // The former names of the trapezoid rule.

    public static Tensor trapz(Tensor y, Tensor x, long dim = -1) => y.trapezoid(x, dim);
    public static Tensor trapz(Tensor y, double dx = 1, long dim = -1) => y.trapezoid(dx, dim);
}
