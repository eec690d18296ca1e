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

/// <summary>
/// Reads SentencePiece models, with the ids, special tokens and pipeline of the tokenizer's class in transformers (convert_slow_tokenizer.py and the classes'
/// own files). Without a class the name of the file says which it is: <c>sentencepiece.bpe.model</c> is XLM-R's, <c>spiece.model</c> T5's, any other Llama's.
/// </summary>
internal static class SentencePieceReader
{
    public const string XlmRobertaFile = "sentencepiece.bpe.model";
    public const string T5File = "spiece.model";

    private static readonly Rune s_blank = new('▁');

    private static readonly (string Role, string Token)[] s_rolesOfXlmRoberta =
        [("bos_token", "<s>"), ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("mask_token", "<mask>"), ("cls_token", "<s>"), ("sep_token", "</s>")];
    private static readonly (string Role, string Token)[] s_rolesOfT5 = [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")];

    public static TokenizerParts Read(string path, TokenizerSettings settings)
    {
        string? name = TokenizerClass.Of(Path.GetDirectoryName(Path.GetFullPath(path))!, settings);
        string fileName = Path.GetFileName(path);
        if (fileName == XlmRobertaFile && name is not (null or TokenizerClass.XlmRoberta))
            throw TokenizerClass.Unknown(path, name, TokenizerClass.XlmRoberta);
        if (name is not (null or TokenizerClass.XlmRoberta or TokenizerClass.T5 or TokenizerClass.Llama or TokenizerClass.Gemma))
            throw TokenizerClass.Unknown(path, name, TokenizerClass.Llama, TokenizerClass.Gemma, TokenizerClass.T5, TokenizerClass.XlmRoberta);
        SentencePieceFile file = SentencePieceFile.Read(path);
        if (file.BlankIsSuffix)
            throw new TokenizerException(path, "The model puts the sign of a blank after words (treat_whitespace_as_suffix), which is not supported.");
        if (!file.EscapeBlanks)
            throw new TokenizerException(path, "The model keeps blanks as they are (escape_whitespaces is false), which is not supported.");
        bool isBert = file.Pieces.Any(piece => piece.Text == "[CLS]") && file.Pieces.Any(piece => piece.Text == "[SEP]");
        return (name ?? (fileName == XlmRobertaFile ? TokenizerClass.XlmRoberta : fileName == T5File && !isBert ? TokenizerClass.T5 : null)) switch
        {
            TokenizerClass.XlmRoberta => XlmRoberta(path, file, settings),
            TokenizerClass.T5 => T5(path, file, settings),
            _ => General(path, file, settings, name == TokenizerClass.Llama && OtherFormats.Flag(settings, "legacy") != true, isBert && name is null),
        };
    }

    /// <summary>The pipeline that the file itself describes. Llama's later form puts a blank before the text alone, and not after special tokens.</summary>
    private static TokenizerParts General(string path, SentencePieceFile file, TokenizerSettings settings, bool startsOnce, bool isBert)
    {
        ITokenModel model = file.ToModel();
        var normalizers = new List<ITextNormalizer>();
        if (CharacterMap(path, file) is { } map)
            normalizers.Add(map);
        if (file.RemoveExtraBlanks)
        {
            normalizers.Add(new StripNormalizer(left: true, right: true));
            normalizers.Add(new ReplaceNormalizer(ScannerPattern.ForRegex(" {2,}"), " "));
        }

        PrependScheme scheme = !(OtherFormats.Flag(settings, "add_prefix_space") ?? file.AddDummyPrefix) ? PrependScheme.Never : startsOnce ? PrependScheme.First : PrependScheme.Always;
        List<(string, string)> roles = [];
        foreach ((string role, int? id) in new (string, int?)[] { ("unk_token", file.UnknownId), ("bos_token", file.BeginId), ("eos_token", file.EndId), ("pad_token", file.PadId) })
        {
            if (id is { } known)
                roles.Add((role, file.Pieces[known].Text));
        }

        TokenizerParts parts = DeclaredTokens.AddTo(new TokenizerParts
        {
            Model = model,
            AddedTokens = Added(file, settings),
            Normalizer = normalizers.Count == 0 ? null : new NormalizerSequence(normalizers),
            // Merges of BPE may lie across blanks.
            PreTokenizer = new MetaspaceSplitter(s_blank, scheme, splits: model is not BpeModel),
            Decoder = file.ByteFallback
                ? new DecoderSequence([new ByteFallbackDecoder(), new MetaspaceDecoder(s_blank, scheme, splits: true)])
                : new MetaspaceDecoder(s_blank, scheme, splits: true),
            Settings = settings.WithRoles(roles),
        });
        return parts with
        {
            PostProcessor = isBert ? UsualTokens.Template(model) : UsualTokens.Around(Around("add_bos_token", "bos_token", usual: true), Around("add_eos_token", "eos_token", usual: false)),
        };

        (string, int)? Around(string flag, string role, bool usual) =>
            (OtherFormats.Flag(settings, flag) ?? usual) && parts.Settings[role] is { } token && DeclaredTokens.IdOf(parts, token) is { } id ? (token, id) : null;
    }

    /// <summary>Fairseq's ids: four tokens in an order of their own, the pieces from the fourth on, and a mask.</summary>
    private static TokenizerParts XlmRoberta(string path, SentencePieceFile file, TokenizerSettings settings)
    {
        settings = settings.WithRoles(s_rolesOfXlmRoberta);
        SentencePiece[] pieces =
        [
            .. s_rolesOfXlmRoberta[..4].Select(entry => Special(settings[entry.Role]!)), .. file.Pieces.Skip(3), Special(settings["mask_token"]!),
        ];
        TokenizerParts parts = Words(path, file.With(pieces, unknownId: 3), settings);
        (string begin, string end) = (settings["bos_token"]!, settings["eos_token"]!);
        TemplatePiece[] single = [new(-1, begin, 0), new(0, "", 0), new(-1, end, 0)];
        return parts with
        {
            PostProcessor = new TemplatePostProcessor(
                single, [.. single, new(-1, end, 0), new(1, "", 0), new(-1, end, 0)], new Dictionary<string, IReadOnlyList<(int, string)>> { [begin] = [(0, begin)], [end] = [(2, end)] }),
        };
    }

    /// <summary>The pieces, and behind them the sentinels, of which the first is the last one.</summary>
    private static TokenizerParts T5(string path, SentencePieceFile file, TokenizerSettings settings)
    {
        int count = settings.Configuration?["extra_ids"] is JsonValue value && value.TryGetValue(out int given) ? given : 100;
        HashSet<string> known = [.. file.Pieces.Select(piece => piece.Text)];
        IEnumerable<string> sentinels = Enumerable.Range(0, Math.Max(count, 0)).Reverse().Select(i => $"<extra_id_{i}>").Where(sentinel => !known.Contains(sentinel));
        TokenizerParts parts = Words(path, file.With([.. file.Pieces, .. sentinels.Select(Special)], file.UnknownId), settings.WithRoles(s_rolesOfT5));
        const string End = "</s>";
        int id = DeclaredTokens.IdOf(parts, parts.Settings["eos_token"]!)!.Value;
        TemplatePiece[] single = [new(0, "", 0), new(-1, End, 0)];
        return parts with
        {
            PostProcessor = new TemplatePostProcessor(single, [.. single, new(1, "", 0), new(-1, End, 0)], new Dictionary<string, IReadOnlyList<(int, string)>> { [End] = [(id, End)] }),
        };
    }

    /// <summary>The pipeline of the classes that cut at white space before all else.</summary>
    private static TokenizerParts Words(string path, SentencePieceFile file, TokenizerSettings settings)
    {
        if (file.Algorithm != SentencePieceAlgorithm.Unigram)
            throw new TokenizerException(path, $"The model is of the type {file.Algorithm}, but those of T5 and XLM-R are of the type {SentencePieceAlgorithm.Unigram}.");
        string? twice = file.Pieces.GroupBy(piece => piece.Text).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
            throw new TokenizerException(path, $"The piece '{twice}' is there, but T5 and XLM-R add one of this name to the pieces of the file.");
        PrependScheme scheme = OtherFormats.Flag(settings, "add_prefix_space") ?? true ? PrependScheme.Always : PrependScheme.Never;
        return DeclaredTokens.AddTo(new TokenizerParts
        {
            Model = file.ToModel(),
            AddedTokens = Added(file, settings),
            Normalizer = CharacterMap(path, file),
            PreTokenizer = new SplitterSequence([FlagSplitter.WhitespaceSplit(), new MetaspaceSplitter(s_blank, scheme, splits: true)]),
            Decoder = new MetaspaceDecoder(s_blank, scheme, splits: true),
            Settings = settings,
        });
    }

    private static SentencePiece Special(string token) => new(token, 0, SentencePieceKind.Control);

    private static AddedToken[] Added(SentencePieceFile file, TokenizerSettings settings) =>
    [
        .. file.Pieces.Select((piece, id) => (piece, id))
            .Where(p => p.piece.Kind is SentencePieceKind.Control or SentencePieceKind.UserDefined or SentencePieceKind.Unknown)
            .Select(p => p.piece.Kind == SentencePieceKind.UserDefined ? new AddedToken(p.id, p.piece.Text, Special: false) : DeclaredTokens.Special(settings, p.id, p.piece.Text)),
    ];

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
}
