using System.Text.RegularExpressions;

namespace PreTrain.Evaluation;

/// <summary>
/// ROUGE of summaries (Lin 2004): the mean F-measure of the words (section 2, N = 1), the pairs of words (N = 2) and the longest common subsequence (section 3.1) that a summary shares with its
/// reference, as Google's rouge_score computes them: words are runs of the letters a–z in lower case and digits. Words are not reduced to their stems.
/// </summary>
public sealed partial class RougeScore
{
    /// <summary>Compares; of several references to a text the best counts, for each measure.</summary>
    /// <param name="references">The summaries that are right, of each text.</param>
    /// <param name="predictions">As many summaries.</param>
    /// <exception cref="ArgumentException">There are no texts or another number of predictions, or a text has no reference.</exception>
    public RougeScore(IReadOnlyList<IReadOnlyList<string>> references, IReadOnlyList<string> predictions)
    {
        MetricRules.RequirePairs(references, nameof(references), predictions, nameof(predictions));
        MetricRules.RequireReferences(references);
        double one = 0, two = 0, longest = 0;
        for (int i = 0; i < references.Count; i++)
        {
            string[] prediction = Tokenize(predictions[i]);
            string[][] texts = [.. references[i].Select(Tokenize)];
            one += texts.Max(text => OfRuns(text, prediction, 1));
            two += texts.Max(text => OfRuns(text, prediction, 2));
            longest += texts.Max(text => ClassScore.Of(CommonLength(text, prediction), prediction.Length, text.Length).F1);
        }
        (Rouge1, Rouge2, RougeL) = (one / references.Count, two / references.Count, longest / references.Count);
    }

    /// <summary>Of words, from 0 to 1.</summary>
    public double Rouge1 { get; }

    /// <summary>Of pairs of words, from 0 to 1.</summary>
    public double Rouge2 { get; }

    /// <summary>Of the longest common subsequence, from 0 to 1.</summary>
    public double RougeL { get; }

    private static string[] Tokenize(string text) => NoWord().Replace(text.ToLowerInvariant(), " ").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static double OfRuns(string[] reference, string[] prediction, int order)
    {
        Dictionary<string, int> expected = NGrams.Count(reference, order), actual = NGrams.Count(prediction, order);
        long common = actual.Sum(n => Math.Min(n.Value, expected.GetValueOrDefault(n.Key)));
        return ClassScore.Of(common, actual.Values.Sum(), expected.Values.Sum()).F1;
    }

    private static int CommonLength(string[] a, string[] b)
    {
        int[] lengths = new int[b.Length + 1];   // of the longest subsequence of what was seen of a, and each beginning of b
        foreach (string word in a)
        {
            int diagonal = 0;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = lengths[j];
                lengths[j] = word == b[j - 1] ? diagonal + 1 : Math.Max(above, lengths[j - 1]);
                diagonal = above;
            }
        }
        return lengths[^1];
    }

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NoWord();
}
