namespace PreTrain.Optimization;

/// <summary>What a gradient g of weights w is made into first: clamp(g·Scale, ±Limit) + L2·w + L1·sign(w).</summary>
internal readonly record struct GradientShape(double Scale, double Limit, double L1, double L2)
{
    internal bool IsPlain => double.IsPositiveInfinity(Limit) && L1 == 0 && L2 == 0;

    internal static GradientShape Of(UpdateOptions options, double scale, bool decays, double l2 = 0) =>
        new(scale, options.ClipValue == 0 ? double.PositiveInfinity : options.ClipValue, decays ? options.L1Penalty : 0, decays ? options.L2Penalty + l2 : 0);
}
