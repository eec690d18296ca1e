using System.Globalization;
using System.Text;
using System.Text.Json;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Export;

/// <summary>A tokenizer in llama.cpp's terms.</summary>
/// <param name="Model">llama.cpp's name of it.</param>
/// <param name="Facts">The metadata.</param>
internal sealed record GgufTokenizer(string Model, IReadOnlyList<(string Key, object Value)> Facts)
{
    private const string Prefix = "tokenizer.ggml.";

    // llama.cpp's types of tokens.
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6;

    /// <summary>Translates a tokenizer.</summary>
    /// <param name="tokenizer">The tokenizer; null for none.</param>
    /// <param name="size">The rows of the model's embedding; those without a token become unused ones.</param>
    /// <exception cref="ArgumentException">llama.cpp has no such tokenizer; the message says what it has not.</exception>
    internal static GgufTokenizer Of(TextTokenizer? tokenizer, int size)
    {
        if (tokenizer is null) return new("none", [(Prefix + "model", "none")]);
        if (tokenizer.VocabSize > size) throw new ArgumentException($"The tokenizer has {tokenizer.VocabSize} tokens and the model {size}; they do not belong together.", nameof(tokenizer));
        if (tokenizer is not PipelineTokenizer { Parts: var parts }) throw Fault($"a {tokenizer.GetType().Name}");
        if (parts.Model is not BpeModel { Settings: { Dropout: 0, ContinuingPrefix: null or "", EndOfWordSuffix: null or "" } } model) throw Fault($"a {tokenizer.Describe().Model} model, or BPE with dropout or affixes");

        SpecialTokenIds special = tokenizer.SpecialTokens;
        // GPT-2's only token of that kind has every role, and a text ends at it.
        int? unknown = special.Unknown == special.BeginOfText || special.Unknown == (special.EndOfText ?? tokenizer.DocumentEndId) ? null : special.Unknown;
        int[] types = new int[size];
        string[] tokens = new string[size];
        for (int id = 0; id < size; id++)
        {
            (tokens[id], types[id]) = tokenizer.IdToToken(id) is not { } token ? (string.Create(CultureInfo.InvariantCulture, $"[PAD{id}]"), Unused)
                : (token, id == unknown ? Unknown : tokenizer.IsSpecial(id) ? Control : parts.AddedTokens.Any(added => added.Id == id) ? UserDefined : Normal);
        }
        List<(string, object)> facts = model.Settings.ByteLevel ? ByteLevel(parts, model) : SentencePiece(parts, model, tokens, types);
        string name = (string)facts[0].Item2;
        facts.AddRange([(Prefix + "tokens", tokens), (Prefix + "token_type", types)]);
        if (model.Settings.ByteLevel) facts.Add((Prefix + "merges", model.MergeList.Select(merge => $"{model.TokenOf(merge.Left)} {model.TokenOf(merge.Right)}").ToArray()));
        foreach (var (role, id) in new[] { ("bos", special.BeginOfText), ("eos", special.EndOfText ?? tokenizer.DocumentEndId), ("unknown", special.Unknown), ("padding", special.Padding) })
        {
            if (id is { } known) facts.Add(($"{Prefix}{role}_token_id", (uint)known));
        }
        int[] around = [.. tokenizer.Tokenize("", options: EncodingOptions.Whole).Ids];
        facts.Add((Prefix + "add_bos_token", tokenizer.AddedBeginOfTextId is not null));
        facts.Add((Prefix + "add_eos_token", special.EndOfText is { } end && around.Length > 0 && around[^1] == end && (around.Length > 1 || around[0] != special.BeginOfText)));
        return new(name, facts);
    }

