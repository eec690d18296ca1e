using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Samples whose distribution the elements give.

        private static readonly Operator s_bernoulli = new("bernoulli");
        private static readonly Operator s_bernoulli_ = new("bernoulli_", "float");
        private static readonly Operator s_bernoulli_tensor_ = new("bernoulli_", "Tensor");
        public Tensor bernoulli(Generator? generator = null) => s_bernoulli.Call(this, generator);
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => s_bernoulli_tensor_.CallInto(this, this, p, generator);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => s_bernoulli_.CallInto(this, this, p, generator);

        private static readonly Operator s_binomial = new("binomial");
        public Tensor binomial(Tensor prob, Generator? generator = null) => s_binomial.Call(this, prob, generator);

        private static readonly Operator s_multinomial = new("multinomial");
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) =>
            s_multinomial.Call(this, num_samples, replacement, generator);

        private static readonly Operator s_poisson = new("poisson");
        public Tensor poisson(Generator? generator = null) => s_poisson.Call(this, generator);

        // Fills with samples.

        private static readonly Operator s_cauchy_ = new("cauchy_");
        public Tensor cauchy_(double median = 0, double sigma = 1, Generator? generator = null) => s_cauchy_.CallInto(this, this, median, sigma, generator);

        private static readonly Operator s_exponential_ = new("exponential_");
        public Tensor exponential_(double lambda = 1, Generator? generator = null) => s_exponential_.CallInto(this, this, lambda, generator);

        private static readonly Operator s_geometric_ = new("geometric_");
        public Tensor geometric_(double p, Generator? generator = null) => s_geometric_.CallInto(this, this, p, generator);

        private static readonly Operator s_log_normal_ = new("log_normal_");
        public Tensor log_normal_(double mean = 0, double std = 1, Generator? generator = null) => s_log_normal_.CallInto(this, this, mean, std, generator);

        private static readonly Operator s_normal_ = new("normal_");
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => s_normal_.CallInto(this, this, mean, std, generator);

        private static readonly Operator s_random_ = new("random_", "from");
        public Tensor random_(double from, double to, Generator? generator = null) => s_random_.CallInto(this, this, (long)from, (long)to, generator);

        private static readonly Operator s_uniform_ = new("uniform_");
        public Tensor uniform_(double from, double to, Generator? generator = null) => s_uniform_.CallInto(this, this, from, to, generator);
    }
}
