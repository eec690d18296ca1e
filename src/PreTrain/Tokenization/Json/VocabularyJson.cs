using System.Runtime.CompilerServices;
using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>Reads tokens with their ids.</summary>
internal static class VocabularyJson
{
    private const int BytesPerToken = 64;   // of a file, about; merges take more of it than tokens

    /// <summary>Reads an object of tokens and their ids.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TokenVocabulary Read(TokenizerFile file, ref Utf8JsonReader reader, string what)
    {
        file.Require(ref reader, JsonTokenType.StartObject, what);
        var vocabulary = new TokenVocabulary(Math.Min(file.Length / BytesPerToken, 1 << 18));
        char[] room = new char[128];
        while (true)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
                return vocabulary;
            long at = reader.TokenStartIndex;
            if (room.Length < reader.ValueSpan.Length)
                room = new char[reader.ValueSpan.Length];
            ReadOnlySpan<char> token = room.AsSpan(0, reader.CopyString(room));
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || (uint)id > TokenizerFile.LargestId)
                id = file.ReadId(ref reader, $"The id of token '{token}'");
            if (vocabulary.TryAdd(token, id))
                continue;
            throw file.Fault(at, vocabulary.TryFind(token, out int first)
                ? $"The token '{token}' is in the vocabulary twice, with ids {first} and {id}."
                : $"The id {id} belongs to two tokens, '{vocabulary.TokenOf(id)}' and '{token}'; ids must be different.");
        }
    }

    /// <summary>The id of a merge's part.</summary>
    public static int IdOf(TokenizerFile file, TokenVocabulary vocabulary, string token, string left, string right, long at) =>
        vocabulary.IdOf(token) ?? throw Lacks(file, left, right, token, at);

    /// <summary>The fault of a merge that needs a token that is not there.</summary>
    public static TokenizerException Lacks(TokenizerFile file, string left, string right, string token, long at) =>
        file.Fault(at, $"The merge of '{left}' and '{right}' needs the token '{token}', which the vocabulary lacks.");

    /// <summary>Requires that all 256 bytes are tokens, so that every text can be encoded.</summary>
    public static void RequireBytes(TokenVocabulary vocabulary, Func<string, TokenizerException> fault)
    {
        for (int b = 0; b < 256; b++)
        {
            char c = ByteAlphabet.ToChar((byte)b);
            if (!vocabulary.TryFind([c], out _))
                throw fault($"The vocabulary lacks the token '{c}' of the byte 0x{b:X2}; a byte-level vocabulary holds all 256.");
        }
    }

    /// <summary>The message of an argument's fault, without the name of the parameter.</summary>
    public static string Sentence(ArgumentException fault) =>
        fault.ParamName is null ? fault.Message : fault.Message.Replace($" (Parameter '{fault.ParamName}')", "", StringComparison.Ordinal);
}
