using System.Text;
using PreTrain.Tokenization.Json;

namespace PreTrain.Tokenization.Vocabularies;

/// <summary>Reads and writes <c>vocab.txt</c>, BERT's vocabulary: a token a line, whose number from 0 on is its id.</summary>
internal static class VocabularyText
{
    /// <exception cref="TokenizerException">The file cannot be read, is empty, is not UTF-8, or has a line that is empty or there twice.</exception>
    public static TokenVocabulary Read(string path)
    {
        byte[] data = TokenizerFile.ReadAll(path);
        ReadOnlySpan<byte> rest = data;
        if (rest.StartsWith(Encoding.UTF8.Preamble))
            rest = rest[Encoding.UTF8.Preamble.Length..];
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; rest.Length > 0; id++)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (line.EndsWith("\r"u8))
                line = line[..^1];
            string token;
            try
            {
                token = TokenizerFile.StrictUtf8.GetString(line);
            }
            catch (DecoderFallbackException fault)
            {
                throw new TokenizerException(path, id + 1, fault.Index + 1, "The line is not valid UTF-8.", fault);
            }

            // Blanks at a line's end are no part of the token, unless it is nothing but blanks.
            string trimmed = token.TrimEnd();
            token = trimmed.Length == 0 ? token : trimmed;
            if (token.Length == 0)
                throw new TokenizerException(path, id + 1, null, "The line is empty; every line of the vocabulary is a token.");
            if (!ids.TryAdd(token, id))
                throw new TokenizerException(path, id + 1, null, $"The token '{token}' is on line {ids[token] + 1} already; each must be there once.");
        }

        if (ids.Count == 0)
            throw new TokenizerException(path, "The file is empty; a vocabulary has a token a line.");
        return new TokenVocabulary(ids);
    }

    /// <summary>The content of a file for a vocabulary.</summary>
    /// <exception cref="ArgumentException">An id has no token, which the file cannot express.</exception>
    public static byte[] Write(TokenVocabulary vocabulary)
    {
        var text = new StringBuilder();
        for (int id = 0; id < vocabulary.Size; id++)
            text.Append(vocabulary.TokenOf(id) ?? throw new ArgumentException($"The id {id} has no token; vocab.txt holds all ids from 0 on.", nameof(vocabulary))).Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
