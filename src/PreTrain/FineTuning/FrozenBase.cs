using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A model whose own parameters are frozen, but for some that are trained as a whole, until it is disposed.</summary>
internal sealed class FrozenBase : IDisposable
{
    private readonly List<Parameter> _frozen = [];
    private readonly Dictionary<string, Parameter> _trained = [];

    /// <summary>Freezes.</summary>
    /// <param name="model">The model; parameters of other adapters stay as they are.</param>
    /// <param name="trained">Patterns of the parameters that are trained as a whole. Those that the model's folder lacked are, too.</param>
    /// <param name="isAdapted">Whether a parameter is one of those that are adapted, and so frozen in any case.</param>
    internal FrozenBase(nn.Module model, IReadOnlyList<string> trained, Func<string, bool>? isAdapted = null)
    {
        var patterns = new NamePatterns(trained);
        IReadOnlySet<string> fresh = (model is ITransformerModel loaded ? LoadedWeights.Of(loaded)?.Parameters : null) ?? new HashSet<string>();
        HashSet<nint> ofAdapters = [.. model.modules().Where(m => m is ProjectionTransform or AttentionPrefix or SoftPrompt).SelectMany(m => m.parameters()).Select(p => p.Handle)];
        foreach (var (path, parameter) in model.named_parameters())
        {
            if (ofAdapters.Contains(parameter.Handle)) continue;
            if ((patterns.Fits(path) || fresh.Contains(path)) && !(isAdapted?.Invoke(path) ?? false))
            {
                _trained.Add(path, parameter);
            }
            else if (parameter.requires_grad)
            {
                parameter.requires_grad = false;
                _frozen.Add(parameter);
            }
        }
    }

    /// <summary>The parameters that are trained as a whole, by name.</summary>
    internal IReadOnlyDictionary<string, Parameter> Trained => _trained;

    /// <summary>Lets the parameters be trained again.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in _frozen.Where(p => !p.IsInvalid)) parameter.requires_grad = true;
        _frozen.Clear();
    }
}
