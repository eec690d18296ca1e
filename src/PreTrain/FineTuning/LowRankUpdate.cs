// N rows (tokens), I inputs, O outputs, R rank
using PreTrain.Modules;
using PreTrain.Torch.Cpu;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>The update of one weight by one adapter.</summary>
internal sealed class LowRankUpdate : nn.Module
{
    /// <summary>(R, I) and (O, R).</summary>
    internal readonly Parameter a, b;

    /// <summary>The lengths of the outputs, (O), where they are trained.</summary>
    internal readonly Parameter? magnitude;

    /// <param name="weight">(O, I).</param>
    /// <param name="options">Rank and scale.</param>
    /// <param name="generator">Where A is drawn from.</param>
    internal LowRankUpdate(Tensor weight, LoraOptions options, Generator? generator) : base(nameof(LowRankUpdate))
    {
        (long outputs, long inputs) = (weight.size(0), weight.size(1));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        // A is drawn as a linear map of torch is, B is zero: at first nothing changes.
        double bound = 1 / Math.Sqrt(inputs);
        Device device = weight.device;
        a = new Parameter(empty([options.Rank, inputs], dtype: ScalarType.Float32).uniform_(-bound, bound, generator).to(device));
        b = new Parameter(zeros([outputs, options.Rank], dtype: ScalarType.Float32, device: device));
        if (options.IsWeightDecomposed) magnitude = new Parameter(LengthsOf(weight));
        scope.Detach(new[] { a, b, magnitude }.OfType<Tensor>());
        (Dropout, IsHadamard) = (options.Dropout, options.IsHadamard);
        Scale = Unit = IsHadamard ? PowerOfTwo(options.Scale, weight) : options.Scale;
        RegisterComponents();
    }

    /// <summary>What B·A is multiplied with.</summary>
    internal double Scale { get; set; }

    /// <summary>What it is multiplied with where the adapter counts 1. Of factors it is a power of two, so that B is saved with it, and read without it, to the last bit.</summary>
    internal double Unit { get; }

    internal double Dropout { get; }

    /// <summary>Whether it multiplies the weight instead of being added to it.</summary>
    internal bool IsHadamard { get; }

    /// <summary>Whether it can be computed in the product with the weight itself.</summary>
    internal bool IsFactor => IsHadamard && !(training && Dropout > 0);

    /// <summary>Whether it takes part.</summary>
    internal bool IsActive { get; set; } = true;

    /// <summary>Whether it changes nothing yet.</summary>
    internal bool IsNew
    {
        get
        {
            using DisposeScope scope = NewDisposeScope();
            return b.count_nonzero([0, 1]).item<long>() == 0;
        }
    }

    /// <summary>Makes rows of A the first right singular vectors of a gradient, as long as rows that are drawn are on average.</summary>
    /// <param name="gradient">That of the weight, (O, I).</param>
    /// <param name="weight">The weight, (O, I).</param>
    internal void Align(Tensor gradient, Tensor weight)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor ofProduct = IsHadamard ? gradient * weight : gradient;
        var (_, _, directions) = linalg.svd(ofProduct.to(ScalarType.Float32), fullMatrices: false);
        long rows = Math.Min(a.size(0), directions.size(0));
        a.narrow(0, 0, rows).copy_(directions.narrow(0, 0, rows) / Math.Sqrt(3));   // of 1/√I times numbers from -1 to 1
    }

    /// <summary>s·B·A·x, or (W ⊙ s·B·A)·x, (…, O).</summary>
    /// <param name="x">(…, I).</param>
    /// <param name="weight">Gives W, (O, I).</param>
    internal Tensor Of(Tensor x, Func<Tensor> weight)
    {
        Tensor kept = training && Dropout > 0 ? CounterDropout.Apply(x, Dropout) : x;
        return IsHadamard ? WidenedProduct.Linear(kept, (weight() * matmul(b * Scale, a)).to(x.dtype), null) : WidenedProduct.Linear(WidenedProduct.Linear(kept, a, null), b * Scale, null);
    }

    /// <summary>s·B·A, (O, I).</summary>
    internal Tensor Delta() => matmul(b, a) * Scale;

    /// <summary>What a weight becomes, (O, I), in 32 bits.</summary>
    /// <param name="weight">The weight, with other updates in it or not.</param>
    /// <param name="own">The weight without any.</param>
    internal Tensor Apply(Tensor weight, Tensor own)
    {
        Tensor update = Delta().to(ScalarType.Float32), sum = weight.to(ScalarType.Float32) + (IsHadamard ? own.to(ScalarType.Float32) * update : update);
        return magnitude is null ? sum : sum * (magnitude.to(ScalarType.Float32) / LengthsOf(sum)).unsqueeze(1);
    }

    /// <summary>The power of two that is next to a scale over the root mean square of a weight; of one that is zero, to the scale.</summary>
    private static double PowerOfTwo(double scale, Tensor weight)
    {
        double size = weight.to(ScalarType.Float32).pow(2).mean().sqrt().item<float>();
        return Math.ScaleB(1, (int)Math.Round(Math.Log2(size > 0 ? scale / size : scale)));
    }

    /// <summary>The Euclidean length of each output's weights, (O), in 32 bits.</summary>
    internal static Tensor LengthsOf(Tensor weight) => weight.to(ScalarType.Float32).pow(2).sum(1).sqrt();
}
