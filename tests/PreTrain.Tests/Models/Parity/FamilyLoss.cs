using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Parity;

/// <summary>The losses of <c>make_fixtures.py</c>.</summary>
internal static class FamilyLoss
{
    internal static Tensor Of(FamilyFixture fixture, ModelOutput output, ModelInput input)
    {
        Tensor logits = output.Logits;
        if (fixture.Head == "masked-autoencoder") return output.Loss!;
        if (fixture.Head == "qa")
        {
            Tensor scores = logits.masked_fill(input.AttentionMask!.eq(0).unsqueeze(-1), -1e9);
            return nn.functional.cross_entropy(scores.transpose(1, 2).flatten(0, 1), fixture.Target("positions")!.flatten());
        }
        if (fixture.Head == "replaced-tokens")
        {
            Tensor there = input.AttentionMask!.ne(0);
            return nn.functional.binary_cross_entropy_with_logits(logits.masked_select(there), fixture.Target("replaced")!.to(ScalarType.Float32).masked_select(there));
        }
        if (fixture.Head == "none")
        {
            Tensor squares = (logits - fixture.Target("states")!).square();
            if (input.AttentionMask is null) return squares.mean();
            return squares.masked_select(input.AttentionMask!.ne(0).unsqueeze(-1)).mean();
        }
        if (logits.ndim == 3) return nn.functional.cross_entropy(logits.flatten(0, 1), fixture.Target("classes")!.flatten(), ignore_index: -100);
        return nn.functional.cross_entropy(logits, fixture.Target("class")!);
    }

    /// <summary>Where there is a token, for scores of tokens.</summary>
    internal static Tensor? RowMask(FamilyFixture fixture, Tensor logits, ModelInput input)
    {
        if (fixture.Head == "replaced-tokens") return input.AttentionMask!.ne(0);
        if (logits.ndim != 3) return null;
        Tensor? mask = fixture.Head == "seq2seq" ? input.DecoderAttentionMask : input.AttentionMask;
        return mask?.ne(0).unsqueeze(-1);
    }
}
