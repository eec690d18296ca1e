using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Generation;

/// <summary>One call: a model of either kind, with the tokenizer that it was trained with, where text is wanted.</summary>
internal sealed class Writer
{
    private readonly ITokenPredictor _model;
    private readonly TextTokenizer? _tokenizer;
    private readonly GenerationOptions _options;
    private readonly int[] _endIds;

    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer is not the model's.</exception>
    internal Writer(ITokenPredictor model, TextTokenizer? tokenizer, GenerationOptions options, int? endOfTextId = null)
    {
        options.Validate();
        if (tokenizer is not null && tokenizer.VocabSize > model.VocabSize)
            throw new ArgumentException($"The tokenizer's vocabulary ({tokenizer.VocabSize}) exceeds the model's ({model.VocabSize}): they do not belong together.", nameof(tokenizer));
        if (tokenizer is null && options.StopTexts.Count > 0)
            throw new ArgumentException($"{nameof(GenerationOptions.StopTexts)} ({options.StopTexts.Count}) needs a tokenizer; give the method one, or leave them out.", nameof(options));
        (_model, _tokenizer, _options) = (model, tokenizer, options);
        int? end = IsAnswering ? null : endOfTextId ?? tokenizer?.DocumentEndId;
        _endIds = options.StopAtEndOfText ? [.. (end is { } known ? model.EndIds.Append(known) : model.EndIds).Where(id => id < model.VocabSize).Distinct()] : [];
    }

    private bool IsAnswering => _model is ISequenceToSequenceModel;

    private WritingRules Rules => (_model as ISequenceToSequenceModel)?.Writing ?? new();

    /// <summary>The tokens of a prompt, or of a source.</summary>
    /// <exception cref="ArgumentException">There are none, and nothing to begin with.</exception>
    internal int[] Encode(string text)
    {
        if (IsAnswering) return EncodeSource(text, int.MaxValue);
        int[] ids = _options.AddSpecialTokens ? _tokenizer!.Encode(text.AsSpan()) : [.. _tokenizer!.Tokenize(text, options: EncodingOptions.Whole with { AddSpecialTokens = false }).Ids];
        // What the template puts behind a text would end it; what begins one belongs before it, if the text does not have it already.
        if (_options.AddSpecialTokens && _tokenizer.AddedBeginOfTextId is { } begin && (ids.Length == 0 || ids[0] != begin)) return [begin, .. ids];
        return ids.Length > 0 ? ids
            : [_tokenizer.DocumentEndId ?? throw new ArgumentException("The prompt is empty, and the tokenizer has no end-of-text token to start from.", "prompt")];
    }

    /// <summary>The tokens of a source, cut to a length.</summary>
    internal int[] EncodeSource(string text, int length) => [.. _tokenizer!.Tokenize(text, options: new()
    {
        AddSpecialTokens = _options.AddSpecialTokens,
        Truncation = length == int.MaxValue ? TruncationOptions.None : new() { MaxLength = length },
        Padding = PaddingOptions.None,
    }).Ids];

    /// <summary>Requires at least one token of each prompt.</summary>
    internal void Require(IReadOnlyList<IReadOnlyList<int>> prompts)
    {
        string what = IsAnswering ? "source" : "prompt";
        if (prompts.Any(prompt => prompt.Count == 0)) throw new ArgumentException($"The {what} must hold at least one token.", what);
    }

    /// <summary>Requires that one text is asked for.</summary>
    internal void RequireOne()
    {
        if (_options.SequenceCount != 1)
            throw new ArgumentException($"{nameof(GenerationOptions.SequenceCount)} ({_options.SequenceCount}) must be 1 here; {nameof(TextGeneration.GenerateAll)} writes several texts.", "options");
    }

