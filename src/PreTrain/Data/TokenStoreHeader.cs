using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace PreTrain.Data;

/// <summary>What <c>store.json</c> says about the other two files of a <see cref="TokenStore"/>.</summary>
internal sealed record TokenStoreHeader
{
    public const string FileName = "store.json";
    public const string TokensFileName = "tokens.bin";
    public const string DocumentsFileName = "documents.bin";

    private const string FormatName = "pretrain-token-store";
    private const int FormatVersion = 1;

    public required long TokenCount { get; init; }
    public required long DocumentCount { get; init; }
    public required int IdBits { get; init; }
    public required int VocabSize { get; init; }
    public required int EndOfTextId { get; init; }
    public required string TokenizerFingerprint { get; init; }
    public required string TokensSha256 { get; init; }
    public required string DocumentsSha256 { get; init; }

    public byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("format", FormatName);
            json.WriteNumber("version", FormatVersion);
            json.WriteNumber("tokenCount", TokenCount);
            json.WriteNumber("documentCount", DocumentCount);
            json.WriteNumber("idBits", IdBits);
            json.WriteNumber("vocabSize", VocabSize);
            json.WriteNumber("endOfTextId", EndOfTextId);
            json.WriteString("tokenizerFingerprint", TokenizerFingerprint);
            json.WriteString("tokensSha256", TokensSha256);
            json.WriteString("documentsSha256", DocumentsSha256);
            json.WriteString("headerSha256", Checksum());
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads and checks <c>store.json</c>.</summary>
    /// <exception cref="CorpusException">It is missing, not of this format, or damaged.</exception>
    public static TokenStoreHeader Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            throw new CorpusException(Directory.Exists(folder)
                ? $"The folder '{folder}' is no token store: it has no {FileName}. Build the store with TokenStore.Build."
                : $"The token store '{folder}' does not exist. Build it with TokenStore.Build.", folder);
        }
        TokenStoreHeader header;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            var format = root.GetProperty("format").GetString();
            if (format != FormatName)
                throw new CorpusException($"The file '{path}' has the format '{format}'; '{FormatName}' is expected. Build the store again.", path);
            var version = root.GetProperty("version").GetInt32();
            if (version != FormatVersion)
            {
                throw new CorpusException(
                    $"The file '{path}' has the format version {version}; this library reads version {FormatVersion}. Build the store again, or use the library that wrote it.", path);
            }
            header = new TokenStoreHeader
            {
                TokenCount = root.GetProperty("tokenCount").GetInt64(),
                DocumentCount = root.GetProperty("documentCount").GetInt64(),
                IdBits = root.GetProperty("idBits").GetInt32(),
                VocabSize = root.GetProperty("vocabSize").GetInt32(),
                EndOfTextId = root.GetProperty("endOfTextId").GetInt32(),
                TokenizerFingerprint = root.GetProperty("tokenizerFingerprint").GetString() ?? "",
                TokensSha256 = root.GetProperty("tokensSha256").GetString() ?? "",
                DocumentsSha256 = root.GetProperty("documentsSha256").GetString() ?? "",
            };
            if (root.GetProperty("headerSha256").GetString() != header.Checksum())
                throw new CorpusException($"The file '{path}' is damaged: its values do not match their checksum. Build the store again.", path);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new CorpusException($"The file '{path}' is damaged: {e.Message} Build the store again.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Utf8File.Unreadable(path, e);
        }
        if (header is not { TokenCount: > 0, DocumentCount: > 0, IdBits: 16 or 32 })
            throw new CorpusException($"The file '{path}' is damaged: it speaks of {header.TokenCount} tokens of {header.IdBits} bits. Build the store again.", path);
        return header;
    }

    private string Checksum()
    {
        FormattableString values =
            $"{FormatName}\n{FormatVersion}\n{TokenCount}\n{DocumentCount}\n{IdBits}\n{VocabSize}\n{EndOfTextId}\n{TokenizerFingerprint}\n{TokensSha256}\n{DocumentsSha256}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant(values))));
    }
}
