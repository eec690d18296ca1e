using PreTrain.Models;

namespace PreTrain.Objectives;

/// <summary>An objective of fine-tuning: a model with a head learns from examples that are labelled, each of them once in an epoch.</summary>
public interface ILabelledObjective : IObjective<ITransformerModel>
{
    /// <summary>The head that it trains.</summary>
    ModelHead Head { get; }

    /// <summary>How many rows an epoch has.</summary>
    /// <param name="model">The model to be trained, whose context decides into how many rows a long text is cut.</param>
    /// <exception cref="ArgumentException">The model does not fit the objective.</exception>
    int TrainingRows(ITransformerModel model);

    /// <summary>How many texts are longer than the longest row and lose their end, those that are held out among them; 0 where a long text is cut into several rows.</summary>
    /// <param name="model">The model to be trained.</param>
    /// <exception cref="ArgumentException">The model does not fit the objective.</exception>
    int CutTexts(ITransformerModel model) => 0;
}
