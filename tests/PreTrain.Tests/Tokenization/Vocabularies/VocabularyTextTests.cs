using System.Text;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Vocabularies;

namespace PreTrain.Tests.Tokenization.Vocabularies;

public class VocabularyTextTests
{
    [Fact]
    public void Read_FileOfTokens_NumbersItsLines()
    {
        using var folder = new TemporaryFolder();
        TokenVocabulary vocabulary = VocabularyText.Read(folder.Write("vocab.txt", "\uFEFF[UNK]\r\nthe  \n##s\n\u3000\n日本"));
        Assert.Equal(["[UNK]", "the", "##s", "\u3000", "日本"], Enumerable.Range(0, vocabulary.Size).Select(vocabulary.TokenOf));
        Assert.Equal("[UNK]\nthe\n##s\n\u3000\n日本\n", Encoding.UTF8.GetString(VocabularyText.Write(vocabulary)));
    }

    [Fact]
    public void Read_BrokenFile_NamesTheLine()
    {
        using var folder = new TemporaryFolder();
        Check(""u8, ": The file is empty; a vocabulary has a token a line.");
        Check("a\n\nb"u8, ", line 2: The line is empty; every line of the vocabulary is a token.");
        Check("a\nb\na "u8, ", line 3: The token 'a' is on line 1 already; each must be there once.");
        Check([(byte)'a', (byte)'\n', (byte)'b', 0xFF], ", line 2, column 2: The line is not valid UTF-8.");
        Assert.StartsWith($"{folder.File("none")}: The file cannot be read:", Assert.Throws<TokenizerException>(() => VocabularyText.Read(folder.File("none"))).Message, StringComparison.Ordinal);

        void Check(ReadOnlySpan<byte> content, string fault)
        {
            string path = folder.File("vocab.txt");
            File.WriteAllBytes(path, content);
            Assert.Equal(path + fault, Assert.Throws<TokenizerException>(() => VocabularyText.Read(path)).Message);
        }
    }

    [Fact]
    public void Write_VocabularyWithAHole_IsRefused()
    {
        var vocabulary = new TokenVocabulary([new("a", 0), new("b", 2)]);
        Assert.StartsWith("The id 1 has no token; vocab.txt holds all ids from 0 on.", Assert.Throws<ArgumentException>(() => VocabularyText.Write(vocabulary)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_VocabularyWithOneIdTwice_IsRefused()
    {
        Assert.StartsWith("The id 1 belongs to two tokens, 'a' and 'b'; ids must be different.", Assert.Throws<ArgumentException>(() => new TokenVocabulary([new("a", 1), new("b", 1)])).Message, StringComparison.Ordinal);
        Assert.StartsWith("The id of token 'a' (-1) must be from 0 to 16777215.", Assert.Throws<ArgumentException>(() => new TokenVocabulary([new("a", -1)])).Message, StringComparison.Ordinal);
    }
}
