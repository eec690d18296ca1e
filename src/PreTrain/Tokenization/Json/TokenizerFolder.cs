using PreTrain.Tokenization.Pipeline;

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
            return DeclaredTokens.AddTo(MergesReader.Read(vocabulary, merges, settings));
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
