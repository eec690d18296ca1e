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
        ".model" => SentencePieceReader.Read(path, settings),
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
            AddedTokens = [.. specials.Select(token => DeclaredTokens.Special(settings, model.IdOf(token)!.Value, token)).OrderBy(token => token.Id)],
            Normalizer = new BertNormalizer(cleanText: true, Flag(settings, "tokenize_chinese_chars") ?? true, Flag(settings, "strip_accents"), lowercase),
            PreTokenizer = new BertSplitter(),
            PostProcessor = UsualTokens.Template(model),
            Decoder = new WordPieceDecoder("##", cleansUp: true),
            Settings = settings.WithRoles(UsualTokens.Roles.Where(usual => specials.Contains(usual.Token)).Select(usual => (usual.Role, usual.Token))),
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

    /// <summary>A setting of <c>tokenizer_config.json</c> that is true or false; <see langword="null"/> if it is not there.</summary>
    public static bool? Flag(TokenizerSettings settings, string name) =>
        settings.Configuration?[name] is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;
}
