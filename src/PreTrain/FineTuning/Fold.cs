using PreTrain.Data;

namespace PreTrain.FineTuning;

/// <summary>One part of a cross-validation.</summary>
/// <param name="Number">From 0.</param>
/// <param name="Train">What is learned from.</param>
/// <param name="Test">What is measured.</param>
public sealed record Fold(int Number, LabelledTexts Train, LabelledTexts Test);
