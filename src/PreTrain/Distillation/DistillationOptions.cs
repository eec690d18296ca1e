using PreTrain.Models;

namespace PreTrain.Distillation;

/// <summary>
/// What a student takes from its teacher, and how much each counts. The loss is <see cref="Alpha"/> · the hard targets' + (1 − <see cref="Alpha"/>) · T² · the teacher's distribution, plus
/// the other terms by their weights.
/// </summary>
public sealed record DistillationOptions
{
    /// <summary>T: what the scores of both are divided by before the softmax (Hinton et al. 2015, section 2).</summary>
    /// <value>The default is 2.</value>
    public double Temperature { get; init; } = 2;

    /// <summary>The weight of the hard targets, those of the objective that is decorated; the teacher's distribution has the rest.</summary>
    /// <value>The default is 0.5.</value>
    public double Alpha { get; init; } = 0.5;

    /// <summary>How far the student's distribution is from the teacher's.</summary>
    /// <value>The default is <see cref="DistillationDivergence.ForwardKl"/>.</value>
    public DistillationDivergence Divergence { get; init; }

    /// <summary>
    /// The weight of the hidden states: the mean squared error of the embeddings and of each layer of the student to the layer that it follows (Jiao et al. 2020, "TinyBERT", equations 8 and
    /// 9), summed over the layers. A student of another width needs the maps of a <see cref="ProjectedStudent{TModel}"/>.
    /// </summary>
    /// <value>The default is 0.</value>
    public double HiddenWeight { get; init; }

    /// <summary>
    /// The weight of the attention: the mean squared error of each layer's weights, over heads and keys, to those of the layer that it follows (TinyBERT, equation 7, with the weights behind
    /// the softmax), summed over the layers. Both models must have as many heads.
    /// </summary>
    /// <value>The default is 0.</value>
    public double AttentionWeight { get; init; }

    /// <summary>
    /// The weight of the last layer's attention as distributions: KL(teacher‖student), the mean over heads (Wang et al. 2020, "MiniLM", equation 6). Both models must have as many heads.
    /// </summary>
    /// <value>The default is 0.</value>
    public double RelationWeight { get; init; }

    /// <summary>
    /// The weight of how like the values of the last layer's attention are, softmax(V·Vᵀ/√D): KL(teacher‖student), the mean over heads (MiniLM, equations 7 and 8). Both models must have as
    /// many heads, whose widths may differ; MiniLM gives this and <see cref="RelationWeight"/> 1.
    /// </summary>
    /// <value>The default is 0.</value>
    public double ValueRelationWeight { get; init; }

    /// <summary>The weight of the last hidden states' directions, 1 − cos (Sanh et al. 2019, "DistilBERT", section 3).</summary>
    /// <value>The default is 0.</value>
    public double CosineWeight { get; init; }

    /// <summary>
    /// For each layer of the student the layer of the teacher that it follows, both counted from 0; null for evenly spread ones that end with the last. Of models with a decoder it holds for
    /// encoder and decoder. It belongs to <see cref="HiddenWeight"/> and <see cref="AttentionWeight"/>, which alone look at every layer.
    /// </summary>
    /// <value>The default is null.</value>
    public IReadOnlyList<int>? LayerMap { get; init; }

    internal bool WantsHiddenStates => HiddenWeight > 0 || CosineWeight > 0;

    internal bool WantsAttentions => AttentionWeight > 0 || RelationWeight > 0;

    internal bool WantsValues => ValueRelationWeight > 0;

    internal bool WantsLayers => WantsHiddenStates || WantsAttentions || WantsValues;

    /// <summary>Checks all properties, and that a student can learn from its teachers what they ask for, before there is a text.</summary>
    /// <param name="student">The student.</param>
    /// <param name="teachers">The teachers, on the student's device.</param>
    /// <exception cref="ArgumentException">A property is out of range, or a head, a vocabulary, a width, a number of attention heads or the pairs of layers do not fit.</exception>
    public void Check(ITransformerModel student, IReadOnlyList<ITransformerModel> teachers)
    {
        ArgumentNullException.ThrowIfNull(student);
        ArgumentNullException.ThrowIfNull(teachers);
        Validate();
        StudentRules.Require(student, teachers);
        foreach (ITransformerModel teacher in teachers) StudentRules.RequireLayers(this, student, teacher);
    }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(Temperature), Temperature));
        rules.Require(Alpha is >= 0 and <= 1, $"{nameof(Alpha)} ({Alpha}) must be from 0 to 1.");
        rules.Require(Enum.IsDefined(Divergence), $"{nameof(Divergence)} ({Divergence}) must be {string.Join(", ", Enum.GetNames<DistillationDivergence>())}.");
        foreach (var (name, weight) in new[] { (nameof(HiddenWeight), HiddenWeight), (nameof(AttentionWeight), AttentionWeight), (nameof(RelationWeight), RelationWeight), (nameof(ValueRelationWeight), ValueRelationWeight), (nameof(CosineWeight), CosineWeight) })
            rules.Require(weight >= 0 && double.IsFinite(weight), $"{name} ({weight}) must be a number from 0.");
        rules.Require(LayerMap is null || HiddenWeight > 0 || AttentionWeight > 0, $"{nameof(LayerMap)} ({string.Join(", ", LayerMap ?? [])}) belongs to {nameof(HiddenWeight)} and {nameof(AttentionWeight)}, which are both 0; leave it out.");
        rules.Finish();
    }
}
