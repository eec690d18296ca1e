using System.Text;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Normalizers;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PostProcessors;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads normalizers, pre-tokenizers, post-processors and decoders. What is not known is a fault that names it.</summary>
internal static class ComponentReader
{
    /// <summary>Reads a normalizer.</summary>
    public static ITextNormalizer Normalizer(JsonPart part) => Read<ITextNormalizer>(part, "normalizer", type => type switch
    {
        "NFC" or "NFD" or "NFKC" or "NFKD" => new UnicodeFormNormalizer(type),
        "Lowercase" => new LowercaseNormalizer(),
        "StripAccents" => new StripAccentsNormalizer(),
        "BertNormalizer" or "Bert" => new BertNormalizer(
            part.Get("clean_text").Boolean(), part.Get("handle_chinese_chars").Boolean(), part.Find("strip_accents")?.Boolean(), part.Get("lowercase").Boolean()),
        "Replace" => new ReplaceNormalizer(Pattern(part.Get("pattern")), part.Get("content").Text()),
        "Prepend" => new PrependNormalizer(part.Get("prepend").Text()),
        "Strip" => new StripNormalizer(part.Get("strip_left").Boolean(), part.Get("strip_right").Boolean()),
        "Nmt" => new NmtNormalizer(),
        "Precompiled" => Precompiled(part.Get("precompiled_charsmap")),
        "ByteLevel" => new ByteLevelNormalizer(),
        "Sequence" => new NormalizerSequence([.. part.Get("normalizers").Items().Select(Normalizer)]),
        _ => null,
    });

    /// <summary>Reads a pre-tokenizer.</summary>
    public static ITextSplitter PreTokenizer(JsonPart part) => Read<ITextSplitter>(part, "pre_tokenizer", type => type switch
    {
        "ByteLevel" => ByteLevel(part, (prefix, trim, pattern) => new ByteLevelSplitter(prefix, trim, pattern, spells: true)),
        "BertPreTokenizer" => new BertSplitter(),
        "Whitespace" => new WhitespaceSplitter(),
        "WhitespaceSplit" => FlagSplitter.WhitespaceSplit(),
        "Metaspace" => Metaspace(part, (character, scheme, splits) => new MetaspaceSplitter(character, scheme, splits)),
        "Split" => new PatternSplitter(Pattern(part.Get("pattern")), part.Get("behavior").Choice<SplitBehavior>(), part.Get("invert").Boolean()),
        "Punctuation" => FlagSplitter.Punctuation(part.Find("behavior")?.Choice<SplitBehavior>() ?? SplitBehavior.Isolated),
        "Digits" => FlagSplitter.Digits(part.Get("individual_digits").Boolean()),
        "CharDelimiterSplit" or "Delimiter" => new DelimiterSplitter(part.Get("delimiter").Character()),
        "UnicodeScripts" => new ScriptSplitter(),
        "FixedLength" => FixedLength(part.Find("length")),
        "Sequence" => new SplitterSequence([.. part.Get("pretokenizers").Items().Select(PreTokenizer)]),
        _ => null,
    });

    /// <summary>Reads a post-processor.</summary>
    public static IPostProcessor PostProcessor(JsonPart part) => Read<IPostProcessor>(part, "post_processor", type => type switch
    {
        "TemplateProcessing" => Template(part),
        "BertProcessing" => new BertPostProcessor(Token(part.Get("sep")), Token(part.Get("cls"))),
        "RobertaProcessing" => new RobertaPostProcessor(
            Token(part.Get("sep")), Token(part.Get("cls")), part.Get("trim_offsets").Boolean(), part.Get("add_prefix_space").Boolean()),
        "ByteLevel" => ByteLevel(part, (prefix, trim, pattern) => new ByteLevelPostProcessor(prefix, trim, pattern)),
        "Sequence" => new PostProcessorSequence([.. part.Get("processors").Items().Select(PostProcessor)]),
        _ => null,
    });

    /// <summary>Reads a decoder.</summary>
    public static ITokenDecoder Decoder(JsonPart part) => Read<ITokenDecoder>(part, "decoder", type => type switch
    {
        "ByteLevel" => ByteLevel(part, (prefix, trim, pattern) => new ByteLevelDecoder(prefix, trim, pattern)),
        "WordPiece" => new WordPieceDecoder(part.Get("prefix").Text(), part.Get("cleanup").Boolean()),
        "Metaspace" => Metaspace(part, (character, scheme, splits) => new MetaspaceDecoder(character, scheme, splits)),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Fuse" => new FuseDecoder(),
        "Strip" => new StripDecoder(part.Get("content").Character(), part.Get("start").Number(), part.Get("stop").Number()),
        "Replace" => new ReplaceDecoder(Pattern(part.Get("pattern")), part.Get("content").Text()),
        "BPEDecoder" => new BpeDecoder(part.Get("suffix").Text()),
        "CTC" => new CtcDecoder(part.Get("pad_token").Text(), part.Get("word_delimiter_token").Text(), part.Get("cleanup").Boolean()),
        "Sequence" => new DecoderSequence([.. part.Get("decoders").Items().Select(Decoder)]),
        _ => null,
    });

