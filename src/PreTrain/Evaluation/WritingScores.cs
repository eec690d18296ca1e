using PreTrain.Data;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using TorchSharp;

namespace PreTrain.Evaluation;

/// <summary>How near what a model writes comes to what it should have written.</summary>
public sealed class WritingScores
{
    private WritingScores(TextPairs pairs, IReadOnlyList<string> predictions, int cutSources)
    {
        CutSources = cutSources;
        string[][] references = [.. pairs.Examples.Select(pair => new[] { pair.Target })];
        (Predictions, Bleu, Rouge) = (predictions, new BleuScore(references, predictions), new RougeScore(references, predictions));
        ExactMatch = pairs.Examples.Zip(predictions).Count(pair => pair.First.Target.Trim() == pair.Second) / (double)pairs.Count;
    }

    /// <summary>What was written for each source, without white space around it.</summary>
    public IReadOnlyList<string> Predictions { get; }

    /// <summary>BLEU of all texts.</summary>
    public BleuScore Bleu { get; }

    /// <summary>ROUGE of all texts.</summary>
    public RougeScore Rouge { get; }

    /// <summary>The share of texts that are as they should be, letter for letter but for white space around them.</summary>
    public double ExactMatch { get; }

    /// <summary>
    /// The sources that were not read whole. Of a model that reads and writes the rest was cut off; of one that goes on from a text, the beginning was lost at once, or while it wrote, where text and answer
    /// together exceed its context.
    /// </summary>
    public int CutSources { get; }

    /// <summary>Lets a model that reads and writes answer all sources. Those that are too long are cut.</summary>
    /// <param name="model">The model; it is left in the mode that it is in, and writes without dropout.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="pairs">The sources, and what should be written.</param>
    /// <param name="options">How to write.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    public static WritingScores Measure(ISequenceToSequenceModel model, TextTokenizer tokenizer, TextPairs pairs, WritingScoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        if (options.MaxSourceLength is < 2 || options.MaxSourceLength > model.ContextLength)
            throw new ArgumentException($"{nameof(options.MaxSourceLength)} ({options.MaxSourceLength}) must be at least 2 and at most the model's context ({model.ContextLength}).", nameof(options));
        return Measure(model, pairs, options, (sources, generation) =>
        {
            var writer = new Writer(model, tokenizer, generation);
            int longest = options.MaxSourceLength ?? model.ContextLength;
            int cut = longest == int.MaxValue ? 0 : sources.Count(source => writer.Encode(source).Length > longest);
            return (writer.WriteAll([.. sources.Select(source => writer.EncodeSource(source, longest))], cancellationToken), cut);
        });
    }

    /// <summary>Lets a model that goes on from a text answer all sources, each as the message of a user. An answer ends with what the template writes behind one.</summary>
    /// <param name="model">The model; it is left in the mode that it is in, and writes without dropout.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="template">How the model is shown a conversation.</param>
    /// <param name="pairs">The sources, and what should be written.</param>
    /// <param name="options">How to write.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <exception cref="ArgumentException">An option is out of range, the tokenizer is not the model's, or the template refuses a source.</exception>
    public static WritingScores Measure(ICausalLanguageModel model, TextTokenizer tokenizer, ChatTemplate template, TextPairs pairs, WritingScoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(template);
        return Measure(model, pairs, options ?? new(), (sources, generation) =>
        {
            var writer = new Writer(model, tokenizer, generation.ForChat(template));
            int[][] prompts = [.. sources.Select(source => writer.Encode(template.Render([new(ChatMessage.User, source)], addGenerationPrompt: true)))];
            IReadOnlyList<IReadOnlyList<GeneratedSequence>> texts = writer.WriteAll(prompts, cancellationToken);
            // The last token of a text is not read again.
            return (texts, prompts.Zip(texts).Count(pair => pair.First.Length + Math.Max(0, pair.Second[0].Tokens.Count - 1) > model.ContextLength));
        });
    }

    private static WritingScores Measure(ITokenPredictor model, TextPairs pairs, WritingScoreOptions options, Func<string[], GenerationOptions, (IReadOnlyList<IReadOnlyList<GeneratedSequence>> Texts, int Cut)> write)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        if (options.BatchSize < 1) throw new ArgumentException($"{nameof(options.BatchSize)} ({options.BatchSize}) must be at least 1.", nameof(options));
        var module = model as torch.nn.Module;
        bool training = module?.training ?? false;
        module?.eval();
        try
        {
            var predictions = new List<string>();
            int cut = 0;
            foreach (TextPair[] some in pairs.Examples.Chunk(options.BatchSize))
            {
                var (texts, cutHere) = write([.. some.Select(pair => options.SourcePrefix + pair.Source)], options.Generation with { SequenceCount = 1 });
                predictions.AddRange(texts.Select(of => of[0].Text.Trim()));
                cut += cutHere;
            }
            return new(pairs, predictions, cut);
        }
        finally
        {
            module?.train(training);
        }
    }
}
