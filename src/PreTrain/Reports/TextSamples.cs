using Microsoft.Extensions.Logging;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Models.Electra;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Reports;

/// <summary>
/// Lets the model write at every evaluation, and at the start: a causal model goes on from a text, one that reads and writes answers it, one that predicts hidden tokens fills its masks in.
/// Tokens are drawn with one seed of their own, so that the training is not touched; masks get the most probable one.
/// </summary>
/// <remarks>Callbacks that show the samples stand behind this one in <see cref="TrainingOptions.Callbacks"/>.</remarks>
public sealed class TextSamples : ITrainingCallback
{
    // Always the most probable token would go round in circles for most of a training.
    private const double Temperature = 0.7;
    private const int Seed = 1;
    private readonly TextTokenizer _tokenizer;

    /// <summary>Creates the callback.</summary>
    /// <param name="tokenizer">The tokenizer of the data.</param>
    /// <param name="text">What the model is given. For a model that fills in, it holds the tokenizer's mask token.</param>
    /// <param name="newTokens">The most tokens that are written.</param>
    /// <exception cref="ArgumentException">The text is empty, or <paramref name="newTokens"/> is not positive.</exception>
    public TextSamples(TextTokenizer tokenizer, string text, int newTokens = 40)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(newTokens);
        (_tokenizer, Text, NewTokens) = (tokenizer, text, newTokens);
    }

    /// <summary>What the model is given.</summary>
    public string Text { get; }

    /// <summary>The most tokens that are written.</summary>
    public int NewTokens { get; }

    /// <summary>The template that wrote <see cref="Text"/>, as the beginning of a conversation up to an answer; null where it is a text of its own.</summary>
    /// <value>The default is null.</value>
    public ChatTemplate? Template { get; init; }

    /// <summary>What the model has written last; null before, and of a model that writes nothing.</summary>
    public TextSample? Latest { get; private set; }

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        Sample(run);
    }

    /// <inheritdoc/>
    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(run);
        Sample(run);
    }

    private void Sample(TrainingRun run)
    {
        try
        {
            if (Write(run.Model) is { } text) Latest = new TextSample(run.Step, text);
        }
        catch (ArgumentException fault)
        {
            // A prompt that does not fit the model is no reason to end a training.
            run.Options.Logger?.LogWarning("No sample of text at step {Step}: {Fault}", run.Step, fault.Message);
        }
    }

    /// <summary>Lets a model write now.</summary>
    /// <param name="model">The model; its mode is left as it was.</param>
    /// <returns>The text that it was given with what it made of it; null if it is of no kind that writes.</returns>
    /// <exception cref="ArgumentException">The text does not fit the model.</exception>
    internal string? Write(nn.Module model)
    {
        var options = new GenerationOptions { MaxNewTokens = NewTokens, Temperature = Temperature, Seed = Seed };
        if (Template is not null) options = options.ForChat(Template);
        return model switch
        {
            IMaskedLanguageModel { Head: ModelHead.MaskedLanguageModel } masked => Fill(masked, model),   // a UniLM is a causal model too
            ICausalLanguageModel causal => causal.Generate(_tokenizer, Text, options),
            ISequenceToSequenceModel writer => $"{Text} → {writer.Generate(_tokenizer, Text, options)}",
            ElectraPair pair => Fill(pair.Generator, model),
            IMaskedLanguageModel masked => Fill(masked, model),
            _ => null,
        };
    }

    /// <summary>The text with «…» in place of each mask.</summary>
    private string? Fill(IMaskedLanguageModel model, nn.Module module)
    {
        if (_tokenizer.SpecialTokens.Mask is not { } mask || _tokenizer.IdToToken(mask) is not { } name) return null;
        TokenEncoding encoding = _tokenizer.Tokenize(Text, options: EncodingOptions.Whole);
        long[] ids = [.. encoding.Ids.ToArray().Select(id => (long)id)];
        if (ids.Length > model.ContextLength) throw new ArgumentException($"The text has {ids.Length} tokens; the context takes at most {model.ContextLength}.");
        long[] targets = [.. ids.Select(id => id == mask ? id : CrossEntropy.Ignored)];
        if (!ids.Contains(mask)) throw new ArgumentException($"The text must hold the tokenizer's mask token, {name}.");

        bool training = module.training;
        module.eval();
        try
        {
            using IDisposable mode = no_grad();
            using DisposeScope scope = NewDisposeScope();
            Tensor input = tensor(ids, [1, ids.Length], device: model.Device), hidden = tensor(targets, [1, ids.Length], device: model.Device);
            long[] filled = model.Scores(new ModelInput { Ids = input }, hidden).argmax(-1).cpu().data<long>().ToArray();   // (M)
            string[] parts = Text.Split(name);
            return string.Concat(parts.Select((part, i) => i < filled.Length && i < parts.Length - 1 ? $"{part}«{_tokenizer.Decode([(int)filled[i]]).Trim()}»" : part));
        }
        finally
        {
            module.train(training);
        }
    }
}