    private static T Read<T>(JsonPart part, string what, Func<string, T?> make) where T : class
    {
        string type = part.Get("type").Text();
        T component = make(type) ?? throw part.Get("type").Fault($"is '{type}', a {what} that is not known here.");
        part.RequireAllKnown($"the {what} '{type}'");
        return component;
    }

    private static T ByteLevel<T>(JsonPart part, Func<bool, bool, bool, T> make) =>
        make(part.Get("add_prefix_space").Boolean(), part.Find("trim_offsets")?.Boolean() ?? true, part.Find("use_regex")?.Boolean() ?? true);

    private static T Metaspace<T>(JsonPart part, Func<Rune, PrependScheme, bool, T> make)
    {
        JsonPart? named = part.Find("prepend_scheme");
        PrependScheme scheme = named?.Text() switch
        {
            null or "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            string other => throw named.Fault($"must be always, first or never, but it is '{other}'."),
        };
        // The older way to say it.
        if (part.Find("add_prefix_space") is { } adds && !adds.Boolean())
        {
            if (scheme != PrependScheme.Never)
                throw adds.Fault("is false, but prepend_scheme is not 'never'.");
        }

        _ = part.Find("str_rep");   // the replacement once more
        return make(part.Get("replacement").Character(), scheme, part.Find("split")?.Boolean() ?? true);
    }

    private static PrecompiledNormalizer Precompiled(JsonPart part)
    {
        try
        {
            return new PrecompiledNormalizer(Convert.FromBase64String(part.Text()));
        }
        catch (FormatException fault)
        {
            throw part.Fault($"is broken: {fault.Message}.");
        }
    }

    private static FixedLengthSplitter FixedLength(JsonPart? length) =>
        new(length?.Number() is not 0 and var number ? number ?? 5 : throw length!.Fault("must be at least 1."));

    private static TextPattern Pattern(JsonPart part)
    {
        JsonPart? literal = part.Find("String"), regex = part.Find("Regex");
        if (literal is null == regex is null)
            throw part.Fault("must have either 'String' or 'Regex'.");
        part.RequireAllKnown("a pattern");
        if (literal is not null)
            return new LiteralPattern(literal.Text());
        try
        {
            return ScannerPattern.ForRegex(regex!.Text());
        }
        catch (FormatException fault)
        {
            throw regex!.Fault($"is a regular expression that cannot be used: {fault.Message}.");
        }
    }

    private static (string Token, int Id) Token(JsonPart part)
    {
        IReadOnlyList<JsonPart> items = part.Items();
        if (items.Count != 2)
            throw part.Fault("must be a token and its id.");
        return (items[0].Text(), items[1].Number(TokenizerFile.LargestId));
    }

    private static TemplatePostProcessor Template(JsonPart part)
    {
        var tokens = new Dictionary<string, IReadOnlyList<(int, string)>>(StringComparer.Ordinal);
        JsonPart specials = part.Get("special_tokens");
        foreach (string name in specials.Names)
        {
            JsonPart special = specials.Get(name);
            _ = special.Find("id");   // the name once more
            IReadOnlyList<JsonPart> ids = special.Get("ids").Items(), spellings = special.Get("tokens").Items();
            if (ids.Count != spellings.Count)
                throw special.Fault($"has {ids.Count} ids, but {spellings.Count} tokens.");
            special.RequireAllKnown("a special token");
            tokens.Add(name, [.. ids.Zip(spellings, (id, token) => (id.Number(TokenizerFile.LargestId), token.Text()))]);
        }

        return new TemplatePostProcessor(Pieces(part.Get("single"), tokens, isPair: false), Pieces(part.Get("pair"), tokens, isPair: true), tokens);
    }

    private static List<TemplatePiece> Pieces(JsonPart part, Dictionary<string, IReadOnlyList<(int, string)>> tokens, bool isPair)
    {
        var pieces = new List<TemplatePiece>();
        foreach (JsonPart item in part.Items())
        {
            JsonPart? sequence = item.Find("Sequence"), special = item.Find("SpecialToken");
            item.RequireAllKnown("a piece of a template");
            JsonPart piece = sequence ?? special ?? throw item.Fault("must have either 'Sequence' or 'SpecialToken'.");
            JsonPart id = piece.Get("id");
            int type = piece.Get("type_id").Number();
            piece.RequireAllKnown("a piece of a template");
            if (special is not null)
            {
                pieces.Add(new TemplatePiece(-1, tokens.ContainsKey(id.Text()) ? id.Text() : throw id.Fault($"is '{id.Text()}', which is not among the special_tokens."), type));
                continue;
            }

            int index = id.Text() switch { "A" => 0, "B" when isPair => 1, var other => throw id.Fault($"must be {(isPair ? "A or B" : "A")}, but it is '{other}'.") };
            pieces.Add(new TemplatePiece(index, "", type));
        }

        return pieces;
    }
}
