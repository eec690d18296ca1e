using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>An optimizer that treats every element alike.</summary>
/// <typeparam name="R">Its rule.</typeparam>
internal sealed class ElementwiseOptimizer<R>(FlatParameters parameters, ElementwisePart<R> part, bool kernels = true) : IOptimizer where R : struct, IUpdateRule
{
    public long StepCount { get; private set; }

    public double GradientNorm() => kernels ? parameters.GradientNorm() : parameters.GradientNorm(kernels: false);

    public void Step(double learningRate, double gradientScale = 1) => part.Step(++StepCount, learningRate, gradientScale);

    public IEnumerable<(string Name, Tensor View)> State() => part.State();

    public void Save(string path) => OptimizerState.Save(path, this);

    public void Load(string path) => StepCount = OptimizerState.Load(path, this);

    public void Dispose() => part.Dispose();
}
