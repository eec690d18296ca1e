// B texts, T tokens, L labels
using PreTrain.Models;
using PreTrain.Tokenization;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>What a classification head makes of texts.</summary>
internal static class TextScores
{
    /// <summary>The scores of texts, cut to the model's context, (B, L) in 32 bits.</summary>
    internal static Tensor Of(ITransformerModel model, TextTokenizer tokenizer, IReadOnlyList<string> texts)
    {
        int context = model is ITokenPredictor writer ? writer.ContextLength : model is IMaskedLanguageModel reader ? reader.ContextLength : int.MaxValue;
        using TokenBatch rows = tokenizer.TokenizeBatch(texts, null, new() { Truncation = new() { MaxLength = context }, Padding = new() });
        Tensor Whole(long[] values) => tensor(values, [rows.RowCount, rows.Length]).to(model.Device);
        long[] mask = rows.AttentionMask.ToArray();
        return model.Forward(new() { Ids = Whole(rows.Ids.ToArray()), AttentionMask = mask.Contains(0) ? Whole(mask) : null }).Logits.to(ScalarType.Float32);
    }
}
