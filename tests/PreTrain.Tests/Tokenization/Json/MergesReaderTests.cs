using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization.Json;

public class MergesReaderTests
{
    public static TheoryData<string> Folders => [.. FolderFixture.Names("gpt2"), .. FolderFixture.Names("roberta"), .. FolderFixture.Names("bart"), .. FolderFixture.Names("qwen2")];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Read_FilesOfAClass_GivesTheReferencesIds(string name) => FolderFixture.RequireTheReferences(name);

    [Fact]
    public void Read_Roberta_KnowsItsSpecialTokens()
    {
        using var folder = new TemporaryFolder();
        FolderFixture.Write("roberta", folder);
        SpecialTokenIds special = TextTokenizer.Load(folder.Path).SpecialTokens;
        Assert.Equal((0, 2, 1, 265, 3), (special.BeginOfText, special.EndOfText, special.Padding, special.Mask, special.Unknown));
    }

    [Fact]
    public void Read_OtherClass_IsRefused()
    {
        using var folder = new TemporaryFolder();
        FolderFixture.Write("gpt2", folder);
        foreach ((string file, string content) in new[] { ("tokenizer_config.json", """{"tokenizer_class": "CLIPTokenizer"}"""), ("tokenizer_config.json", "{}"), ("config.json", """{"model_type": "clip"}""") })
        {
            folder.Write(file, content);
            if (content == "{}")
                continue;
            Assert.Equal(
                $"{folder.File("vocab.json")}: The file is that of a CLIPTokenizer, which has ids or a pipeline of its own; of this file only GPT2Tokenizer, RobertaTokenizer, Qwen2Tokenizer are known here. Save the tokenizer with transformers as tokenizer.json, and load that.",
                Assert.Throws<TokenizerException>(() => TextTokenizer.Load(folder.Path)).Message);
        }
    }
}
