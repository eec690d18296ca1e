using TorchSharp.Interop;

namespace TorchSharp;

// Windows for the analysis of signals. A periodic one leaves out the last of len + 1 points.
public static partial class torch
{
    private static readonly Operator s_bartlett = new("bartlett_window", "periodic");
    private static readonly Operator s_blackman = new("blackman_window", "periodic");
    private static readonly Operator s_hann = new("hann_window", "periodic");
    private static readonly Operator s_hamming = new("hamming_window", "periodic_alpha_beta");
    private static readonly Operator s_kaiser = new("kaiser_window", "beta");

    public static Tensor bartlett_window(long len, bool periodic = true, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_bartlett.Call(len, periodic, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor blackman_window(long len, bool periodic = true, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_blackman.Call(len, periodic, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor hann_window(long len, bool periodic = true, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_hann.Call(len, periodic, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor hamming_window(long len, bool periodic = true, float alpha = 0.54f, float beta = 0.46f, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_hamming.Call(len, periodic, alpha, beta, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor kaiser_window(long len, bool periodic = true, float beta = 12f, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_kaiser.Call(len, periodic, beta, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);
}
