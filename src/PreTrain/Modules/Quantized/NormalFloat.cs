namespace PreTrain.Modules.Quantized;

/// <summary>
/// The 4-bit NormalFloat (Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", section 3 and appendix E): quantiles of the normal distribution, 8 of its negative half and 9 of its positive, of
/// which 0 is both's, scaled to lie from −1 to 1.
/// </summary>
internal static class NormalFloat
{
    private static readonly float[] s_values =
    [
        -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1,
    ];

    /// <summary>What the codes stand for, in rising order.</summary>
    internal static ReadOnlySpan<float> Values => s_values;

    /// <summary>The code of the nearest value.</summary>
    /// <param name="weight">From −1 to 1.</param>
    internal static int Code(float weight)
    {
        int code = 0;
        while (code < 15 && weight > (s_values[code] + s_values[code + 1]) / 2) code++;
        return code;
    }
}