    /// <summary>The new tokens of one text.</summary>
    internal IEnumerable<int> Tokens(IReadOnlyList<int> prompt, CancellationToken cancellationToken)
    {
        if (_options.BeamCount > 1)
        {
            foreach (int token in WriteAll([prompt], cancellationToken)[0][0].Tokens) yield return token;
            yield break;
        }
        using WritingRows rows = Begin([prompt]);
        foreach (var (_, token) in SequenceWriter.Draw(rows, _options, _endIds, Rules, cancellationToken)) yield return token;
    }

    /// <summary>One text in pieces.</summary>
    internal IEnumerable<GeneratedPiece> Pieces(IReadOnlyList<int> prompt, CancellationToken cancellationToken)
    {
        if (_options.BeamCount > 1)
        {
            yield return new(null, WriteAll([prompt], cancellationToken)[0][0].Text);
            yield break;
        }
        TextWriting text = Text(prompt);
        using WritingRows rows = Begin([prompt]);
        foreach (var (_, token) in SequenceWriter.Draw(rows, _options, _endIds, Rules, cancellationToken))
        {
            yield return new(token, text.Push(token));
            if (text.IsStopped) break;
        }
        if (text.Flush() is { Length: > 0 } rest) yield return new(null, rest);
    }

    /// <summary>All texts of all prompts.</summary>
    internal IReadOnlyList<IReadOnlyList<GeneratedSequence>> WriteAll(IReadOnlyList<IReadOnlyList<int>> prompts, CancellationToken cancellationToken)
    {
        Require(prompts);
        if (prompts.Count == 0) return [];
        int copies = _options.BeamCount > 1 ? _options.BeamCount : _options.SequenceCount;
        using WritingRows rows = Begin([.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt, copies))]);
        if (_options.BeamCount > 1)
        {
            bool Stopped(int prompt, IEnumerable<int> written)
            {
                if (_options.StopTexts.Count == 0) return false;
                TextWriting text = Text(prompts[prompt]);
                text.All(written);
                return text.IsStopped;
            }
            List<GeneratedSequence>[] best = new BeamSearch(rows, _options, _endIds, Rules, Stopped).Run(cancellationToken);
            return [.. best.Select((sequences, p) => sequences.Select(s => s with { Text = Whole(prompts[p], s.Tokens) }).ToArray())];
        }
        TextWriting?[] texts = [.. Enumerable.Range(0, rows.Count).Select(row => _options.StopTexts.Count == 0 ? null : Text(prompts[row / copies]))];
        foreach (var (row, token) in SequenceWriter.Draw(rows, _options, _endIds, Rules, cancellationToken))
        {
            if (texts[row] is not { } text) continue;
            text.Push(token);
            if (text.IsStopped) rows.Finish(row);
        }
        return [.. prompts.Select((prompt, p) => Enumerable.Range(p * copies, copies).Select(rows.Written)
            .Select(tokens => new GeneratedSequence { Tokens = tokens, Text = Whole(prompt, tokens) }).ToArray())];
    }

    private WritingRows Begin(IReadOnlyList<IReadOnlyList<int>> prompts) => _model switch
    {
        ISequenceToSequenceModel reader => WritingRows.Answer(reader, prompts, _options.MaxNewTokens),
        ICausalLanguageModel causal => WritingRows.Continue(causal, prompts, _options.MaxNewTokens, _tokenizer?.SpecialTokens.BeginOfText),
        _ => throw new ArgumentException($"A {_model.GetType().Name} does not say how it begins to write."),
    };

    /// <summary>What follows a prompt is not the beginning of a text; an answer is, and what follows a token that begins one.</summary>
    private TextWriting Text(IReadOnlyList<int> prompt) =>
        new(_tokenizer!, IsAnswering || (prompt.Count == 1 && _tokenizer!.IsSpecial(prompt[0])) ? null : prompt[^1], _options.StopTexts, skipSpecialTokens: IsAnswering);

    private string Whole(IReadOnlyList<int> prompt, IReadOnlyList<int> tokens) => _tokenizer is null ? "" : Text(prompt).All(tokens);
}
