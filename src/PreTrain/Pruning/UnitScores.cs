using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>How important the units of each site, and the layers of each stack, are to a model.</summary>
internal sealed class UnitScores
{
    private readonly Dictionary<string, double[]> _units = [], _layers = [];
    private readonly IReadOnlyList<PruningSite> _sites;
    private readonly IReadOnlyList<LayerNames> _stacks;
    private readonly Dictionary<string, Projection> _maps;
    private readonly Dictionary<string, Parameter> _parameters;

    private UnitScores(ITransformerModel model, IReadOnlyList<PruningSite> sites, IReadOnlyList<LayerNames> stacks)
    {
        nn.Module module = LinearMaps.ModuleOf(model);
        (_sites, _stacks) = (sites, stacks);
        _maps = module.named_modules().Where(m => m.module is Projection).ToDictionary(m => m.name, m => (Projection)m.module);
        _parameters = module.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        foreach (PruningSite site in sites) _units[site.Output] = new double[site.Units];
        foreach (LayerNames stack in stacks) _layers[stack.Prefix] = new double[stack.Count];
    }

    /// <summary>The importance of each unit of a site, by <see cref="PruningSite.Output"/>.</summary>
    internal IReadOnlyDictionary<string, double[]> Units => _units;

    /// <summary>The importance of each layer of a stack, by <see cref="LayerNames.Prefix"/>.</summary>
    internal IReadOnlyDictionary<string, double[]> Layers => _layers;

    /// <exception cref="ArgumentException">Data or the loss is missing, or gives values that are not finite.</exception>
    internal static UnitScores Of(ITransformerModel model, IReadOnlyList<PruningSite> sites, IReadOnlyList<LayerNames> stacks, UnitImportance importance, IReadOnlyList<ModelInput>? calibration, Func<ModelInput, Tensor>? loss, CancellationToken cancellationToken)
    {
        var scores = new UnitScores(model, sites, stacks);
        if (importance == UnitImportance.Magnitude)
        {
            scores.Measure(cancellationToken);
        }
        else
        {
            if (calibration is not { Count: > 0 }) throw new ArgumentException($"{importance} needs data for its calibration; give a few batches.", nameof(calibration));
            if (importance == UnitImportance.Taylor && loss is null) throw new ArgumentException("Taylor needs a loss, whose gradients it computes.", nameof(loss));
            nn.Module module = LinearMaps.ModuleOf(model);
            bool training = module.training;
            module.eval();
            try
            {
                if (importance == UnitImportance.Taylor) scores.Differentiate(calibration, loss!, cancellationToken);
                else scores.Observe(model, calibration, cancellationToken);
            }
            finally
            {
                module.train(training);
            }
        }
        return scores._units.Values.Concat(scores._layers.Values).SelectMany(values => values).All(double.IsFinite) ? scores
            : throw new ArgumentException("The importance of a unit is not finite: the weights, the calibration or the loss are not.", nameof(calibration));
    }

