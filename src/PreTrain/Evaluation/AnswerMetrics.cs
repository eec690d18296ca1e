using System.Text.RegularExpressions;

namespace PreTrain.Evaluation;

/// <summary>
/// How well questions are answered with words of a text (Rajpurkar et al. 2016, section 6.1; 2018 with questions that have no answer, whose reference is the empty text). Answers are compared in
/// lower case, without ASCII punctuation, the articles a, an and the, and superfluous white space.
/// </summary>
public sealed partial class AnswerMetrics
{
    /// <summary>Compares; of several references to a question the best counts.</summary>
    /// <param name="references">The accepted answers of each question.</param>
    /// <param name="predictions">As many answers.</param>
    /// <exception cref="ArgumentException">There are no questions or another number of answers, or a question has no reference.</exception>
    public AnswerMetrics(IReadOnlyList<IReadOnlyList<string>> references, IReadOnlyList<string> predictions)
    {
        MetricRules.RequirePairs(references, nameof(references), predictions, nameof(predictions));
        MetricRules.RequireReferences(references);
        long exact = 0;
        double f1 = 0;
        for (int i = 0; i < references.Count; i++)
        {
            string prediction = Normalize(predictions[i]);
            string[] answers = [.. references[i].Select(Normalize).Where(answer => answer.Length > 0)];
            if (answers.Length == 0) answers = [""];
            if (answers.Contains(prediction)) exact++;
            f1 += answers.Max(answer => F1Of(answer, prediction));
        }
        (Count, ExactMatch, F1) = (references.Count, (double)exact / references.Count, f1 / references.Count);
    }

    /// <summary>How many questions.</summary>
    public int Count { get; }

    /// <summary>The share of answers that are a reference, from 0 to 1.</summary>
    public double ExactMatch { get; }

    /// <summary>The mean overlap of an answer's words with a reference's, from 0 to 1; without words on one side, 1 or 0 as both are empty or not.</summary>
    public double F1 { get; }

    internal static string Normalize(string text)
    {
        string words = string.Concat(text.ToLowerInvariant().Where(c => !(char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)))));
        return string.Join(' ', Split(Articles().Replace(words, " ")));
    }

    private static double F1Of(string reference, string prediction)
    {
        string[] expected = Split(reference), actual = Split(prediction);
        if (expected.Length == 0 || actual.Length == 0) return expected.Length == actual.Length ? 1 : 0;
        Dictionary<string, int> left = expected.CountBy(word => word).ToDictionary();
        long common = actual.CountBy(word => word).Sum(word => Math.Min(word.Value, left.GetValueOrDefault(word.Key)));
        return ClassScore.Of(common, actual.Length, expected.Length).F1;
    }

    private static string[] Split(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(@"\b(a|an|the)\b")]
    private static partial Regex Articles();
}
