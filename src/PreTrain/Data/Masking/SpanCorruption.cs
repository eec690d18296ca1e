using System.Text.Json.Nodes;
using PreTrain.Tokenization;

namespace PreTrain.Data.Masking;

/// <summary>
/// T5's objective (Raffel et al. 2020, section 3.1.4): spans of the text are lost, each replaced by a sentinel of its own. What is written are the lost spans, each behind its sentinel,
/// and a final sentinel: <c>Thank you &lt;X&gt; me to your party &lt;Y&gt; week.</c> becomes <c>&lt;X&gt; for inviting &lt;Y&gt; last &lt;Z&gt;</c>.
/// </summary>
public sealed class SpanCorruption : ISequenceCorruption
{
    private readonly SpanCorruptionOptions _options;
    private readonly int[] _sentinels;

    /// <summary>Finds the sentinels: <c>&lt;extra_id_0&gt;</c> and so on.</summary>
    /// <param name="tokenizer">Made the tokens.</param>
    /// <param name="options">How much is lost.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the tokenizer has no sentinel.</exception>
    public SpanCorruption(TextTokenizer tokenizer, SpanCorruptionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _options = options ?? new SpanCorruptionOptions();
        _options.Validate();
        var sentinels = new List<int>();
        while (tokenizer.TokenToId($"<extra_id_{sentinels.Count}>") is { } id && tokenizer.IdToToken(id) == $"<extra_id_{sentinels.Count}>") sentinels.Add(id);
        if (sentinels.Count == 0)
            throw new ArgumentException("The tokenizer has no sentinel tokens. Train one with <extra_id_0>, <extra_id_1>, … among its special tokens; T5 has 100.", nameof(tokenizer));
        _sentinels = [.. sentinels];
    }

    /// <summary>Whether a tokenizer has what stands for lost spans.</summary>
    internal static bool HasSentinels(TextTokenizer tokenizer) => tokenizer.TokenToId("<extra_id_0>") is not null;

    /// <inheritdoc/>
    public string Name => "span-corruption";

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["rate"] = _options.Rate, ["meanSpanLength"] = _options.MeanSpanLength, ["finalSentinel"] = _options.HasFinalSentinel };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The vocabulary has too few sentinels for so long a text, or nothing fits.</exception>
    public int TextLength(int sourceLength)
    {
        int length = 1;
        while (Counts(length + 1) is var (lost, spans) && length + 1 - lost + spans <= sourceLength) length++;
        if (length < 2) throw new ArgumentException($"A source of {sourceLength} tokens has no room for text beside a sentinel. Use a longer context.");
        int needed = Counts(length).Spans + (_options.HasFinalSentinel ? 1 : 0);
        return needed <= _sentinels.Length ? length : throw new ArgumentException(
            $"A text of {length} tokens needs {needed} sentinels, and the vocabulary has {_sentinels.Length} (<extra_id_0> to <extra_id_{_sentinels.Length - 1}>). Use a shorter context or a lower rate.");
    }

    /// <inheritdoc/>
    public (long[] Source, long[] Target) Corrupt(ReadOnlySpan<long> text, ulong seed)
    {
        var (lost, spans) = Counts(text.Length);
        if (spans + 1 > _sentinels.Length + (_options.HasFinalSentinel ? 0 : 1)) throw new ArgumentException($"A text of {text.Length} tokens needs more than the {_sentinels.Length} sentinels of the vocabulary.", nameof(text));
        var random = new MaskRandom(seed);
        int[] lostLengths = Parts(lost, spans, ref random), keptLengths = Parts(text.Length - lost, spans, ref random);
        var source = new List<long>();
        var target = new List<long>();
        for (int span = 0, place = 0; span < spans; span++)
        {
            source.AddRange(text.Slice(place, keptLengths[span]));
            place += keptLengths[span];
            source.Add(_sentinels[span]);
            target.Add(_sentinels[span]);
            target.AddRange(text.Slice(place, lostLengths[span]));
            place += lostLengths[span];
        }
        if (_options.HasFinalSentinel) target.Add(_sentinels[spans]);
        return ([.. source], [.. target]);
    }

    /// <summary>The tokens that are lost, and their spans.</summary>
    private (int Lost, int Spans) Counts(int length)
    {
        int lost = Math.Clamp((int)Math.Round(length * _options.Rate), 1, length - 1);
        return (lost, Math.Clamp((int)Math.Round(lost / _options.MeanSpanLength), 1, Math.Min(lost, length - lost)));
    }

    /// <summary>A whole number as a sum of positive ones, each such sum with the same probability.</summary>
    private static int[] Parts(int total, int count, ref MaskRandom random)
    {
        int[] ends = [.. random.Permutation(total - 1).Take(count - 1).Select(cut => cut + 1).Order(), total];
        return [.. ends.Select((end, i) => i == 0 ? end : end - ends[i - 1])];
    }
}
