using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A tensor of an adapter's file, which is one parameter or made of several.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Parameters">What it is made of.</param>
/// <param name="Get">Its value, from values by parameter name where there are such.</param>
/// <param name="Set">Takes a value over, in 32 bits.</param>
internal sealed record AdapterTensor(string Name, long[] Shape, IReadOnlyList<Parameter> Parameters, Func<IReadOnlyDictionary<string, Tensor>?, Tensor> Get, Action<Tensor> Set)
{
    /// <summary>One parameter.</summary>
    /// <param name="ours">Its name in the model.</param>
    /// <param name="theirs">Its name in the file.</param>
    /// <param name="value">The parameter.</param>
    /// <param name="shape">The shape in the file; null for the parameter's.</param>
    /// <param name="isTransposed">Whether the file has the matrix transposed.</param>
    /// <param name="factor">What the file has the parameter multiplied with.</param>
    internal static AdapterTensor Of(string ours, string theirs, Parameter value, long[]? shape = null, bool isTransposed = false, double factor = 1) =>
        new(theirs, shape ?? value.shape, [value],
            weights =>
            {
                Tensor own = weights?.GetValueOrDefault(ours) ?? value, there = isTransposed ? own.t() : own.reshape(shape ?? value.shape);
                return factor == 1 ? there : there * factor;
            },
            given =>
            {
                value.copy_(isTransposed ? given.t() : given.view(value.shape));
                if (factor != 1) value.div_(factor);
            });
}
