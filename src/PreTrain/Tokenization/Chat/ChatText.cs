namespace PreTrain.Tokenization.Chat;

/// <summary>A conversation as a template writes it.</summary>
/// <param name="Text">The whole of it.</param>
/// <param name="Answers">What the model is to say, as places in <paramref name="Text"/>, in order; with what ends each answer.</param>
public sealed record ChatText(string Text, IReadOnlyList<TokenSpan> Answers)
{
    /// <summary>Encodes it to learn from. A token that reaches out of an answer is none of the model's.</summary>
    /// <param name="tokenizer">The model's tokenizer; it puts nothing around the text.</param>
    public ChatTokens Encode(TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        TokenEncoding encoding = tokenizer.Tokenize(Text, options: EncodingOptions.Whole with { AddSpecialTokens = false });
        bool[] isAnswer = new bool[encoding.Count];
        int answer = 0;
        for (int i = 0; i < isAnswer.Length; i++)
        {
            TokenSpan span = encoding.Offsets[i];
            while (answer < Answers.Count && Answers[answer].End <= span.Start) answer++;
            isAnswer[i] = answer < Answers.Count && span.Start >= Answers[answer].Start && span.End <= Answers[answer].End;
        }
        return new(encoding.Ids.ToArray(), isAnswer);
    }
}
