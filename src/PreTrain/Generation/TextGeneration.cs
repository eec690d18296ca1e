// B = 1 sequence, T tokens, V vocabulary
using System.Runtime.CompilerServices;
using System.Text;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Generation;

/// <summary>Lets a causal language model write.</summary>
public static class TextGeneration
{
    /// <summary>Continues a prompt.</summary>
    /// <param name="model">The model; its mode (training or not) is left as it was.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="prompt">The text to continue. An empty one starts a new text.</param>
    /// <param name="options">How to choose tokens; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The prompt and its continuation.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static string Generate(this ICausalLanguageModel model, TextTokenizer tokenizer, string prompt, GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var text = new StringBuilder(prompt);
        foreach (string piece in Pieces(model, tokenizer, prompt, options ?? new(), cancellationToken)) text.Append(piece);
        return text.ToString();
    }

    /// <summary>Continues a prompt piece by piece. A piece never ends within a character.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="prompt">The text to continue.</param>
    /// <param name="options">How to choose tokens; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The continuation, without the prompt.</returns>
    public static async IAsyncEnumerable<string> GenerateAsync(this ICausalLanguageModel model, TextTokenizer tokenizer, string prompt,
        GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // Torch's grad mode and dispose scopes belong to a thread, so each piece is computed whole on one.
        using IEnumerator<string> pieces = Pieces(model, tokenizer, prompt, options ?? new(), cancellationToken).GetEnumerator();
        while (await Task.Run(pieces.MoveNext, cancellationToken).ConfigureAwait(false)) yield return pieces.Current;
    }

    /// <summary>Continues a sequence of tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">The tokens to continue, at least one.</param>
    /// <param name="options">How to choose tokens; the defaults if null.</param>
    /// <param name="endOfTextId">The token that ends the text, if any.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The new tokens, one after another, without the token that ends the text.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the prompt is empty.</exception>
    public static IEnumerable<int> GenerateTokens(this ICausalLanguageModel model, IReadOnlyList<int> prompt, GenerationOptions? options = null,
        int? endOfTextId = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        options.Validate();
        if (prompt.Count == 0) throw new ArgumentException("The prompt must hold at least one token.", nameof(prompt));
        return Tokens(model, prompt, options, endOfTextId, cancellationToken);
    }

    private static IEnumerable<string> Pieces(ICausalLanguageModel model, TextTokenizer tokenizer, string prompt, GenerationOptions options,
        CancellationToken cancellationToken)
    {
        options.Validate();
        if (tokenizer.VocabSize > model.VocabSize)
            throw new ArgumentException($"The tokenizer's vocabulary ({tokenizer.VocabSize}) exceeds the model's ({model.VocabSize}): they do not belong together.", nameof(tokenizer));
        int[] ids = tokenizer.Encode(prompt.AsSpan());
        if (ids.Length == 0)
            ids = [tokenizer.EndOfTextId ?? throw new ArgumentException("The prompt is empty, and the tokenizer has no end-of-text token to start from.", nameof(prompt))];
        return Written();

        IEnumerable<string> Written()
        {
            var decoder = new StreamingDecoder(tokenizer);
            if (prompt.Length > 0) decoder.Push(ids[^1]);   // what follows is not the beginning of a text
            foreach (int id in Tokens(model, ids, options, options.StopAtEndOfText ? tokenizer.EndOfTextId : null, cancellationToken))
            {
                string piece = decoder.Push(id);
                if (piece.Length > 0) yield return piece;
            }
            string rest = decoder.Flush();
            if (rest.Length > 0) yield return rest;
        }
    }

    private static IEnumerable<int> Tokens(ICausalLanguageModel model, IReadOnlyList<int> prompt, GenerationOptions options, int? endOfTextId,
        CancellationToken cancellationToken)
    {
        var sampler = new TokenSampler(options);
        var history = new List<int>(prompt);
        int room = (int)Math.Min(model.ContextLength, (long)prompt.Count + options.MaxNewTokens);
        using KeyValueCache cache = model.CreateCache(1, room);
        int fed = Math.Max(0, history.Count - room);   // a prompt longer than the context keeps its end
        for (int written = 0; written < options.MaxNewTokens; written++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (cache.Length + history.Count - fed > room)
            {
                // Positions are absolute, so a full context is read again from its second half on.
                cache.Clear();
                fed = history.Count - Math.Max(1, room / 2);
            }
            int next = sampler.Next(NextLogits(model, history, fed, cache));
            fed = history.Count;
            if (next == endOfTextId) yield break;
            history.Add(next);
            yield return next;
        }
    }

    /// <summary>The scores of the token behind the history, whose part from <paramref name="from"/> on the cache has not seen.</summary>
    private static float[] NextLogits(ICausalLanguageModel model, List<int> history, int from, KeyValueCache cache)
    {
        var module = model as nn.Module;
        bool wasTraining = module?.training ?? false;
        if (wasTraining) module!.eval();
        try
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable mode = inference_mode();
            var ids = new long[history.Count - from];
            for (int i = 0; i < ids.Length; i++) ids[i] = history[from + i];
            return model.NextLogits(tensor(ids, [1, ids.Length]).to(model.Device), cache).cpu().data<float>().ToArray();   // (V)
        }
        finally
        {
            if (wasTraining) module!.train();
        }
    }
}
