namespace PreTrain.Optimization;

/// <summary>Neighbouring parameters that an update treats alike.</summary>
internal sealed record ParameterGroup(long Start, long End, double RateScale, bool Decays, IReadOnlyList<ParameterRange> Ranges)
{
    /// <summary>Groups all parameters that a filter takes, in the buffers' order.</summary>
    internal static ParameterGroup[] Of(FlatParameters parameters, UpdateOptions options, Func<ParameterRange, bool>? filter = null)
    {
        var groups = new List<ParameterGroup>();
        int blocks = parameters.Ranges.Max(r => r.Block + 1) ?? 0;
        foreach (ParameterRange range in parameters.Ranges.Where(r => filter?.Invoke(r) ?? true))
        {
            ParameterRule? rule = options.RuleOf(range.Name);
            double scale = (rule?.LearningRateScale ?? 1) * options.LayerScale(range, blocks);
            bool decays = rule?.WeightDecay ?? range.IsMatrix;
            if (groups.Count > 0 && groups[^1] is var last && last.End == range.Start && last.RateScale == scale && last.Decays == decays)
                groups[^1] = last with { End = range.End, Ranges = [.. last.Ranges, range] };
            else
                groups.Add(new ParameterGroup(range.Start, range.End, scale, decays, [range]));
        }
        return [.. groups];
    }
}
