using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization.Json;

public class TokenizerFolderTests
{
    [Fact]
    public void ReadPair_VocabularyAndMergesOfGpt2_GiveTheSameIds()
    {
        using var folder = new TemporaryFolder();
        WritePair(folder, "#version: 0.2\n" + Merges);
        var tokenizer = ByteLevelBpeTokenizer.Load(folder.Path);

        Assert.Equal(0, tokenizer.EndOfTextId);
        foreach ((string text, int[] ids) in BpeFixture.Encodings)
            Assert.Equal(ids, tokenizer.Encode(text));
        Assert.Equal(BpeFixture.Tokenizer.Fingerprint, tokenizer.Fingerprint);
    }

    [Fact]
    public void ReadPair_WindowsLineEnds_AreNoPartOfTokens()
    {
        using var folder = new TemporaryFolder();
        WritePair(folder, ("#version: 0.2\n" + Merges).Replace("\n", "\r\n", StringComparison.Ordinal));
        Assert.Equal(BpeFixture.Tokenizer.Fingerprint, ByteLevelBpeTokenizer.Load(folder.Path).Fingerprint);
    }

    [Theory]
    [InlineData("a b\na b c\n", 2, "A merge is two tokens with one blank between them, but the line is 'a b c'.")]
    [InlineData("#version: 0.2\na b\n\na a\n", 3, "A merge is two tokens with one blank between them, but the line is ''.")]
    [InlineData("a nowhere\n", 1, "The merge of 'a' and 'nowhere' needs the token 'nowhere', which the vocabulary lacks.")]
    public void ReadPair_BrokenMerges_NamesFileAndLine(string merges, int line, string message)
    {
        using var folder = new TemporaryFolder();
        WritePair(folder, merges);
        var fault = Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(folder.Path));
        Assert.Equal($"{folder.File("merges.txt")}, line {line}: {message}", fault.Message);
    }

    [Fact]
    public void Read_NothingThere_SaysWhatWasLookedFor()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal($"{folder.Path}: The folder holds neither tokenizer.json nor vocab.json with merges.txt, nor tokenizer.model, spiece.model, sentencepiece.bpe.model, tokenizer.tiktoken, vocab.txt.", Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(folder.Path)).Message);
        string missing = folder.File("missing");
        Assert.Equal($"{missing}: There is no such file or folder.", Assert.Throws<TokenizerException>(() => ByteLevelBpeTokenizer.Load(missing)).Message);
    }

    [Fact]
    public void Write_Vocabulary_IsInTheOrderOfIds()
    {
        using var folder = new TemporaryFolder();
        BpeFixture.Tokenizer.Save(folder.Path);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(folder.File("tokenizer.json")));
        Assert.Equal(
            Enumerable.Range(0, BpeFixture.Tokenizer.VocabSize),
            json.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject().Select(entry => entry.Value.GetInt32()));
        using JsonDocument configuration = JsonDocument.Parse(File.ReadAllBytes(folder.File("tokenizer_config.json")));
        Assert.Equal("<|endoftext|>", configuration.RootElement.GetProperty("eos_token").GetString());
    }

    private static string Merges => string.Concat(BpeFixture.Tokenizer.Merges.Select(merge => $"{merge.Left} {merge.Right}\n"));

    private static void WritePair(TemporaryFolder folder, string merges)
    {
        var vocabulary = Enumerable.Range(0, BpeFixture.Tokenizer.VocabSize).ToDictionary(id => BpeFixture.Tokenizer.IdToToken(id)!, id => id);
        folder.Write("vocab.json", JsonSerializer.Serialize(vocabulary));
        folder.Write("merges.txt", merges);
    }
}