    private static List<(string, object)> ByteLevel(TokenizerParts parts, BpeModel model)
    {
        if (JsonOf(parts.Normalizer) is { } json && json != """{"type":"NFC"}""") throw Fault($"byte-level BPE after a normalizer other than NFC ({json})");
        string? words = parts.PreTokenizer switch
        {
            ByteLevelSplitter { UsesPattern: true, AddPrefixSpace: false } => "gpt-2",
            SplitterSequence { Steps: [PatternSplitter { IsIsolated: true, Pattern: var pattern }, ByteLevelSplitter { UsesPattern: false, AddPrefixSpace: false }] } =>
                pattern == ScannerPattern.Llama3 ? (model.Settings.IgnoreMerges ? "llama-bpe" : "dbrx") : pattern == ScannerPattern.Qwen2 ? "qwen2" : null,
            _ => null,
        };
        if (words is null) throw Fault("byte-level BPE over words that are not those of GPT-2, Llama 3 or Qwen 2, or with a blank before a text");
        if (model.Settings.IgnoreMerges && words != "llama-bpe") throw Fault("byte-level BPE that takes whole words first (ignore_merges) over words that are not those of Llama 3");
        return [(Prefix + "model", "gpt2"), (Prefix + "pre", words)];
    }

    /// <summary>BPE over characters. llama.cpp joins the two neighbours whose token has the highest score, so the earlier a merge, the higher its token's score.</summary>
    private static List<(string, object)> SentencePiece(TokenizerParts parts, BpeModel model, string[] tokens, int[] types)
    {
        for (int b = 0; b < 256; b++)
        {
            if (model.IdOf(BpeModel.FallbackToken((byte)b)) is not { } id) throw Fault($"BPE over characters whose vocabulary lacks '{BpeModel.FallbackToken((byte)b)}': it must have all 256 bytes to fall back to");
            types[id] = Byte;
        }
        if (!model.Settings.ByteFallback) throw Fault("BPE over characters without byte_fallback");
        bool? prefix = (JsonOf(parts.Normalizer), JsonOf(parts.PreTokenizer)) switch
        {
            (null, """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""" or """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false}"""
                or """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}""" or """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""") => true,
            (null, """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}""" or """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""") => false,
            ("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""", null) => true,
            ("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""", null) => false,
            _ => null,
        };
        if (prefix is null) throw Fault("BPE over characters that does more to a text than to write ▁ for blanks");
        float[] scores = new float[tokens.Length];
        bool[] isRanked = new bool[tokens.Length];
        for (int rank = 0; rank < model.MergeList.Count; rank++)
        {
            int id = model.MergeList[rank].Id;
            if (!isRanked[id]) (scores[id], isRanked[id]) = (-rank, true);
        }
        RequireSameWays(model, tokens, types, isRanked);
        return [(Prefix + "model", "llama"), (Prefix + "pre", "default"), (Prefix + "scores", scores), (Prefix + "add_space_prefix", prefix.Value)];
    }

    /// <summary>llama.cpp knows no list of pairs: whatever two tokens make a third, it joins. SentencePiece's vocabularies list them all, and those converted from them do.</summary>
    private static void RequireSameWays(BpeModel model, string[] tokens, int[] types, bool[] isRanked)
    {
        HashSet<(int, int)> listed = [.. model.MergeList.Select(merge => (merge.Left, merge.Right))];
        for (int id = 0; id < tokens.Length; id++)
        {
            if (types[id] is not (Normal or UserDefined) || (types[id] == UserDefined && !isRanked[id])) continue;
            string token = tokens[id];
            for (int cut = 1; cut < token.Length; cut++)
            {
                if (char.IsLowSurrogate(token[cut]) || model.IdOf(token[..cut]) is not { } left || model.IdOf(token[cut..]) is not { } right || types[left] != Normal || types[right] != Normal || listed.Contains((left, right))) continue;
                throw Fault($"BPE over characters that lists some merges only: '{token[..cut]}' and '{token[cut..]}' make the token '{token}', and are no merge, while llama.cpp would join them");
            }
        }
    }

    /// <summary>A part as <c>tokenizer.json</c> has it, without blanks.</summary>
    private static string? JsonOf(object? part)
    {
        Action<Utf8JsonWriter>? write = part switch
        {
            ITextNormalizer normalizer => normalizer.Write,
            ITextSplitter splitter => splitter.Write,
            _ => null,
        };
        if (write is null) return null;
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) write(json);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static ArgumentException Fault(string what) =>
        new($"The tokenizer is {what}, which llama.cpp does not know. It knows byte-level BPE with the words of GPT-2, Llama 3 or Qwen 2, and SentencePiece's BPE; without a tokenizer the model can be exported too, and fed with ids.");
}
