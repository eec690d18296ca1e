using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads tokens with their ids.</summary>
internal static class VocabularyJson
{
    /// <summary>Reads an object of tokens and their ids.</summary>
    public static Dictionary<string, int> Read(TokenizerFile file, ref Utf8JsonReader reader, string what)
    {
        file.Require(ref reader, JsonTokenType.StartObject, what);
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var tokens = new List<string?>();   // by id
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
            while (tokens.Count <= id)
                tokens.Add(null);
            if (tokens[id] is { } other)
                throw file.Fault(at, $"The id {id} belongs to two tokens, '{other}' and '{token}'; ids must be different.");
            tokens[id] = token;
        }
    }

    /// <summary>The id of a merge's part.</summary>
    public static int IdOf(TokenizerFile file, Dictionary<string, int> vocabulary, string token, string left, string right, long at) =>
        vocabulary.TryGetValue(token, out int id) ? id : throw Lacks(file, left, right, token, at);

    /// <summary>The fault of a merge that needs a token that is not there.</summary>
    public static TokenizerException Lacks(TokenizerFile file, string left, string right, string token, long at) =>
        file.Fault(at, $"The merge of '{left}' and '{right}' needs the token '{token}', which the vocabulary lacks.");

    /// <summary>Requires that all 256 bytes are tokens, so that every text can be encoded.</summary>
    public static void RequireBytes(IReadOnlyDictionary<string, int> vocabulary, Func<string, TokenizerException> fault)
    {
        for (int b = 0; b < 256; b++)
        {
            char c = ByteAlphabet.ToChar((byte)b);
            if (!vocabulary.ContainsKey(c.ToString()))
                throw fault($"The vocabulary lacks the token '{c}' of the byte 0x{b:X2}; a byte-level vocabulary holds all 256.");
        }
    }

    /// <summary>The message of an argument's fault, without the name of the parameter.</summary>
    public static string Sentence(ArgumentException fault) =>
        fault.ParamName is null ? fault.Message : fault.Message.Replace($" (Parameter '{fault.ParamName}')", "", StringComparison.Ordinal);
}
