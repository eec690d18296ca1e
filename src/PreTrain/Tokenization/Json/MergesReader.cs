using System.Text;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Normalizers;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PostProcessors;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads <c>vocab.json</c> and <c>merges.txt</c>, and puts the pipeline around them that the tokenizer's class has.</summary>
internal static class MergesReader
{
    private const string EndOfText = TokenizerFolder.EndOfText;

    private static readonly (string, string)[] s_rolesOfGpt2 = [("bos_token", EndOfText), ("eos_token", EndOfText), ("unk_token", EndOfText)];
    private static readonly (string, string)[] s_rolesOfQwen2 = [("eos_token", EndOfText), ("unk_token", EndOfText), ("pad_token", EndOfText)];
    private static readonly (string, string)[] s_rolesOfRoberta =
        [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"), ("pad_token", "<pad>"), ("cls_token", "<s>"), ("mask_token", "<mask>")];

    /// <summary>Reads the two files. Without a class they are GPT-2's, and <c>&lt;|endoftext|&gt;</c> is a special token if the vocabulary holds it.</summary>
    public static TokenizerParts Read(string vocabularyPath, string mergesPath, TokenizerSettings settings)
    {
        string? name = TokenizerClass.Of(Path.GetDirectoryName(Path.GetFullPath(vocabularyPath))!, settings);
        (string, string)[] roles = name switch
        {
            null => [],
            TokenizerClass.Gpt2 => s_rolesOfGpt2,
            TokenizerClass.Roberta => s_rolesOfRoberta,
            TokenizerClass.Qwen2 => s_rolesOfQwen2,
            _ => throw TokenizerClass.Unknown(vocabularyPath, name, TokenizerClass.Gpt2, TokenizerClass.Roberta, TokenizerClass.Qwen2),
        };
        BpeModel model = ReadModel(vocabularyPath, mergesPath);
        if (name is null && model.IdOf(settings["eos_token"] ?? EndOfText) is not null)
            roles = [("eos_token", settings["eos_token"] ?? EndOfText)];
        // A role that is null there has no token.
        IEnumerable<(string Role, string Token)> usual = name == TokenizerClass.Roberta ? roles : roles.Where(entry => settings.Configuration?.ContainsKey(entry.Item1) != true);
        bool addPrefixSpace = OtherFormats.Flag(settings, "add_prefix_space") ?? false;
        TokenizerParts parts = DeclaredTokens.AddTo(new TokenizerParts
        {
            Model = model,
            Normalizer = name == TokenizerClass.Qwen2 ? new UnicodeFormNormalizer("NFC") : null,
            PreTokenizer = name == TokenizerClass.Qwen2
                ? new SplitterSequence([new PatternSplitter(ScannerPattern.Qwen2, SplitBehavior.Isolated, isInverted: false), new ByteLevelSplitter(addPrefixSpace, trimOffsets: true, usesPattern: false, spells: false)])
                : new ByteLevelSplitter(addPrefixSpace, trimOffsets: true, usesPattern: true, spells: false),
            Decoder = new ByteLevelDecoder(addPrefixSpace, trimOffsets: true, usesPattern: true),
            Settings = settings.WithRoles(usual),
        });
        return parts with { PostProcessor = name == TokenizerClass.Roberta ? Roberta(parts, addPrefixSpace) : Gpt2(parts, addPrefixSpace) };
    }

    private static IPostProcessor Gpt2(TokenizerParts parts, bool addPrefixSpace)
    {
        var offsets = new ByteLevelPostProcessor(addPrefixSpace, trimOffsets: true, usesPattern: true);
        IPostProcessor? around = UsualTokens.Around(Added("add_bos_token", "bos_token"), Added("add_eos_token", "eos_token"));
        return around is null ? offsets : new PostProcessorSequence([offsets, around]);

        (string, int)? Added(string flag, string role) => OtherFormats.Flag(parts.Settings, flag) == true && parts.Settings[role] is { } token && DeclaredTokens.IdOf(parts, token) is { } id ? (token, id) : null;
    }

    private static RobertaPostProcessor Roberta(TokenizerParts parts, bool addPrefixSpace)
    {
        return new RobertaPostProcessor(Required("sep_token", "</s>"), Required("cls_token", "<s>"), OtherFormats.Flag(parts.Settings, "trim_offsets") ?? true, addPrefixSpace);

        (string, int) Required(string role, string usual)
        {
            string token = parts.Settings[role] ?? usual;
            return (token, DeclaredTokens.IdOf(parts, token)!.Value);
        }
    }

    private static BpeModel ReadModel(string vocabularyPath, string mergesPath)
    {
        var file = new TokenizerFile(vocabularyPath);
        var vocabulary = new TokenVocabulary();
        file.Read((ref reader) => vocabulary = VocabularyJson.Read(file, ref reader, "The vocabulary"));
        VocabularyJson.RequireBytes(vocabulary, fault => new TokenizerException(vocabularyPath, fault));
        var merges = new List<Merge>();
        string text = Encoding.UTF8.GetString(TokenizerFile.ReadAll(mergesPath));
        string[] lines = text.TrimStart('\uFEFF').TrimEnd('\r', '\n').Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd('\r');
            if (line.StartsWith("#version", StringComparison.Ordinal) || (line.Length == 0 && lines.Length == 1))
                continue;
            string[] parts = line.Split(' ');
            if (parts.Length != 2)
                throw new TokenizerException(mergesPath, i + 1, null, $"A merge is two tokens with one blank between them, but the line is '{line}'.");
            try
            {
                merges.Add(BpeModel.Resolve(vocabulary, parts[0], parts[1]));
            }
            catch (ArgumentException fault)
            {
                throw new TokenizerException(mergesPath, i + 1, null, VocabularyJson.Sentence(fault));
            }
        }

        return new BpeModel(vocabulary, merges, new BpeSettings { ByteLevel = true });
    }
}
