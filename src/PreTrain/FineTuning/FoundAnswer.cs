namespace PreTrain.FineTuning;

/// <summary>An answer that an <see cref="AnswerFinder"/> found.</summary>
/// <param name="Text">The answer; empty where there is none in the text.</param>
/// <param name="Start">Where it begins in the text; 0 where there is none.</param>
/// <param name="End">Where it ends, exclusive; 0 where there is none.</param>
/// <param name="Score">The sum of the scores of its beginning and its end.</param>
/// <param name="Probability">Its part among all candidates that were looked at.</param>
public sealed record FoundAnswer(string Text, int Start, int End, double Score, double Probability)
{
    /// <summary>Whether it says that there is no answer.</summary>
    public bool IsNone => End == 0;
}
