namespace PreTrain.Reports;

/// <summary>What a model wrote at a step.</summary>
/// <param name="Step">Updates before it.</param>
/// <param name="Text">The text that the model was given, and what it made of it.</param>
public sealed record TextSample(int Step, string Text);
