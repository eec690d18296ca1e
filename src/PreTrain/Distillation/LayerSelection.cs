namespace PreTrain.Distillation;

/// <summary>Which layers of a teacher a student keeps.</summary>
public sealed class LayerSelection
{
    private readonly string _name;
    private readonly Func<int, int[]> _choose;

    private LayerSelection(string name, Func<int, int[]> choose) => (_name, _choose) = (name, choose);

    /// <summary>Every layer.</summary>
    public static LayerSelection All { get; } = new("all layers", count => [.. Enumerable.Range(0, count)]);

    /// <summary>The first layer and every <paramref name="step"/>th behind it, as DistilBERT was made with 2 (Sanh et al. 2019, section 3).</summary>
    /// <param name="step">At least 1.</param>
    public static LayerSelection Every(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step);
        return new($"every layer of {step}", count => [.. Enumerable.Range(0, count).Where(layer => layer % step == 0)]);
    }

    /// <summary>The layers nearest to the input.</summary>
    /// <param name="layers">How many.</param>
    public static LayerSelection First(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        return new($"the first {layers} layers", _ => [.. Enumerable.Range(0, layers)]);
    }

    /// <summary>The layers nearest to the output.</summary>
    /// <param name="layers">How many.</param>
    public static LayerSelection Last(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        return new($"the last {layers} layers", count => [.. Enumerable.Range(count - layers, layers)]);
    }

    /// <summary>So many layers, evenly spread, the first among them and, of two or more, the last.</summary>
    /// <param name="layers">How many.</param>
    public static LayerSelection Spread(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        // More than there are would fall together; the last index then says what is missing.
        return new($"{layers} layers", count => [.. Enumerable.Range(0, layers).Select(layer => layers > count ? layer : layers == 1 ? 0 : (int)((long)layer * (count - 1) / (layers - 1)))]);
    }

    /// <summary>These layers.</summary>
    /// <param name="layers">Counted from 0, each larger than the one before.</param>
    /// <exception cref="ArgumentException">There is none, or they do not rise.</exception>
    public static LayerSelection Of(params int[] layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        string list = string.Join(", ", layers);
        if (layers.Length == 0) throw new ArgumentException("A student must keep at least one layer.", nameof(layers));
        if (layers.Zip(layers.Skip(1)).Any(pair => pair.First >= pair.Second)) throw new ArgumentException($"The layers ({list}) must rise.", nameof(layers));
        return new($"the layers {list}", _ => [.. layers]);
    }

    /// <summary>The layers of a teacher that has so many.</summary>
    internal int[] Choose(int count)
    {
        int[] layers = _choose(count);
        return layers[0] >= 0 && layers[^1] < count ? layers : throw new ArgumentException($"A teacher of {count} layers does not have {_name}; its layers are 0 to {count - 1}.");
    }
}
