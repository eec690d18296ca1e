namespace PreTrain.FineTuning;

/// <summary>A name that a <see cref="NameFinder"/> found in a text.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Start">Where it begins in the text.</param>
/// <param name="End">Where it ends, exclusive.</param>
/// <param name="Text">The name.</param>
/// <param name="Probability">The mean probability of the tags of its words.</param>
public sealed record FoundName(string Type, int Start, int End, string Text, double Probability);
