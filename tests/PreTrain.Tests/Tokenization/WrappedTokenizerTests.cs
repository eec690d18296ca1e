using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class WrappedTokenizerTests
{
    [Fact]
    public void Wrap_AnyTokenizer_EncodesAndDecodesAsIt()
    {
        var wrapped = new WrappedTokenizer(BpeFixture.Tokenizer, new()
        {
            VocabSize = BpeFixture.Tokenizer.VocabSize,
            SpecialTokens = new Dictionary<string, int> { ["<|endoftext|>"] = 0 },
            Roles = new() { EndOfText = 0 },
        });
        foreach ((string text, int[] ids) in BpeFixture.Encodings)
        {
            Assert.Equal(ids, wrapped.Encode(text));
            Assert.Equal(ids.Length, wrapped.CountTokens(text));
            Assert.Equal(ids, wrapped.Tokenize(text).Ids.ToArray());
        }

        Assert.Equal((0, true, false), (wrapped.EndOfTextId, wrapped.IsSpecial(0), wrapped.IsSpecial(1)));
        Assert.Equal("Returns", wrapped.Decode(wrapped.Encode("Returns").ToList()));
        Assert.Throws<NotSupportedException>(() => wrapped.Save("x"));
        Assert.Matches("^[0-9a-f]{64}$", wrapped.Fingerprint);
    }

    [Fact]
    public void Options_NotValid_AreReportedTogether()
    {
        var options = new WrappedTokenizerOptions { VocabSize = 1, SpecialTokens = new Dictionary<string, int> { ["a"] = 1, ["b"] = 1 } };
        string message = Assert.Throws<ArgumentException>(() => new WrappedTokenizer(BpeFixture.Tokenizer, options)).Message;
        Assert.Contains("The special token 'a' has the id 1, which must be from 0 to 0.", message, StringComparison.Ordinal);
        Assert.Contains("The special tokens 'a' and 'b' have the same id 1; ids must be different.", message, StringComparison.Ordinal);
    }
}
