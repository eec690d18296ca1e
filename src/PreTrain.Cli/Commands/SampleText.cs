using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>Takes from a run's held-out text what its model is to write from.</summary>
internal static class SampleText
{
    private const int MostTokens = 16, MostNewTokens = 40, MaskedWords = 5;
    private const string Sentinel = "<extra_id_0>";

    /// <summary>A beginning of text, with hidden words where the model fills in.</summary>
    /// <param name="store">The tokens of the run.</param>
    /// <param name="tokenizer">Their tokenizer.</param>
    /// <param name="goal">What the model learns.</param>
    /// <param name="context">The longest sequence of the model.</param>
    public static (string Text, int NewTokens) Choose(TokenStore store, TextTokenizer tokenizer, PretrainGoal goal, int context)
    {
        TokenRange source = goal.ValidationFraction > 0 && store.Split(goal.ValidationFraction).Validation is { Count: > 0 } held ? held : store.All;
        int[] ids = new int[Math.Min(Math.Min(MostTokens, Math.Max(1, context / 2)), source.Count)];
        store.Read(source.Start, ids);
        string[] words = tokenizer.Decode(ids, skipSpecialTokens: true).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        int newTokens = Math.Min(MostNewTokens, Math.Max(1, context / 2));
        if (words.Length == 0) return ("", newTokens);
        if (goal.Objective == "span-corruption" && tokenizer.TokenToId(Sentinel) is not null)
        {
            int third = words.Length / 3;
            words = [.. words[..third], Sentinel, .. words[Math.Min(words.Length, third + Math.Max(1, third))..]];
        }
        else if (tokenizer.SpecialTokens.Mask is { } mask && goal.Objective is not ("causal-lm" or "prefix-lm"))
        {
            string name = tokenizer.IdToToken(mask)!;
            words = [.. words.Select((word, i) => i % MaskedWords == Math.Min(1, words.Length - 1) ? name : word)];
        }
        return (string.Join(' ', words), newTokens);
    }
}
