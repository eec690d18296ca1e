using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization.Json;

public class SentencePieceReaderTests
{
    public static TheoryData<string> Folders => [.. FolderFixture.Names("xlmr"), .. FolderFixture.Names("t5"), .. FolderFixture.Names("llama")];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Read_ModelOfAClass_GivesTheReferencesIds(string name) => FolderFixture.RequireTheReferences(name);

    [Fact]
    public void Read_NoClass_TheNameOfTheFileSays()
    {
        using var folder = new TemporaryFolder();
        Move("xlmr", "sentencepiece.bpe.model");
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal([0, 4, 5, 2], tokenizer.Tokenize("the cat").Ids.ToArray());
        Assert.Equal((0, 2, 1, 12), (tokenizer.SpecialTokens.BeginOfText, tokenizer.SpecialTokens.EndOfText, tokenizer.SpecialTokens.Padding, tokenizer.SpecialTokens.Mask));
        Move("t5", "spiece.model");
        Assert.Equal([3, 4, 1], TextTokenizer.Load(folder.File("spiece.model")).Tokenize("the cat").Ids.ToArray());
        Assert.Equal(110, TextTokenizer.Load(folder.File("spiece.model")).TokenToId("<extra_id_0>"));
        Move("llama_end", "tokenizer.model");
        Assert.Equal([1, 261, 264], TextTokenizer.Load(folder.File("tokenizer.model")).Tokenize("the cat").Ids.ToArray());

        void Move(string name, string file)
        {
            using var source = new TemporaryFolder();
            FolderFixture.Write(name, source);
            File.Move(source.File(file), folder.File(file));
        }
    }

    [Fact]
    public void Read_LlamaWithoutFlags_BeginsATextAndDoesNotEndIt()
    {
        using var folder = new TemporaryFolder();
        FolderFixture.Write("llama_end", folder);
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "LlamaTokenizer"}""");
        Assert.Equal([1, 261, 264], TextTokenizer.Load(folder.Path).Tokenize("the cat").Ids.ToArray());
    }

    [Theory]
    [InlineData("xlmr", "sentencepiece.bpe.model", "config.json", """{"model_type": "camembert"}""", "CamembertTokenizer", "XLMRobertaTokenizer is")]
    [InlineData("xlmr", "sentencepiece.bpe.model", "tokenizer_config.json", """{"tokenizer_class": "NllbTokenizerFast"}""", "NllbTokenizer", "XLMRobertaTokenizer is")]
    [InlineData("xlmr", "sentencepiece.bpe.model", "tokenizer_config.json", """{"tokenizer_class": "LlamaTokenizer"}""", "LlamaTokenizer", "XLMRobertaTokenizer is")]
    [InlineData("t5", "spiece.model", "tokenizer_config.json", """{"tokenizer_class": "AlbertTokenizer"}""", "AlbertTokenizer", "LlamaTokenizer, GemmaTokenizer, T5Tokenizer, XLMRobertaTokenizer are")]
    public void Read_OtherClass_IsRefused(string name, string file, string configuration, string content, string found, string known)
    {
        using var folder = new TemporaryFolder();
        FolderFixture.Write(name, folder);
        File.Delete(folder.File("tokenizer_config.json"));
        folder.Write(configuration, content);
        Assert.Equal(
            $"{folder.File(file)}: The file is that of a {found}, which has ids or a pipeline of its own; of this file only {known} known here. Save the tokenizer with transformers as tokenizer.json, and load that.",
            Assert.Throws<TokenizerException>(() => TextTokenizer.Load(folder.Path)).Message);
    }

    [Theory]
    [InlineData("xlmr", "sentencepiece.bpe.model")]
    [InlineData("t5", "spiece.model")]
    [InlineData("llama_end", "tokenizer.model")]
    public void Read_BrokenCharacterMap_IsAFaultOfTheFile(string name, string file)
    {
        using var folder = new TemporaryFolder();
        FolderFixture.Write(name, folder);
        byte[] model = [.. File.ReadAllBytes(folder.File(file)), 0x1A, 0x05, 0x12, 0x03, 1, 2, 3];   // a later map counts
        File.WriteAllBytes(folder.File(file), model);
        Assert.Equal(
            $"{folder.File(file)}: The character map (precompiled_charsmap) is broken: the first four bytes must give the length of a trie that the rules hold.",
            Assert.Throws<TokenizerException>(() => TextTokenizer.Load(folder.Path)).Message);
    }
}
