using System.Runtime.CompilerServices;
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A model whose own parameters are frozen, but for some that are trained as a whole, until it is disposed.</summary>
internal sealed class FrozenBase : IDisposable
{
    // How many freeze a parameter: several adapters of a model are taken away in any order.
    private static readonly ConditionalWeakTable<Parameter, StrongBox<int>> s_freezes = [];

    private readonly List<Parameter> _frozen = [], _thawed = [];
    private readonly Dictionary<string, Parameter> _trained = [];
    private readonly List<(string Name, Tensor Value)> _rest = [];
    private string? _fingerprint;

    /// <summary>Freezes.</summary>
    /// <param name="model">The model; adapters that it has already are frozen too.</param>
    /// <param name="trained">Patterns of the parameters that are trained as a whole. Those that the model's folder lacked are, too.</param>
    /// <param name="isAdapted">Whether a parameter is one of those that are adapted, and so frozen in any case.</param>
    /// <exception cref="ArgumentException">A parameter that was initialized would be adapted, and so neither trained nor saved; one that would be trained is quantized.</exception>
    internal FrozenBase(nn.Module model, IReadOnlyList<string> trained, Func<string, bool>? isAdapted = null)
    {
        var patterns = new NamePatterns(trained);
        IReadOnlySet<string> fresh = (model is ITransformerModel loaded ? LoadedWeights.Of(loaded)?.Parameters : null) ?? new HashSet<string>();
        if (isAdapted is not null && fresh.FirstOrDefault(isAdapted) is { } lost)
            throw new ArgumentException($"'{lost}' was initialized, since the folder of the model lacked it, and an adapter beside it would not save it. Leave its map out of what is adapted; it is trained as a whole.", nameof(model));
        HashSet<nint> ofAdapters = [.. model.modules().Where(m => m is ProjectionTransform or AttentionPrefix or SoftPrompt).SelectMany(m => m.parameters()).Select(p => p.Handle)];
        if (model.named_parameters().Where(p => IsWhole(p.name, p.parameter) && p.parameter.numel() == 0).Select(p => p.name).FirstOrDefault() is { } quantized)
            throw new ArgumentException($"'{quantized}' would be trained as a whole, and is in few bits. Leave its map out when the model is quantized.", nameof(model));
        foreach (var (path, parameter) in model.named_parameters())
        {
            if (IsWhole(path, parameter))
            {
                _trained.Add(path, parameter);
                if (parameter.requires_grad || !s_freezes.TryGetValue(parameter, out _)) continue;
                parameter.requires_grad = true;   // an adapter made before has frozen it
                _thawed.Add(parameter);
                continue;
            }
            _rest.Add((path, parameter));
            if (parameter.requires_grad || s_freezes.TryGetValue(parameter, out _))
            {
                s_freezes.GetOrCreateValue(parameter).Value++;
                parameter.requires_grad = false;
                _frozen.Add(parameter);
            }
        }

        bool IsWhole(string path, Parameter parameter) => !ofAdapters.Contains(parameter.Handle) && (patterns.Fits(path) || fresh.Contains(path)) && !(isAdapted?.Invoke(path) ?? false);
    }

    /// <summary>The parameters that are trained as a whole, by name.</summary>
    internal IReadOnlyDictionary<string, Parameter> Trained => _trained;

    /// <summary>What tells the model from others of its architecture, by all that is not trained as a whole, when it is first asked for.</summary>
    internal string Fingerprint => _fingerprint ??= WeightsFingerprint.Of(_rest);

    /// <summary>The same for a file; null where an adapter is in the weights and it was not asked for before.</summary>
    internal string? FingerprintOf(bool isMerged) => isMerged ? _fingerprint : Fingerprint;

    /// <summary>Lets the parameters be trained again.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in _thawed.Where(p => !p.IsInvalid && s_freezes.TryGetValue(p, out _))) parameter.requires_grad = false;
        _thawed.Clear();
        foreach (Parameter parameter in _frozen)
        {
            if (!s_freezes.TryGetValue(parameter, out StrongBox<int>? count) || --count.Value > 0) continue;
            s_freezes.Remove(parameter);
            if (!parameter.IsInvalid) parameter.requires_grad = true;
        }
        _frozen.Clear();
    }
}
