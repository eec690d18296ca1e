namespace PreTrain.Evaluation;

/// <summary>Runs of n words.</summary>
internal static class NGrams
{
    /// <summary>How often each occurs. Words hold no white space, so that a space between them tells all runs apart.</summary>
    internal static Dictionary<string, int> Count(string[] words, int order) =>
        Enumerable.Range(0, Math.Max(0, words.Length - order + 1)).Select(i => string.Join(' ', words, i, order)).CountBy(run => run).ToDictionary();
}