    private void Measure(CancellationToken cancellationToken)
    {
        using IDisposable mode = no_grad();
        foreach (PruningSite site in _sites)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            Tensor squares = OfColumns(site, _maps[site.Output].weight.to(ScalarType.Float64).pow(2));
            foreach (UnitInput input in site.Inputs) squares += _maps[input.Name].weight.to(ScalarType.Float64).pow(2).sum([1]).view(input.Parts, site.Units, input.Width).sum([0, 2]);
            Add(_units[site.Output], squares.sqrt());
        }
        foreach (LayerNames stack in _stacks)
        {
            using DisposeScope scope = NewDisposeScope();
            for (int layer = 0; layer < stack.Count; layer++) _layers[stack.Prefix][layer] = Math.Sqrt(OfLayer(stack, layer).Sum(p => p.to(ScalarType.Float64).pow(2).sum().item<double>()));
        }
    }

    private void Observe(ITransformerModel model, IReadOnlyList<ModelInput> calibration, CancellationToken cancellationToken)
    {
        using IDisposable mode = no_grad();
        InputStatistics[] statistics = [.. _sites.Select(site => new InputStatistics(_maps[site.Output], wantsProducts: false))];
        try
        {
            Calibration.Run(model, [.. _sites.Select((site, i) => (_maps[site.Output], (Action<Tensor>)statistics[i].Add))], calibration.Select(input => input with { WantHiddenStates = true, WantsStream = true }), output =>
            {
                foreach (LayerNames stack in _stacks)
                {
                    IReadOnlyList<Tensor> states = stack.IsEncoderOfPair ? output.EncoderHiddenStates! : output.HiddenStates!;
                    for (int layer = 0; layer < stack.Count; layer++) _layers[stack.Prefix][layer] += Turn(states[layer], states[layer + 1]);
                }
            }, cancellationToken);
            using DisposeScope sums = NewDisposeScope();
            for (int i = 0; i < statistics.Length; i++) Add(_units[_sites[i].Output], statistics[i].Sum.view(_sites[i].Units, _sites[i].OutputWidth).sum([1]).sqrt());
        }
        finally
        {
            foreach (InputStatistics statistic in statistics) statistic.Dispose();
        }
    }

    private void Differentiate(IReadOnlyList<ModelInput> calibration, Func<ModelInput, Tensor> loss, CancellationToken cancellationToken)
    {
        if (_parameters.FirstOrDefault(p => !p.Value.requires_grad).Key is { } frozen)
            throw new ArgumentException($"The parameter '{frozen}' is frozen, and Taylor needs gradients of all; set its requires_grad.", nameof(loss));
        DropGradients();
        try
        {
            foreach (ModelInput input in calibration)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                using (enable_grad()) loss(input).backward();
                using IDisposable mode = no_grad();
                foreach (PruningSite site in _sites) Add(_units[site.Output], OfColumns(site, Change(_maps[site.Output].weight)).abs());
                foreach (LayerNames stack in _stacks)
                {
                    for (int layer = 0; layer < stack.Count; layer++) _layers[stack.Prefix][layer] += Math.Abs(OfLayer(stack, layer).Sum(p => Change(p).sum().item<double>()));
                }
                DropGradients();
            }
        }
        finally
        {
            DropGradients();
        }

        void DropGradients()
        {
            foreach (Parameter parameter in _parameters.Values) parameter.grad = null;
        }

        static Tensor Change(Parameter parameter) => parameter.grad is { } gradient ? gradient.to(ScalarType.Float64) * parameter.to(ScalarType.Float64) : zeros_like(parameter, dtype: ScalarType.Float64);
    }

    private IEnumerable<Parameter> OfLayer(LayerNames stack, int layer) => _parameters.Where(p => p.Key.StartsWith($"{stack.Prefix}{layer}.", StringComparison.Ordinal)).Select(p => p.Value);

    /// <summary>(outputs, units · width) → (units).</summary>
    private static Tensor OfColumns(PruningSite site, Tensor values) => values.sum([0]).view(site.Units, site.OutputWidth).sum([1]);

    /// <summary>Σ 1 − cos over the tokens that are there.</summary>
    private static double Turn(Tensor before, Tensor after)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = before.to(ScalarType.Float64), b = after.to(ScalarType.Float64), lengths = (a * a).sum([-1]).sqrt() * (b * b).sum([-1]).sqrt();   // (B, T)
        Tensor present = lengths.gt(0).to(ScalarType.Float64);
        return (present - (a * b).sum([-1]) / (lengths + (1 - present)) * present).sum().item<double>();
    }

    private static void Add(double[] sums, Tensor values)
    {
        double[] added = values.cpu().contiguous().data<double>().ToArray();
        for (int i = 0; i < sums.Length; i++) sums[i] += added[i];
    }
}
