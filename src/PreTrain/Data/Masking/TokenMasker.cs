using PreTrain.Tokenization;

namespace PreTrain.Data.Masking;

/// <summary>
/// Hides tokens of a row, to be predicted from the rest. Which ones follows from a seed, so that the same text is masked in another way each time it comes (Liu et al. 2019,
/// "RoBERTa", section 4.1) and no masks need to be stored. Special tokens are never touched. Safe for use by several threads.
/// </summary>
public sealed class TokenMasker
{
    /// <summary>The target of a place that is not to be predicted.</summary>
    public const long Ignored = EvaluationWindows.IgnoredTarget;

    private readonly MaskingOptions _options;
    private readonly TokenTable _table;
    private readonly Lexicon? _lexicon;
    private readonly int _mask;
    private readonly double[] _lengths;   // sums of the probabilities of 1, 2, … units

    /// <summary>Reads the vocabulary.</summary>
    /// <param name="tokenizer">Made the tokens.</param>
    /// <param name="options">What is to be predicted.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer has no mask token.</exception>
    /// <exception cref="CorpusException">The lexicon cannot be read.</exception>
    public TokenMasker(TextTokenizer tokenizer, MaskingOptions? options = null) : this(tokenizer, options, null)
    {
    }

    internal TokenMasker(TextTokenizer tokenizer, MaskingOptions? options, TokenTable? table)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _options = options ?? new MaskingOptions();
        _options.Validate();
        _mask = MaskOf(tokenizer);
        _table = table ?? new TokenTable(tokenizer);
        if (_options.Unit == MaskingUnit.Entity) _lexicon = Lexicon.Load(_options.LexiconFile!, tokenizer);
        _lengths = Sums(_options.Unit switch
        {
            MaskingUnit.NGram => Enumerable.Range(1, _options.MaxNGram).Select(n => 1.0 / n),
            MaskingUnit.Span => Enumerable.Range(1, _options.MaxSpanLength).Select(n => Math.Pow(1 - _options.SpanProbability, n - 1)),
            _ => [1.0],
        });
    }

    /// <summary>The id of the mask token.</summary>
    public int MaskId => _mask;

    /// <summary>Masks a row.</summary>
    /// <param name="ids">The tokens; what is to be predicted is replaced.</param>
    /// <param name="targets">Receives the former token where one is to be predicted, and <see cref="Ignored"/> elsewhere.</param>
    /// <param name="seed">Decides what is masked.</param>
    /// <returns>The number of tokens that are to be predicted: the nearest to <see cref="MaskingOptions.Rate"/> that whole units allow without passing it, and at least one unit.</returns>
    public int Mask(Span<long> ids, Span<long> targets, ulong seed)
    {
        if (ids.Length != targets.Length) throw new ArgumentException($"There are {targets.Length} targets and {ids.Length} tokens; there must be as many.", nameof(targets));
        targets.Fill(Ignored);
        List<(int Start, int Length)> units = Units(ids);
        int tokens = units.Sum(unit => unit.Length);
        if (tokens == 0) return 0;
        int budget = Math.Clamp((int)Math.Round(_options.Rate * tokens), 1, tokens), masked = 0;
        var random = new MaskRandom(seed);
        foreach (int first in random.Permutation(units.Count))
        {
            if (masked >= budget) break;
            if (targets[units[first].Start] != Ignored) continue;
            int length = _lengths.Length == 1 ? 1 : random.NextOf(_lengths) + 1;
            Change? change = _options.Unit == MaskingUnit.Span ? NextChange(ref random) : null;
            for (int u = first; u < Math.Min(units.Count, first + length); u++)
            {
                var (start, count) = units[u];
                bool follows = u == first || (units[u - 1].Start + units[u - 1].Length == start && targets[start] == Ignored);
                // A unit alone that is longer than the budget is the last resort against a row without target.
                if (!follows || (masked + count > budget && (masked > 0 || u > first || HasShorter(units, budget)))) break;
                for (int i = start; i < start + count; i++) Replace(ids, targets, i, change ?? NextChange(ref random), ref random);
                masked += count;
            }
        }
        return masked;
    }

    /// <summary>The mask token of a tokenizer.</summary>
    internal static int MaskOf(TextTokenizer tokenizer) => tokenizer.SpecialTokens.Mask
        ?? throw new ArgumentException("The tokenizer has no mask token. Train one with [MASK] or <mask> among its special tokens, or name it as mask_token in tokenizer_config.json.", nameof(tokenizer));

    private enum Change
    {
        Mask,
        Random,
        Keep,
    }

    private static bool HasShorter(List<(int Start, int Length)> units, int budget) => units.Exists(unit => unit.Length <= budget);

    private static double[] Sums(IEnumerable<double> weights)
    {
        double[] all = [.. weights];
        double total = all.Sum(), sum = 0;
        return [.. all.Select(weight => (sum += weight) / total)];
    }

    /// <summary>What is masked together, in the order of the text: tokens, words, or entries of the lexicon.</summary>
    private List<(int Start, int Length)> Units(ReadOnlySpan<long> ids)
    {
        var units = new List<(int Start, int Length)>(ids.Length);
        for (int start = 0; start < ids.Length;)
        {
            int length = 1;
            if (!_table.IsSpecial(ids[start]))
            {
                if (_lexicon is not null) length = Math.Max(1, _lexicon.Match(ids[start..], _table));
                if (_options.Unit != MaskingUnit.Token)
                {
                    while (start + length < ids.Length && !_table.IsWordBoundary(ids[start + length - 1], ids[start + length])) length++;
                }
                units.Add((start, length));
            }
            start += length;
        }
        return units;
    }

    private Change NextChange(ref MaskRandom random) => random.NextDouble() is var draw && draw < _options.MaskShare ? Change.Mask : draw < _options.MaskShare + _options.RandomShare ? Change.Random : Change.Keep;

    private void Replace(Span<long> ids, Span<long> targets, int place, Change change, ref MaskRandom random)
    {
        targets[place] = ids[place];
        if (change == Change.Mask) ids[place] = _mask;
        else if (change == Change.Random) ids[place] = _table.Ordinary[random.Next(_table.Ordinary.Length)];
    }
}
