using System.Text;
using System.Text.Json.Nodes;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Normalizers;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PostProcessors;
using PreTrain.Tokenization.PreTokenizers;
using PreTrain.Tokenization.Vocabularies;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads vocabularies that hold a model alone, and puts the pipeline around it that they are used with.</summary>
internal static class OtherFormats
{
    /// <summary>The names that are looked for in a folder.</summary>
    public static IReadOnlyList<string> FileNames { get; } = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.tiktoken", "vocab.txt"];

    /// <summary>Reads a file by its name's end; <see langword="null"/> if that is none of these formats.</summary>
    public static TokenizerParts? Read(string path, TokenizerSettings settings) => Path.GetExtension(path) switch
    {
        ".model" => ReadSentencePiece(path, settings),
        ".tiktoken" => ReadTiktoken(path, settings),
        ".txt" => ReadVocabularyText(path, settings),
        _ => null,
    };

    /// <summary>BERT's <c>vocab.txt</c>. Lower case unless <c>tokenizer_config.json</c> says otherwise.</summary>
    private static TokenizerParts ReadVocabularyText(string path, TokenizerSettings settings)
    {
        TokenVocabulary vocabulary = VocabularyText.Read(path);
        string unknown = settings["unk_token"] ?? "[UNK]";
        if (vocabulary.IdOf(unknown) is null)
            throw new TokenizerException(path, $"The vocabulary lacks the unknown token '{unknown}'.");
        var model = new WordPieceModel(vocabulary, unknown);
        bool lowercase = Flag(settings, "do_lower_case") ?? true;
        string[] specials = [.. new[] { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" }.Concat(settings.Roles.Values).Distinct().Where(token => vocabulary.IdOf(token) is not null)];
        return new TokenizerParts
        {
            Model = model,
            AddedTokens = Added(model, specials),
            Normalizer = new BertNormalizer(cleanText: true, Flag(settings, "tokenize_chinese_chars") ?? true, Flag(settings, "strip_accents"), lowercase),
            PreTokenizer = new BertSplitter(),
            PostProcessor = UsualTokens.Template(model),
            Decoder = new WordPieceDecoder("##", cleansUp: true),
            Settings = WithRoles(settings, specials),
        };
    }

    /// <summary>A tiktoken rank file, cut by the pattern of <c>cl100k_base</c> and Llama 3.</summary>
    private static TokenizerParts ReadTiktoken(string path, TokenizerSettings settings)
    {
        BpeModel model = TiktokenFile.Read(path);
        return new TokenizerParts
        {
            Model = model,
            PreTokenizer = new SplitterSequence(
            [
                new PatternSplitter(ScannerPattern.Llama3, SplitBehavior.Isolated, isInverted: false),
                new ByteLevelSplitter(addPrefixSpace: false, trimOffsets: true, usesPattern: false, spells: false),
            ]),
            PostProcessor = new ByteLevelPostProcessor(addPrefixSpace: true, trimOffsets: false, usesPattern: true),
            Decoder = new ByteLevelDecoder(addPrefixSpace: true, trimOffsets: true, usesPattern: true),
            Settings = settings,
        };
    }

    private static TokenizerParts ReadSentencePiece(string path, TokenizerSettings settings)
    {
        SentencePieceFile file = SentencePieceFile.Read(path);
        if (file.BlankIsSuffix)
            throw new TokenizerException(path, "The model puts the sign of a blank after words (treat_whitespace_as_suffix), which is not supported.");
        if (!file.EscapeBlanks)
            throw new TokenizerException(path, "The model keeps blanks as they are (escape_whitespaces is false), which is not supported.");
        ITokenModel model = file.ToModel();
        var normalizers = new List<ITextNormalizer>();
        if (CharacterMap(path, file) is { } map)
            normalizers.Add(map);
        if (file.RemoveExtraBlanks)
        {
            normalizers.Add(new StripNormalizer(left: true, right: true));
            normalizers.Add(new ReplaceNormalizer(ScannerPattern.ForRegex(" {2,}"), " "));
        }

        var blank = new Rune('▁');
        PrependScheme scheme = file.AddDummyPrefix ? PrependScheme.Always : PrependScheme.Never;
        var parts = new TokenizerParts
        {
            Model = model,
            AddedTokens = [.. file.Pieces.Select((piece, id) => (piece, id))
                .Where(p => p.piece.Kind is SentencePieceKind.Control or SentencePieceKind.UserDefined or SentencePieceKind.Unknown)
                .Select(p => new AddedToken(p.id, p.piece.Text, Special: p.piece.Kind != SentencePieceKind.UserDefined))],
            Normalizer = normalizers.Count == 0 ? null : new NormalizerSequence(normalizers),
            // Merges of BPE may lie across blanks.
            PreTokenizer = new MetaspaceSplitter(blank, scheme, splits: model is not BpeModel),
            Decoder = file.ByteFallback
                ? new DecoderSequence([new ByteFallbackDecoder(), new MetaspaceDecoder(blank, scheme, splits: true)])
                : new MetaspaceDecoder(blank, scheme, splits: true),
        };
        var roles = new Dictionary<string, string>(settings.Roles);
        foreach ((string role, int? id) in new (string, int?)[] { ("unk_token", file.UnknownId), ("bos_token", file.BeginId), ("eos_token", file.EndId), ("pad_token", file.PadId) })
        {
            if (id is { } known)
                roles.TryAdd(role, file.Pieces[known].Text);
        }

        return parts with { PostProcessor = UsualTokens.Template(model), Settings = settings with { Roles = roles } };
    }

    private static PrecompiledNormalizer? CharacterMap(string path, SentencePieceFile file)
    {
        if (file.CharacterMap.IsEmpty)
            return null;
        try
        {
            return new PrecompiledNormalizer(file.CharacterMap.ToArray());
        }
        catch (FormatException fault)
        {
            throw new TokenizerException(path, $"The character map (precompiled_charsmap) is broken: {fault.Message}.", fault);
        }
    }

    private static AddedToken[] Added(ITokenModel model, IEnumerable<string> specials) =>
        [.. specials.Select(token => new AddedToken(model.IdOf(token)!.Value, token)).OrderBy(token => token.Id)];

    private static TokenizerSettings WithRoles(TokenizerSettings settings, string[] specials)
    {
        var roles = new Dictionary<string, string>(settings.Roles);
        foreach ((string token, string role) in UsualTokens.Roles)
        {
            if (specials.Contains(token))
                roles.TryAdd(role, token);
        }

        return settings with { Roles = roles };
    }

    private static bool? Flag(TokenizerSettings settings, string name) =>
        settings.Configuration?[name] is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;
}
