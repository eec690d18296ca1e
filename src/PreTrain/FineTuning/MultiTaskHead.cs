using PreTrain.Data;

namespace PreTrain.FineTuning;

/// <summary>A task of a <see cref="MultiTaskModel"/>.</summary>
/// <param name="Name">Tells it from the others; letters, digits and <c>_</c>.</param>
/// <param name="Outputs">The scores of its head: as many as there are labels, or one for a number.</param>
/// <param name="Weight">What its loss counts where weights are not learned.</param>
public sealed record MultiTaskHead(string Name, int Outputs, double Weight = 1)
{
    /// <summary>The task of labelled texts.</summary>
    /// <param name="name">Tells it from the others.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="weight">What its loss counts where weights are not learned.</param>
    public static MultiTaskHead Of(string name, LabelledTexts texts, double weight = 1)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return new(name, texts.Labels?.Count ?? 1, weight);
    }
}
