using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class TokenizerJsonReaderTests
{
    private const string Good = """
        {
          "added_tokens": [
            {"id": 256, "content": "<eot>", "special": true}
          ],
          "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
          "model": {
            "type": "BPE",
            "vocab": {BYTES,
              "ab": 257
            },
            "merges": [
              ["a", "b"]
            ]
          }
        }
        """;

    private static readonly string s_bytes = string.Join(", ", ByteAlphabet.InOrder.Select((c, id) => $"{System.Text.Json.JsonSerializer.Serialize(c.ToString())}: {id}"));

    [Fact]
    public void Read_SmallFile_Loads()
    {
        ByteLevelBpeTokenizer tokenizer = Load(Good);
        Assert.Equal([257, 256, tokenizer.TokenToId("a")!.Value], tokenizer.Encode("ab<eot>a"));
        Assert.Null(tokenizer.EndOfTextId);
        Assert.Equal([257], Load("\ufeff" + Good.Replace("[\"a\", \"b\"]", "\"a b\"", StringComparison.Ordinal)).Encode("ab"));
    }

    [Theory]
    [InlineData("\"ab\": 257", "\"ab\" 257", 9, 12, "The JSON is broken: '2' is invalid after a property name. Expected a ':'.")]
    [InlineData("\"ab\": 257", "\"ab\": 7", 9, 7, "The id 7 belongs to two tokens, '(' and 'ab'; ids must be different.")]
    [InlineData("\"ab\": 257", "\"ab\": 257, \"ab\": 258", 9, 18, "The token 'ab' is in the vocabulary twice, with ids 257 and 258.")]
    [InlineData("\"ab\": 257", "\"ab\": -1", 9, 13, "The id of token 'ab' (-1) must be a whole number from 0 to 16777215.")]
    [InlineData("\"ab\": 257", "\"ab\": 2.5", 9, 13, "The id of token 'ab' (2.5) must be a whole number from 0 to 16777215.")]
    [InlineData("\"ab\": 257", "\"ab\": \"x\"", 9, 13, "The id of token 'ab' must be a number, but it is a string.")]
    [InlineData("\"ab\": 257", "\"abc\": 257", 12, 7, "The merge of 'a' and 'b' needs the token 'ab', which the vocabulary lacks.")]
    [InlineData("[\"a\", \"b\"]", "[\"a\", \"bc\"]", 12, 7, "The merge of 'a' and 'bc' needs the token 'bc', which the vocabulary lacks.")]
    [InlineData("[\"a\", \"b\"]", "[\"a\", \"b\", \"c\"]", 12, 7, "A merge has two parts; here are more.")]
    [InlineData("[\"a\", \"b\"]", "[\"a\"]", 12, 11, "The right part of a merge must be a string, but it is EndArray.")]
    [InlineData("[\"a\", \"b\"]", "\"a b c\"", 12, 7, "A merge that is one string must be two tokens with one blank between them.")]
    [InlineData("\"id\": 256", "\"id\": 257", 3, 5, "The id 257 belongs to two tokens, 'ab' and '<eot>'; ids must be different.")]
    [InlineData("<eot>", "ab", 3, 5, "The added token 'ab' has the id 256, but in the vocabulary it has 257.")]
    [InlineData("\"content\": \"<eot>\"", "\"content\": \"\"", 3, 5, "An added token needs an id and a content.")]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"WordPiece\"", 7, 13, "The model is of type 'WordPiece'; it must be 'BPE'.")]
    [InlineData("\"type\": \"BPE\"", "\"dropout\": 0.1", 7, 16, "The model drops merges at random (dropout); set it to null to encode the same text always alike.")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Metaspace\"", 5, 20, "The pre_tokenizer is of type 'Metaspace'; it must be 'ByteLevel', as in GPT-2's kind of tokenizer.")]
    [InlineData("\"add_prefix_space\": false", "\"use_regex\": false", 5, 55, "The pre_tokenizer does not use GPT-2's pattern (use_regex is false); only that one is known here.")]
    [InlineData("\"type\": \"BPE\"", "\"end_of_word_suffix\": \"</w>\"", 7, 27, "The model has the end_of_word_suffix '</w>', which a byte-level BPE tokenizer of GPT-2's kind has not.")]
    [InlineData("\"add_prefix_space\": false},", "\"add_prefix_space\": false}, \"normalizer\": {\"type\": \"NFC\"},", 5, 84, "The file has a normalizer, which a byte-level BPE tokenizer of GPT-2's kind has not.")]
    [InlineData("\"<eot>\"", "\"\\ud800\"", 3, 28, "The JSON holds text that is not valid Unicode: ")]
    [InlineData("\"a\": ", "\"az\": ", 8, 14, "The vocabulary lacks the token 'a' of the byte 0x61; a byte-level vocabulary holds all 256.")]
    public void Read_BrokenFile_NamesFileAndPlace(string good, string bad, int line, int column, string message)
    {
        string text = Good.Replace("BYTES", s_bytes, StringComparison.Ordinal);
        Assert.Contains(good, text, StringComparison.Ordinal);
        using var folder = new TemporaryFolder();
        string file = folder.Write("tokenizer.json", text.Replace(good, bad, StringComparison.Ordinal));

        var fault = Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(folder.Path));

        Assert.StartsWith($"{file}, line {line}, column {column}: {message}", fault.Message, StringComparison.Ordinal);
        Assert.Equal((file, line, column), (fault.File, fault.Line, fault.Column));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(1000)]
    public void Read_TruncatedFile_IsRefused(int length)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Good.Replace("BYTES", s_bytes, StringComparison.Ordinal)[..length]);
        Assert.Contains(": The JSON is broken: ", Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoModelOrNoPreTokenizer_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("tokenizer.json", "{}");
        Assert.Equal($"{file}: The file holds no model with a vocabulary.", Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(file)).Message);
        folder.Write("tokenizer.json", "{\"model\": {\"vocab\": {}}}");
        Assert.Equal($"{file}: The file has no pre_tokenizer of type 'ByteLevel', which GPT-2's kind of tokenizer needs.", Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(file)).Message);
    }

    [Fact]
    public void Read_EndOfTextOfTheConfiguration_IsTaken()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Good.Replace("BYTES", s_bytes, StringComparison.Ordinal));
        folder.Write("tokenizer_config.json", """{"eos_token": "<eot>"}""");
        Assert.Equal(256, ByteLevelBpeTokenizer.Load(folder.Path).EndOfTextId);
        folder.Write("tokenizer_config.json", """{"x": [1, {}], "eos_token": {"content": "<eot>", "lstrip": false}}""");
        Assert.Equal(256, ByteLevelBpeTokenizer.Load(folder.Path).EndOfTextId);
        folder.Write("tokenizer_config.json", """{"eos_token": "</s>"}""");
        Assert.Equal(
            $"{folder.File("tokenizer.json")}: tokenizer_config.json says that '</s>' ends a document, but no such token is here.",
            Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(folder.Path)).Message);
    }

    private static ByteLevelBpeTokenizer Load(string json)
    {
        using var folder = new TemporaryFolder();
        return ByteLevelBpeTokenizer.Load(folder.Write("any.json", json.Replace("BYTES", s_bytes, StringComparison.Ordinal)));
    }
}
