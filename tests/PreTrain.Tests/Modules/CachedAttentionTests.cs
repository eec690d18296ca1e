using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class CachedAttentionTests
{
    // More scores than are held at once.
    private const int Batch = 2, Heads = 3, New = 1901, All = 1913, Width = 5;

    [Theory]
    [InlineData("causal")]
    [InlineData("window")]
    [InlineData("none")]
    public void Apply_ManyQueries_EachSeesWhatItSeesAlone(string kind)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        AttentionMask mask = kind switch { "causal" => AttentionMask.Causal, "window" => AttentionMask.CausalWindow(301), _ => AttentionMask.None };
        Tensor query = Normal([Batch, Heads, New, Width], 3), keys = Normal([Batch, 1, All, Width], 5), values = Normal([Batch, 1, All, Width], 7), bias = Normal([1, Heads, New, All], 11);
        Tensor hidden = Normal([Batch, 1, New, All], 13).gt(0.8);

        double[] whole = Doubles(CachedAttention.Apply(query, keys, values, mask, scale: 0.7, bias, hidden));   // (B·T, H·D)

        foreach (int t in new[] { 0, 1, 300, 950, New - 1 })
        {
            // The last of the queries so far, over the keys so far.
            int end = kind == "none" ? All : All - New + t + 1;
            Tensor own = query.narrow(2, t, 1), ownBias = bias.narrow(2, t, 1).narrow(3, 0, end), ownHidden = hidden.narrow(2, t, 1).narrow(3, 0, end);
            double[] alone = Doubles(CachedAttention.Apply(own, keys.narrow(2, 0, end), values.narrow(2, 0, end), mask, scale: 0.7, ownBias, ownHidden));
            for (int b = 0; b < Batch; b++)
            {
                int row = (b * New + t) * Heads * Width;
                AssertClose(alone[(b * Heads * Width)..((b + 1) * Heads * Width)], whole[row..(row + Heads * Width)], Width, 64 * Float32Rounding, $"query {t} of sequence {b}", least: 0.01);
            }
        }
    }

    [Fact]
    public void ToSource_ManyQueries_EachSeesTheSource()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        PackedSequences sequences = PackedSequences.Full(1, All);
        using var source = new SourceMemory(sequences, Width, [(Normal([All, Heads * Width], 5), Normal([All, Heads * Width], 7))]);
        Tensor query = Normal([1, Heads, 2 * New, Width], 3);

        double[] whole = Doubles(CachedAttention.ToSource(query, source, 0));

        foreach (int t in new[] { 0, 1700, 2 * New - 1 })
            AssertClose(Doubles(CachedAttention.ToSource(query.narrow(2, t, 1), source, 0)), whole[(t * Heads * Width)..((t + 1) * Heads * Width)], Width, 64 * Float32Rounding, $"query {t}", least: 0.01);
    }
}
