using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PreTrain.Tokenization;

/// <summary>Byte-level BPE in the files of Hugging Face's tokenizers: <c>tokenizer.json</c>, and the older <c>vocab.json</c> with <c>merges.txt</c>.</summary>
internal static class BytePairJson
{
    /// <summary>The largest id that a file may use: a table of all ids up to it is kept.</summary>
    public const int LargestId = (1 << 24) - 1;

    public const string EndOfText = "<|endoftext|>";

    private static readonly JsonWriterOptions s_layout = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads <c>tokenizer.json</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="endOfText">The token that ends a document; <see langword="null"/> to take the usual ones.</param>
    public static BytePairModel Read(string path, string? endOfText) => new TokenizerJsonReader(new TokenizerFile(path)).Read(endOfText);

    /// <summary>Reads <c>vocab.json</c> and <c>merges.txt</c>. <c>&lt;|endoftext|&gt;</c> is a special token if the vocabulary holds it.</summary>
    public static BytePairModel ReadPair(string vocabularyPath, string mergesPath, string? endOfText)
    {
        var file = new TokenizerFile(vocabularyPath);
        Dictionary<string, int> vocabulary = [];
        file.Read((ref reader) => vocabulary = ReadVocabulary(file, ref reader, "The vocabulary"));
        RequireBytes(vocabulary, fault => new TokenizerException(vocabularyPath, fault));

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
            merges.Add(Resolve(vocabulary, parts[0], parts[1], fault => new TokenizerException(mergesPath, i + 1, null, fault)));
        }

        string special = endOfText ?? EndOfText;
        AddedToken[] added = vocabulary.TryGetValue(special, out int id) ? [new AddedToken(id, special)] : [];
        return new BytePairModel(vocabulary, merges, added)
        {
            EndOfText = added.Length > 0 ? special : null,
        };
    }

    /// <summary>Reads the token that ends a document from <c>tokenizer_config.json</c>.</summary>
    public static string? ReadEndOfText(string path)
    {
        var file = new TokenizerFile(path);
        string? token = null;
        file.Read((ref reader) =>
        {
            file.Require(ref reader, JsonTokenType.StartObject, "The tokenizer's configuration");
            while (TokenizerFile.NextProperty(ref reader) is { } name)
            {
                if (name == "eos_token" && reader.TokenType == JsonTokenType.StartObject)
                {
                    while (TokenizerFile.NextProperty(ref reader) is { } part)
                    {
                        if (part == "content")
                            token = file.ReadString(ref reader, "The content of eos_token");
                        else
                            reader.Skip();
                    }
                }
                else if (name == "eos_token")
                {
                    token = file.ReadOptionalString(ref reader, "eos_token");
                }
                else
                {
                    reader.Skip();
                }
            }
        });
        return token;
    }

    /// <summary>Writes <c>tokenizer.json</c>. Equal models give equal bytes.</summary>
    public static byte[] Write(BytePairModel model)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_layout))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteNull("truncation");
            json.WriteNull("padding");
            json.WriteStartArray("added_tokens");
            foreach (AddedToken token in model.AddedTokens)
            {
                json.WriteStartObject();
                json.WriteNumber("id", token.Id);
                json.WriteString("content", token.Content);
                json.WriteBoolean("single_word", token.SingleWord);
                json.WriteBoolean("lstrip", token.StripLeft);
                json.WriteBoolean("rstrip", token.StripRight);
                json.WriteBoolean("normalized", token.Normalized);
                json.WriteBoolean("special", token.Special);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNull("normalizer");
            foreach (string part in (string[])["pre_tokenizer", "post_processor", "decoder"])
            {
                json.WriteStartObject(part);
                json.WriteString("type", "ByteLevel");
                json.WriteBoolean("add_prefix_space", model.AddPrefixSpace);
                json.WriteBoolean("trim_offsets", true);
                json.WriteBoolean("use_regex", true);
                json.WriteEndObject();
            }

            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            json.WriteNull("dropout");
            json.WriteString("unk_token", model.UnknownToken);
            json.WriteNull("continuing_subword_prefix");
            json.WriteNull("end_of_word_suffix");
            json.WriteBoolean("fuse_unk", false);
            json.WriteBoolean("byte_fallback", false);
            json.WriteBoolean("ignore_merges", model.IgnoreMerges);
            json.WriteStartObject("vocab");
            foreach ((string token, int id) in model.Vocabulary)
                json.WriteNumber(token, id);
            json.WriteEndObject();
            json.WriteStartArray("merges");
            Dictionary<int, string> spelling = model.Vocabulary.ToDictionary(entry => entry.Value, entry => entry.Key);
            foreach (Merge merge in model.MergeList)
            {
                json.WriteStartArray();
                json.WriteStringValue(spelling[merge.Left]);
                json.WriteStringValue(spelling[merge.Right]);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    /// <summary>Writes <c>tokenizer_config.json</c>, which tells transformers the class and the roles of the special tokens.</summary>
    public static byte[] WriteConfiguration(BytePairModel model)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_layout))
        {
            json.WriteStartObject();
            json.WriteBoolean("add_prefix_space", model.AddPrefixSpace);
            if (model.EndOfText is not null)
            {
                json.WriteString("bos_token", model.EndOfText);
                json.WriteString("eos_token", model.EndOfText);
            }

            if (model.UnknownToken is not null)
                json.WriteString("unk_token", model.UnknownToken);
            json.WriteBoolean("clean_up_tokenization_spaces", false);
            json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    /// <summary>Reads an object of tokens and their ids.</summary>
    public static Dictionary<string, int> ReadVocabulary(TokenizerFile file, ref Utf8JsonReader reader, string what)
    {
        file.Require(ref reader, JsonTokenType.StartObject, what);
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var tokens = new Dictionary<int, string>();
        while (true)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
                return vocabulary;
            long at = reader.TokenStartIndex;
            string token = reader.GetString()!;
            reader.Read();
            int id = file.ReadId(ref reader, $"The id of token '{token}'");
            if (!vocabulary.TryAdd(token, id))
                throw file.Fault(at, $"The token '{token}' is in the vocabulary twice, with ids {vocabulary[token]} and {id}.");
            if (!tokens.TryAdd(id, token))
                throw file.Fault(at, $"The id {id} belongs to two tokens, '{tokens[id]}' and '{token}'; ids must be different.");
        }
    }

    /// <summary>Turns the tokens of a merge into ids.</summary>
    public static Merge Resolve(Dictionary<string, int> vocabulary, string left, string right, Func<string, TokenizerException> fault)
    {
        return new Merge(Id(left), Id(right), Id(left + right));

        int Id(string token) => vocabulary.TryGetValue(token, out int id)
            ? id
            : throw fault($"The merge of '{left}' and '{right}' needs the token '{token}', which the vocabulary lacks.");
    }

    /// <summary>Requires that all 256 bytes are tokens, so that every text can be encoded.</summary>
    public static void RequireBytes(Dictionary<string, int> vocabulary, Func<string, TokenizerException> fault)
    {
        for (int b = 0; b < 256; b++)
        {
            char c = ByteAlphabet.ToChar((byte)b);
            if (!vocabulary.ContainsKey(c.ToString()))
                throw fault($"The vocabulary lacks the token '{c}' of the byte 0x{b:X2}; a byte-level vocabulary holds all 256.");
        }
    }
}
