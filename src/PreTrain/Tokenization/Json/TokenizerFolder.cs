using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Decoders;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.PostProcessors;
using PreTrain.Tokenization.PreTokenizers;

namespace PreTrain.Tokenization.Json;

/// <summary>The files of a tokenizer: what lies in a folder, and which of them count.</summary>
internal static class TokenizerFolder
{
    public const string TokenizerFileName = "tokenizer.json";
    public const string EndOfText = "<|endoftext|>";

    /// <summary>Loads a tokenizer from a folder or a file.</summary>
    public static PipelineTokenizer Load(string path)
    {
        TokenizerParts parts = Read(path);
        return ByteLevelBpeTokenizer.TryCreate(parts) ?? new PipelineTokenizer(parts);
    }

    /// <summary>Writes <c>tokenizer.json</c> and what lies beside it.</summary>
    public static void Save(TokenizerParts parts, string folder)
    {
        Directory.CreateDirectory(folder);
        WriteWhole(Path.Combine(folder, SettingsReader.ConfigurationFile), SettingsReader.WriteConfiguration(parts));
        if (parts.Settings.SpecialTokensMap is { } specials)
            WriteWhole(Path.Combine(folder, SettingsReader.SpecialTokensFile), SettingsReader.Write(specials));
        WriteWhole(Path.Combine(folder, TokenizerFileName), TokenizerJsonWriter.Write(parts));
    }

    private static TokenizerParts Read(string path)
    {
        bool isFolder = Directory.Exists(path);
        if (!isFolder && !File.Exists(path))
            throw new TokenizerException(path, "There is no such file or folder.");
        string folder = isFolder ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        TokenizerSettings settings = SettingsReader.Read(folder);
        string json = isFolder ? Path.Combine(path, TokenizerFileName) : path;
        if (!isFolder && OtherFormats.Read(path, settings) is { } other)
            return DeclaredTokens.AddTo(other);
        if (File.Exists(json))
        {
            TokenizerParts parts = new TokenizerJsonReader(new TokenizerFile(json)).Read() with { Settings = settings };
            return DeclaredTokens.AddTo(WithEndOfText(parts, json));
        }

        string vocabulary = Path.Combine(path, "vocab.json"), merges = Path.Combine(path, "merges.txt");
        if (File.Exists(vocabulary) && File.Exists(merges))
            return DeclaredTokens.AddTo(ReadPair(vocabulary, merges, settings));
        foreach (string name in OtherFormats.FileNames)
        {
            if (File.Exists(Path.Combine(path, name)))
                return DeclaredTokens.AddTo(OtherFormats.Read(Path.Combine(path, name), settings)!);
        }

        throw new TokenizerException(path, $"The folder holds neither tokenizer.json nor vocab.json with merges.txt, nor {string.Join(", ", OtherFormats.FileNames)}.");
    }

    /// <summary>Requires that the token that ends a document exists; without one, takes the usual ones.</summary>
    private static TokenizerParts WithEndOfText(TokenizerParts parts, string path)
    {
        if (parts.Settings["eos_token"] is { } named)
        {
            bool exists = DeclaredTokens.IdOf(parts, named) is not null || parts.Settings.Table.Any(token => token.Content == named);
            return exists ? parts : throw new TokenizerException(path, $"tokenizer_config.json says that '{named}' ends a document, but no such token is here.");
        }

        string? usual = parts.AddedTokens.Select(token => token.Content).FirstOrDefault(content => content is EndOfText or "</s>");
        if (usual is null)
            return parts;
        var roles = new Dictionary<string, string>(parts.Settings.Roles) { ["eos_token"] = usual };
        return parts with { Settings = parts.Settings with { Roles = roles } };
    }

    /// <summary>Reads <c>vocab.json</c> and <c>merges.txt</c> of GPT-2's kind. <c>&lt;|endoftext|&gt;</c> is a special token if the vocabulary holds it.</summary>
    private static TokenizerParts ReadPair(string vocabularyPath, string mergesPath, TokenizerSettings settings)
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

        string special = settings["eos_token"] ?? EndOfText;
        bool hasSpecial = vocabulary.TryFind(special, out int id);
        var roles = new Dictionary<string, string>(settings.Roles);
        if (hasSpecial)
            roles["eos_token"] = special;
        return new TokenizerParts
        {
            Model = new BpeModel(vocabulary, merges, new BpeSettings { ByteLevel = true }),
            AddedTokens = hasSpecial ? [new AddedToken(id, special)] : [],
            PreTokenizer = new ByteLevelSplitter(addPrefixSpace: false, trimOffsets: true, usesPattern: true, spells: false),
            PostProcessor = new ByteLevelPostProcessor(addPrefixSpace: false, trimOffsets: true, usesPattern: true),
            Decoder = new ByteLevelDecoder(addPrefixSpace: false, trimOffsets: true, usesPattern: true),
            Settings = settings with { Roles = roles },
        };
    }

    /// <summary>Writes a file beside its place first, so that a reader never sees a part of it.</summary>
    public static void WriteWhole(string path, byte[] content)
    {
        string draft = path + ".tmp";
        try
        {
            using (var stream = new FileStream(draft, FileMode.Create, FileAccess.Write))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(draft, path, overwrite: true);
        }
        catch
        {
            File.Delete(draft);
            throw;
        }
    }
}
