using System.Text.RegularExpressions;

namespace PreTrain.Evaluation;

/// <summary>
/// BLEU of a corpus (Papineni et al. 2002, section 2.3) as sacreBLEU computes it by default (Post 2018): n-grams of up to four words, the tokenization 13a of mteval, upper and lower case
/// distinct; an order without matches is smoothed exponentially, as if a half, a quarter … had matched (Chen and Cherry 2014, method 3).
/// </summary>
public sealed partial class BleuScore
{
    private const int MaxOrder = 4;

    /// <summary>Compares.</summary>
    /// <param name="references">The translations that are right, of each text; the length of the one that is closest in length counts.</param>
    /// <param name="predictions">As many translations.</param>
    /// <exception cref="ArgumentException">There are no texts or another number of predictions, or a text has no reference.</exception>
    public BleuScore(IReadOnlyList<IReadOnlyList<string>> references, IReadOnlyList<string> predictions)
    {
        MetricRules.RequirePairs(references, nameof(references), predictions, nameof(predictions));
        MetricRules.RequireReferences(references);
        long[] matches = new long[MaxOrder], totals = new long[MaxOrder];
        for (int i = 0; i < references.Count; i++)
        {
            string[] prediction = Tokenize(predictions[i]);
            string[][] texts = [.. references[i].Select(Tokenize)];
            PredictionLength += prediction.Length;
            ReferenceLength += texts.Select(text => text.Length).OrderBy(length => Math.Abs(length - prediction.Length)).ThenBy(length => length).First();
            for (int order = 1; order <= MaxOrder; order++)
            {
                Dictionary<string, int> allowed = texts.SelectMany(text => NGrams.Count(text, order)).GroupBy(n => n.Key).ToDictionary(n => n.Key, n => n.Max(count => count.Value));
                matches[order - 1] += NGrams.Count(prediction, order).Sum(n => Math.Min(n.Value, allowed.GetValueOrDefault(n.Key)));
                totals[order - 1] += Math.Max(0, prediction.Length - order + 1);
            }
        }
        double[] precisions = new double[MaxOrder];
        double smoothing = 1;
        for (int order = 0; order < MaxOrder && totals[order] > 0; order++)
        {
            if (matches[order] == 0) smoothing *= 2;
            precisions[order] = 100.0 * (matches[order] == 0 ? 1 / smoothing : matches[order]) / totals[order];
        }
        Precisions = precisions;
        BrevityPenalty = PredictionLength >= ReferenceLength ? 1 : PredictionLength == 0 ? 0 : Math.Exp(1 - (double)ReferenceLength / PredictionLength);
        bool none = matches.All(m => m == 0) || precisions.Contains(0);
        Score = none ? 0 : BrevityPenalty * Math.Exp(precisions.Sum(Math.Log) / MaxOrder);
    }

    /// <summary>The score, from 0 to 100.</summary>
    public double Score { get; }

    /// <summary>The share of n-grams that are right for n = 1 … 4, in percent.</summary>
    public IReadOnlyList<double> Precisions { get; }

    /// <summary>What predictions that are shorter than the references are multiplied with.</summary>
    public double BrevityPenalty { get; }

    /// <summary>Tokens of the predictions.</summary>
    public long PredictionLength { get; }

    /// <summary>Tokens of the references that are closest in length.</summary>
    public long ReferenceLength { get; }

    internal static string[] Tokenize(string text)
    {
        text = text.TrimEnd().Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal).Replace('\n', ' ');
        text = text.Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal).Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
        text = Marks().Replace($" {text} ", " $1 ");
        text = PointAfterOther().Replace(text, "$1 $2 ");
        text = PointBeforeOther().Replace(text, " $1 $2");
        return DashAfterDigit().Replace(text, "$1 $2 ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"([{-~\[-` -&(-+:-@/])")]
    private static partial Regex Marks();

    [GeneratedRegex(@"([^0-9])([.,])")]
    private static partial Regex PointAfterOther();

    [GeneratedRegex(@"([.,])([^0-9])")]
    private static partial Regex PointBeforeOther();

    [GeneratedRegex(@"([0-9])(-)")]
    private static partial Regex DashAfterDigit();
}
