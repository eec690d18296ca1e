using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using PreTrain.Data.Masking;

namespace PreTrain.Data;

/// <summary>
/// Weaves facts into documents: behind a sentence that names a subject comes a sentence that says what is known of it, so that a model reads text and knowledge side by side
/// (Sun et al. 2021, "ERNIE 3.0", section 3.2.2, universal knowledge-text prediction; facts as sentences: Agarwal et al. 2021, "KELM", section 3).
/// </summary>
/// <remarks>
/// A subject is found where its words stand between characters that are neither letters nor digits, in any case; of overlapping subjects the longest counts. A document gets each fact once. What is
/// chosen follows from the seed and the document's text, whatever the number of threads.
/// </remarks>
public sealed class FactWeaving : CorpusStep
{
    private readonly Facts facts;
    private readonly FactWeavingOptions options;

    /// <summary>Creates the step.</summary>
    /// <param name="facts">What is known.</param>
    /// <param name="options">How much of it.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public FactWeaving(Facts facts, FactWeavingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(facts);
        this.facts = facts;
        this.options = options ?? new FactWeavingOptions();
        this.options.Validate();
    }

    /// <inheritdoc/>
    public override string Name => "facts";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(output);
        var random = new MaskRandom(SeedOf(document));
        var woven = new StringBuilder();
        var told = new HashSet<string>();
        var copied = 0;
        foreach (var (start, length) in Sentences.Find(document))
        {
            if (told.Count == options.MaxPerDocument)
                break;
            string[] candidates = [.. SubjectsOf(document.AsSpan(start, length)).SelectMany(facts.Of).Where(fact => !told.Contains(fact))];
            if (candidates.Length == 0 || random.NextDouble() >= options.Rate)
                continue;
            var fact = candidates[random.Next(candidates.Length)];
            told.Add(fact);
            woven.Append(document, copied, start + length - copied).Append(' ').Append(fact);
            copied = start + length;
        }
        output.Count("facts woven in", told.Count);
        output.Keep(copied == 0 ? document : woven.Append(document, copied, document.Length - copied).ToString());
    }

    private ulong SeedOf(string document)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(document.AsSpan()), hash);
        return SplitMix.Mix(options.Seed, System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(hash), 6);
    }

    /// <summary>The known subjects that a sentence names, from left to right, each once.</summary>
    private List<string> SubjectsOf(ReadOnlySpan<char> sentence)
    {
        var parts = Facts.Parts(sentence);
        var found = new List<string>();
        for (var first = 0; first < parts.Count; first++)
        {
            for (var last = Math.Min(parts.Count, first + facts.MostParts) - 1; last >= first; last--)
            {
                if (NameOf(sentence, parts[first].Start, parts[last].End) is not { } name)
                    continue;
                if (!found.Contains(name, StringComparer.OrdinalIgnoreCase))
                    found.Add(name);
                first = last;
                break;
            }
        }
        return found;
    }

    // C++ and Inc. end with marks; the longest name counts.
    private string? NameOf(ReadOnlySpan<char> sentence, int start, int end)
    {
        var longest = end;
        while (longest < sentence.Length && longest < end + 2 && !char.IsLetterOrDigit(sentence[longest]) && !char.IsWhiteSpace(sentence[longest]))
            longest++;
        for (; longest >= end; longest--)
        {
            if (Normal(sentence[start..longest]) is var name && facts.Of(name).Count > 0)
                return name;
        }
        return null;
    }

    private static string Normal(ReadOnlySpan<char> text) => string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
