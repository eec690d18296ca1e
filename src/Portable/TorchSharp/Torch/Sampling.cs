using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Samples whose distribution the elements give.

    public static Tensor bernoulli(Tensor input, Generator? generator = null) => input.bernoulli(generator);
    public static Tensor binomial(Tensor count, Tensor probs, Generator? generator = null) => count.binomial(probs, generator);
    public static Tensor multinomial(Tensor input, long num_samples, bool replacement = false, Generator? generator = null) =>
        input.multinomial(num_samples, replacement, generator);
    public static Tensor poisson(Tensor input, Generator? generator = null) => input.poisson(generator);

    private static readonly Operator s_standard_gamma = new("_standard_gamma");
    public static Tensor _standard_gamma(Tensor input, Generator? generator = null) => s_standard_gamma.Call(input, generator);

    private static readonly Operator s_sample_dirichlet = new("_sample_dirichlet");
    public static Tensor _sample_dirichlet(Tensor input, Generator? generator = null) => s_sample_dirichlet.Call(input, generator);
}
