using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>What all objectives on a token store require of it.</summary>
internal static class DataRules
{
    /// <summary>Splits a store; nothing is held out where the share is 0.</summary>
    internal static (TokenRange Train, TokenRange? Validation) Split(TokenStore tokens, double validationFraction)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (!(validationFraction >= 0 && validationFraction < 1))
            throw new ArgumentOutOfRangeException(nameof(validationFraction), validationFraction, "The held-out share must be at least 0 and below 1.");
        return validationFraction == 0 ? (tokens.All, null) : tokens.Split(validationFraction);
    }

    /// <summary>What of a store must be the same for a run to be resumed.</summary>
    internal static JsonObject Describe(string objective, TokenStore tokens, double validationFraction) => new()
    {
        ["objective"] = objective,
        ["tokens"] = tokens.Count,
        ["sha256"] = tokens.Sha256,
        ["tokenizer"] = tokens.TokenizerFingerprint,
        ["validationFraction"] = validationFraction,
    };

    /// <summary>What of a packed text must be the same.</summary>
    internal static JsonObject Describe(string objective, PackedText text, double validationFraction) => new()
    {
        ["objective"] = objective,
        ["tokens"] = text.Sources.Sum(source => source.Tokens.Count),
        ["packed"] = text.Describe(),
        ["tokenizer"] = text.Sources[0].Tokens.TokenizerFingerprint,
        ["validationFraction"] = validationFraction,
    };

    /// <summary>Requires a store's ids to be a tokenizer's.</summary>
    internal static void RequireTokenizer(TokenStore tokens, TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokens.TokenizerFingerprint == tokenizer.Fingerprint) return;
        throw new ArgumentException(
            $"The token store '{tokens.Folder}' was made by another tokenizer (fingerprint {tokens.TokenizerFingerprint}, {tokens.VocabSize} tokens) than the one given "
            + $"(fingerprint {tokenizer.Fingerprint}, {tokenizer.VocabSize} tokens). Use that tokenizer, or build the store again.", nameof(tokenizer));
    }

    /// <summary>Requires a model to know all of a store's tokens.</summary>
    internal static void RequireVocabulary(TokenStore tokens, int vocabSize)
    {
        if (tokens.VocabSize > vocabSize)
            throw new ArgumentException($"The token store's vocabulary ({tokens.VocabSize}) exceeds the model's ({vocabSize}). Create the model with VocabSize = {tokens.VocabSize}.");
    }

    /// <summary>The longest row: the model's, or a shorter one that was asked for.</summary>
    internal static int Length(int? asked, int contextLength, int unlimited)
    {
        if (asked is { } length)
        {
            if (length < 1 || length > contextLength) throw new ArgumentException($"ContextLength ({length}) must be at least 1 and at most the model's ({contextLength}).");
            return length;
        }
        return contextLength == int.MaxValue ? unlimited : contextLength;
    }

    /// <summary>Where a sampler goes on: at its start, or where a checkpoint left it.</summary>
    internal static SamplerState StateOf(JsonObject? state, SamplerState start)
    {
        if (state is null) return start;
        if (state["epoch"] is not JsonValue epoch || state["position"] is not JsonValue position || !epoch.TryGetValue(out long e) || !position.TryGetValue(out long p))
            throw new ArgumentException($"The data position {state.ToJsonString()} must hold the whole numbers epoch and position.", nameof(state));
        return start with { Epoch = e, Position = p };
    }

    internal static JsonObject Describe(SamplerState state) => new() { ["epoch"] = state.Epoch, ["position"] = state.Position };
}
