using System.Runtime.CompilerServices;
using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Generation;

/// <summary>
/// Lets models write: causal language models go on from a prompt, models that read one sequence and write another answer a source. One text may be taken piece by piece; several
/// texts, of one prompt or of many, are computed together, and a prompt's texts do not depend on the others'.
/// </summary>
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
        CancellationToken cancellationToken = default) => prompt + string.Concat(model.GeneratePieces(tokenizer, prompt, options, cancellationToken).Select(piece => piece.Text));

    /// <summary>Answers a source: translates it, sums it up, whatever the model was trained for.</summary>
    /// <param name="model">The model; its mode (training or not) is left as it was.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="source">The text to read; the special tokens of the tokenizer's template are put around it.</param>
    /// <param name="options">How to choose tokens; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The answer, without special tokens.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static string Generate(this ISequenceToSequenceModel model, TextTokenizer tokenizer, string source, GenerationOptions? options = null,
        CancellationToken cancellationToken = default) => string.Concat(model.GeneratePieces(tokenizer, source, options, cancellationToken).Select(piece => piece.Text));

    /// <summary>Continues a prompt token by token, on the calling thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="prompt">The text to continue.</param>
    /// <param name="options">How to choose tokens; the defaults if null. A search with beams gives its text in one piece.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>Each new token, with the text that became certain with it; together they are the continuation.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static IEnumerable<GeneratedPiece> GeneratePieces(this ICausalLanguageModel model, TextTokenizer tokenizer, string prompt, GenerationOptions? options = null,
        CancellationToken cancellationToken = default) => Pieces(model, tokenizer, prompt, options ?? new(), cancellationToken);

    /// <summary>Answers a source token by token, on the calling thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="source">The text to read.</param>
    /// <param name="options">How to choose tokens; the defaults if null. A search with beams gives its text in one piece.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>Each new token, with the text that became certain with it; together they are the answer.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static IEnumerable<GeneratedPiece> GeneratePieces(this ISequenceToSequenceModel model, TextTokenizer tokenizer, string source, GenerationOptions? options = null,
        CancellationToken cancellationToken = default) => Pieces(model, tokenizer, source, options ?? new(), cancellationToken);

    /// <summary>Continues a prompt piece by piece. A piece never ends within a character.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="prompt">The text to continue.</param>
    /// <param name="options">How to choose tokens; the defaults if null. A search with beams gives its text in one piece.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The continuation, without the prompt.</returns>
    public static IAsyncEnumerable<string> GenerateAsync(this ICausalLanguageModel model, TextTokenizer tokenizer, string prompt, GenerationOptions? options = null,
        CancellationToken cancellationToken = default) => OnThreads(model.GeneratePieces(tokenizer, prompt, options, cancellationToken), cancellationToken);

    /// <summary>Answers a source piece by piece. A piece never ends within a character.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="source">The text to read.</param>
    /// <param name="options">How to choose tokens; the defaults if null. A search with beams gives its text in one piece.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The answer, without special tokens.</returns>
    public static IAsyncEnumerable<string> GenerateAsync(this ISequenceToSequenceModel model, TextTokenizer tokenizer, string source, GenerationOptions? options = null,
        CancellationToken cancellationToken = default) => OnThreads(model.GeneratePieces(tokenizer, source, options, cancellationToken), cancellationToken);

    /// <summary>Continues a sequence of tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">The tokens to continue, at least one.</param>
    /// <param name="options">How to choose tokens; the defaults if null. Stop texts need a tokenizer, so there must be none.</param>
    /// <param name="endOfTextId">A token that ends the text beside those of the model, if any.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The new tokens, one after another, without the token that ends the text.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the prompt is empty.</exception>
    public static IEnumerable<int> GenerateTokens(this ICausalLanguageModel model, IReadOnlyList<int> prompt, GenerationOptions? options = null,
        int? endOfTextId = null, CancellationToken cancellationToken = default) =>
        Tokens(new Writer(model, null, options ?? new(), endOfTextId), prompt, cancellationToken);

    /// <summary>Answers a sequence of tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">The tokens to read, at least one.</param>
    /// <param name="options">How to choose tokens; the defaults if null. Stop texts need a tokenizer, so there must be none.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The new tokens, one after another, without the token that ends the text.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the source is empty.</exception>
    public static IEnumerable<int> GenerateTokens(this ISequenceToSequenceModel model, IReadOnlyList<int> source, GenerationOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Tokens(new Writer(model, null, options ?? new()), source, cancellationToken);

    /// <summary>Continues prompts, computing all texts together.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="prompts">The texts to continue.</param>
    /// <param name="options">How to choose tokens; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>For each prompt its <see cref="GenerationOptions.SequenceCount"/> texts, without the prompt; of a search with beams the best one first.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static IReadOnlyList<IReadOnlyList<GeneratedSequence>> GenerateAll(this ICausalLanguageModel model, TextTokenizer tokenizer, IReadOnlyList<string> prompts,
        GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var writer = new Writer(model, tokenizer, options ?? new());
        return writer.WriteAll([.. prompts.Select(writer.Encode)], cancellationToken);
    }

    /// <summary>Answers sources, computing all texts together.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that the model was trained with.</param>
    /// <param name="sources">The texts to read.</param>
    /// <param name="options">How to choose tokens; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>For each source its <see cref="GenerationOptions.SequenceCount"/> texts; of a search with beams the best one first.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static IReadOnlyList<IReadOnlyList<GeneratedSequence>> GenerateAll(this ISequenceToSequenceModel model, TextTokenizer tokenizer, IReadOnlyList<string> sources,
        GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var writer = new Writer(model, tokenizer, options ?? new());
        return writer.WriteAll([.. sources.Select(writer.Encode)], cancellationToken);
    }

    /// <summary>Continues sequences of tokens, computing all together.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The tokens to continue, at least one of each.</param>
    /// <param name="options">How to choose tokens; the defaults if null. Stop texts need a tokenizer, so there must be none.</param>
    /// <param name="endOfTextId">A token that ends a text beside those of the model, if any.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>For each prompt its <see cref="GenerationOptions.SequenceCount"/> sequences of new tokens; of a search with beams the best one first.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or a prompt is empty.</exception>
    public static IReadOnlyList<IReadOnlyList<GeneratedSequence>> GenerateAll(this ICausalLanguageModel model, IReadOnlyList<IReadOnlyList<int>> prompts,
        GenerationOptions? options = null, int? endOfTextId = null, CancellationToken cancellationToken = default) =>
        new Writer(model, null, options ?? new(), endOfTextId).WriteAll(prompts, cancellationToken);

    /// <summary>Answers sequences of tokens, computing all together.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sources">The tokens to read, at least one of each.</param>
    /// <param name="options">How to choose tokens; the defaults if null. Stop texts need a tokenizer, so there must be none.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>For each source its <see cref="GenerationOptions.SequenceCount"/> sequences of new tokens; of a search with beams the best one first.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or a source is empty.</exception>
    public static IReadOnlyList<IReadOnlyList<GeneratedSequence>> GenerateAll(this ISequenceToSequenceModel model, IReadOnlyList<IReadOnlyList<int>> sources,
        GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        new Writer(model, null, options ?? new()).WriteAll(sources, cancellationToken);

    private static IEnumerable<GeneratedPiece> Pieces(ITokenPredictor model, TextTokenizer tokenizer, string prompt, GenerationOptions options, CancellationToken cancellationToken)
    {
        var writer = new Writer(model, tokenizer, options);
        writer.RequireOne();
        return writer.Pieces(writer.Encode(prompt), cancellationToken);
    }

    private static IEnumerable<int> Tokens(Writer writer, IReadOnlyList<int> prompt, CancellationToken cancellationToken)
    {
        writer.RequireOne();
        writer.Require([prompt]);
        return writer.Tokens(prompt, cancellationToken);
    }

    private static async IAsyncEnumerable<string> OnThreads(IEnumerable<GeneratedPiece> all, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Torch's grad mode and dispose scopes belong to a thread, so each piece is computed whole on one.
        using IEnumerator<GeneratedPiece> pieces = all.GetEnumerator();
        while (await Task.Run(pieces.MoveNext, cancellationToken).ConfigureAwait(false))
        {
            if (pieces.Current.Text.Length > 0) yield return pieces.Current.Text;
        }
    }
}
