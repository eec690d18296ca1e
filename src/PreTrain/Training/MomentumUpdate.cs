using PreTrain.Models;
using PreTrain.Optimization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>Lets the parameters of a momentum encoder follow the trained ones, both in 32 bits: what a step changes is too small for fewer.</summary>
internal sealed class MomentumUpdate
{
    private readonly IMomentumModel _model;
    private readonly (Parameter Parameter, Tensor Value, Tensor Leader)[] _followers;

    /// <param name="model">The model.</param>
    /// <param name="module">The same.</param>
    /// <param name="parameters">Its parameters' values.</param>
    internal MomentumUpdate(IMomentumModel model, nn.Module module, FlatParameters parameters)
    {
        _model = model;
        var own = module.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        // In 32 bits a parameter that is not trained is its own value.
        _followers = [.. model.Followed.Select(pair => (own[pair.Key], parameters.Masters.GetValueOrDefault(pair.Key) ?? own[pair.Key], parameters.Masters.GetValueOrDefault(pair.Value) ?? own[pair.Value]))];
    }

    /// <summary>Takes the weights after a step in.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="steps">The steps of the whole training.</param>
    internal void Update(int step, int steps)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor share = full([], 1 - _model.MomentumAt(step, steps), dtype: ScalarType.Float32, device: _followers[0].Value.device);
        foreach (var (parameter, value, leader) in _followers)
        {
            value.lerp_(leader, share);
            if (!ReferenceEquals(parameter, value)) parameter.copy_(value);
        }
    }
}
