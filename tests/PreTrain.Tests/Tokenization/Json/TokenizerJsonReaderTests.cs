using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization.Json;

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
    [InlineData("\"type\": \"BPE\"", "\"type\": \"WordPiece\"", 6, 12, "The model 'WordPiece' has merges, which only BPE has.")]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"Trie\"", 7, 13, "The value of 'type' is 'Trie', a model that is not known here.")]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"BPE\", \"shape\": 3", 7, 29, "The property 'shape' of the model 'BPE' is not known here.")]
    [InlineData("\"type\": \"BPE\"", "\"dropout\": 1.1", 7, 16, "The value of 'dropout' must be from 0 to 1.")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Metaspace\"", 5, 62, "The value of 'add_prefix_space' is false, but prepend_scheme is not 'never'.")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Bytes\"", 5, 29, "The value of 'type' is 'Bytes', a pre_tokenizer that is not known here.")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"ByteLevel\", \"fast\": true", 5, 50, "The property 'fast' of the pre_tokenizer 'ByteLevel' is not known here.")]
    [InlineData("\"type\": \"ByteLevel\", \"add_prefix_space\": false", "\"type\": \"Split\", \"pattern\": {\"Regex\": \"a(b\"}, \"behavior\": \"Isolated\", \"invert\": false", 5, 59, "The value of 'Regex' is a regular expression that cannot be used: a '(' without ')', at character 4 of 'a(b'.")]
    [InlineData("\"type\": \"ByteLevel\", \"add_prefix_space\": false", "\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"isolated\", \"invert\": false", 5, 78, "The value of 'behavior' must be one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous, but it is 'isolated'.")]
    [InlineData("\"add_prefix_space\": false", "\"use_regex\": false", 5, 20, "The value of 'pre_tokenizer' has no property 'add_prefix_space', which it needs.")]
    [InlineData("\"type\": \"BPE\"", "\"end_of_word_suffix\": 3", 7, 27, "The value of 'end_of_word_suffix' must be a string, but it is a number.")]
    [InlineData("\"add_prefix_space\": false},", "\"add_prefix_space\": false}, \"normalizer\": {\"type\": \"NFX\"},", 5, 93, "The value of 'type' is 'NFX', a normalizer that is not known here.")]
    [InlineData("\"added_tokens\": [", "\"truncation\": {\"max_length\": -1}, \"added_tokens\": [", 2, 32, "The value of 'max_length' must be a whole number from 0 to 2147483647, but it is -1.")]
    [InlineData("\"added_tokens\": [", "\"postprocessor\": {}, \"added_tokens\": [", 2, 20, "The value of 'postprocessor' is a part of a tokenizer that is not known here.")]
    [InlineData("\"added_tokens\": [", "\"version\": \"2.0\", \"added_tokens\": [", 2, 14, "The value of 'version' is '2.0'; only 1.0 is known here.")]
    [InlineData("\"<eot>\"", "\"\\ud800\"", 3, 28, "The JSON holds text that is not valid Unicode: ")]
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
        Assert.Equal($"{file}: The tokenizer is no byte-level BPE with the pattern of GPT-2, Llama 3 or Qwen 2; load it with TextTokenizer.Load.", Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(file)).Message);
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
