using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>Lets a model read a few texts so that its linear maps are seen at work.</summary>
internal static class Calibration
{
    /// <summary>Runs the model in evaluation mode, without gradients.</summary>
    /// <param name="model">A model whose named maps compute with their weights alone.</param>
    /// <param name="maps">The maps, and what is shown the rows that each is applied to, (N, I).</param>
    /// <param name="inputs">What the model reads.</param>
    /// <param name="read">Is given what the model computes of each input; null where nobody wants it.</param>
    /// <param name="cancellationToken">Ends it before an input.</param>
    internal static void Run(ITransformerModel model, IReadOnlyList<(Projection Map, Action<Tensor> See)> maps, IEnumerable<ModelInput> inputs, Action<ModelOutput>? read = null, CancellationToken cancellationToken = default)
    {
        var module = (nn.Module)model;
        bool training = module.training;
        module.eval();
        using IDisposable mode = no_grad();
        try
        {
            foreach (var (map, see) in maps) map.Transform = new InputObserver(see);
            foreach (ModelInput input in inputs)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                ModelOutput output = model.Forward(input);
                read?.Invoke(output);
            }
        }
        finally
        {
            foreach (var (map, _) in maps)
            {
                ProjectionTransform? observer = map.Transform;
                map.Transform = null;
                observer?.Dispose();
            }
            module.train(training);
        }
    }
}
