using PreTrain.Models;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Generation;

/// <summary>How the next token is chosen, and when to stop.</summary>
public sealed record GenerationOptions
{
    /// <summary>The most tokens to write.</summary>
    /// <value>The default is 64.</value>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>The fewest tokens to write: before them the token that ends a text is not chosen.</summary>
    /// <value>The default is 0.</value>
    public int MinNewTokens { get; init; }

    /// <summary>Divides the logits before the softmax; 0 takes the most probable token each time (greedy).</summary>
    /// <value>The default is 1.</value>
    public double Temperature { get; init; } = 1;

    /// <summary>Only this many of the most probable tokens are drawn from (Fan, Lewis and Dauphin 2018, section 5.4); 0 means all.</summary>
    /// <value>The default is 0.</value>
    public int TopK { get; init; }

    /// <summary>Only the most probable tokens that together reach this probability are drawn from (Holtzman et al. 2020, section 3.1).</summary>
    /// <value>The default is 1, which means all.</value>
    public double TopP { get; init; } = 1;

    /// <summary>The seed of the draws.</summary>
    /// <value>The default is 0.</value>
    public long Seed { get; init; }

    /// <summary>How many texts are written for each prompt: the best ones of a search with beams, else each drawn for itself.</summary>
    /// <value>The default is 1.</value>
    public int SequenceCount { get; init; } = 1;

    /// <summary>
    /// The beams: so many of the most probable texts are written side by side, and the best one is taken (Sutskever et al. 2014, section 3.2), as transformers does it. Nothing
    /// is drawn then. 1 means none.
    /// </summary>
    /// <value>The default is 1.</value>
    public int BeamCount { get; init; } = 1;

    /// <summary>
    /// The power of a text's length, the token that ends it included, by which the sum of its log probabilities is divided: above 0 favours long texts, below 0 short ones
    /// (Wu et al. 2016, section 7, with another norm).
    /// </summary>
    /// <value>The default is 1, the mean of a token.</value>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When a search with beams ends.</summary>
    /// <value>The default is <see cref="BeamStopping.WhenUnlikely"/>.</value>
    public BeamStopping BeamStopping { get; init; }

    /// <summary>
    /// Divides the positive scores, and multiplies the negative ones, of tokens that the prompt or the new text already holds (Keskar et al. 2019, section 4.1).
    /// </summary>
    /// <value>The default is 1, which changes nothing.</value>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>So many tokens in a row occur only once in prompt and new text together (Paulus et al. 2018, section 2.5); 0 for no such rule.</summary>
    /// <value>The default is 0.</value>
    public int NoRepeatNGramSize { get; init; }

    /// <summary>Texts, any of which ends the new text, that then lacks it. They need not be whole tokens.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Whether the text ends with a token that ends one: any of the model's (<see cref="ITokenPredictor.EndIds"/>), and of a model that goes on from a prompt the tokenizer's.</summary>
    /// <value>The default is true.</value>
    public bool StopAtEndOfText { get; init; } = true;

    /// <summary>
    /// Whether a text that is given gets the special tokens of the tokenizer's template: a prompt the one that begins a text, a source all of them. Without it a text is read as it stands, as what a
    /// chat template writes has to be.
    /// </summary>
    /// <value>The default is true.</value>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>The same for prompts that a chat template writes: nothing is put before them, and what the template writes behind an answer ends the text.</summary>
    /// <param name="template">The template.</param>
    public GenerationOptions ForChat(ChatTemplate template)
    {
        ArgumentNullException.ThrowIfNull(template);
        return this with { AddSpecialTokens = false, StopTexts = template.AnswerEnd.Length == 0 ? StopTexts : [.. StopTexts, template.AnswerEnd] };
    }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (MaxNewTokens <= 0) faults.Add($"{nameof(MaxNewTokens)} ({MaxNewTokens}) must be positive.");
        if (MinNewTokens < 0 || MinNewTokens > MaxNewTokens) faults.Add($"{nameof(MinNewTokens)} ({MinNewTokens}) must be from 0 to {nameof(MaxNewTokens)} ({MaxNewTokens}).");
        if (!(Temperature >= 0) || double.IsInfinity(Temperature)) faults.Add($"{nameof(Temperature)} ({Temperature}) must be 0 (greedy) or a positive number.");
        if (TopK < 0) faults.Add($"{nameof(TopK)} ({TopK}) must be positive, or 0 for all tokens.");
        if (!(TopP > 0 && TopP <= 1)) faults.Add($"{nameof(TopP)} ({TopP}) must be above 0 and at most 1.");
        if (SequenceCount <= 0) faults.Add($"{nameof(SequenceCount)} ({SequenceCount}) must be positive.");
        if (BeamCount <= 0) faults.Add($"{nameof(BeamCount)} ({BeamCount}) must be positive; 1 for no beams.");
        if (BeamCount > 1 && SequenceCount > BeamCount) faults.Add($"{nameof(SequenceCount)} ({SequenceCount}) must be at most {nameof(BeamCount)} ({BeamCount}).");
        if (BeamCount > 1 && (Temperature is not (0 or 1) || TopK > 0 || TopP < 1))
            faults.Add($"{nameof(Temperature)}, {nameof(TopK)} and {nameof(TopP)} must be left alone with {nameof(BeamCount)} ({BeamCount}): a search with beams draws nothing.");
        if (BeamCount == 1 && SequenceCount > 1 && (Temperature == 0 || TopK == 1))
            faults.Add($"{nameof(SequenceCount)} ({SequenceCount}) must be 1 where nothing is drawn: all texts would be the same.");
        if (!double.IsFinite(LengthPenalty)) faults.Add($"{nameof(LengthPenalty)} ({LengthPenalty}) must be a number.");
        if (!Enum.IsDefined(BeamStopping)) faults.Add($"{nameof(BeamStopping)} ({BeamStopping}) is not known.");
        if (!(RepetitionPenalty > 0) || double.IsInfinity(RepetitionPenalty)) faults.Add($"{nameof(RepetitionPenalty)} ({RepetitionPenalty}) must be a positive number.");
        if (NoRepeatNGramSize < 0) faults.Add($"{nameof(NoRepeatNGramSize)} ({NoRepeatNGramSize}) must be positive, or 0 for no such rule.");
        if (StopTexts is null || StopTexts.Any(string.IsNullOrEmpty)) faults.Add($"{nameof(StopTexts)} must not hold an empty text.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}
