// N rows (tokens), I inputs, O outputs, M width of the adapter
using PreTrain.Modules;
using PreTrain.Torch.Cpu;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A linear map with a small layer behind it: y = W·x + b becomes y + U·f(D·y + d) + u.</summary>
internal sealed class BottleneckTransform : ProjectionTransform
{
    /// <summary>D (M, O), d (M), U (O, M), u (O).</summary>
    internal readonly Parameter down, down_bias, up, up_bias;

    private readonly Activation _activation;

    internal BottleneckTransform(Projection map, BottleneckOptions options, Generator? generator) : base(nameof(BottleneckTransform))
    {
        _activation = options.Activation;
        long outputs = map.weight.size(0);
        Device device = map.weight.device;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        down = new Parameter(empty([options.Width, outputs], dtype: ScalarType.Float32).normal_(0, options.InitialDeviation, generator).to(device));
        (down_bias, up_bias) = (new Parameter(zeros([options.Width], dtype: ScalarType.Float32, device: device)), new Parameter(zeros([outputs], dtype: ScalarType.Float32, device: device)));
        up = new Parameter(zeros([outputs, options.Width], dtype: ScalarType.Float32, device: device));
        scope.Detach(new Tensor[] { down, down_bias, up, up_bias });
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>The layer sees the bias, which is added afterwards.</remarks>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor product = WeightProduct.Apply(x, projection.weight);
        return scope.MoveToOuter(product + Update(projection.bias is { } bias ? product + bias : product));
    }

    /// <inheritdoc/>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor y = WeightProduct.Apply(x, projection.weight, bias);
        return scope.MoveToOuter(y + Update(y));
    }

    /// <summary>(…, O) → (…, O).</summary>
    private Tensor Update(Tensor y) => WidenedProduct.Linear(Activations.Apply(_activation, WidenedProduct.Linear(y, down, down_bias)), up, up_bias);
}
