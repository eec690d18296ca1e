using PreTrain.Modules;

namespace PreTrain.FineTuning;

/// <summary>Small layers behind the sub-layers of each block, which alone are trained (Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", section 2).</summary>
public sealed record BottleneckOptions
{
    /// <summary>The width of the layer's inside, m.</summary>
    /// <value>The default is 64, as in the paper's experiments on GLUE.</value>
    public int Width { get; init; } = 64;

    /// <summary>Behind which sub-layers.</summary>
    /// <value>The default is <see cref="AdapterPlacement.Houlsby"/>.</value>
    public AdapterPlacement Placement { get; init; } = AdapterPlacement.Houlsby;

    /// <summary>Patterns of the linear maps behind which there is a layer, instead of those that <see cref="Placement"/> means; null for those.</summary>
    /// <value>The default is null.</value>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>The activation inside.</summary>
    /// <value>The default is <see cref="Activation.Gelu"/>.</value>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>The deviation of the first map's initial values. The second map is zero at first, so that nothing changes.</summary>
    /// <value>The default is 0.01.</value>
    public double InitialDeviation { get; init; } = 0.01;

    /// <summary>Patterns of parameters that are trained as a whole beside the layers, and saved with them.</summary>
    /// <value>The default is the heads of classification and, as in the paper, all norms: <c>*classifier*</c> and <c>*norm*</c>.</value>
    public IReadOnlyList<string> Trained { get; init; } = ["*classifier*", "*norm*"];

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Width < 1) faults.Add($"{nameof(Width)} ({Width}) must be at least 1.");
        if (!Enum.IsDefined(Placement)) faults.Add($"{nameof(Placement)} ({Placement}) must be Houlsby or Pfeiffer.");
        if (!Enum.IsDefined(Activation)) faults.Add($"{nameof(Activation)} ({Activation}) is not known.");
        if (!(InitialDeviation > 0 && double.IsFinite(InitialDeviation))) faults.Add($"{nameof(InitialDeviation)} ({InitialDeviation}) must be positive.");
        if (Targets is { Count: 0 }) faults.Add($"{nameof(Targets)} must name at least one linear map; '*' fits all.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}
