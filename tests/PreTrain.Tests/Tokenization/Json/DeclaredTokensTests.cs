using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization.Json;

public class DeclaredTokensTests
{
    public static TheoryData<string> Folders => [.. FolderFixture.Names("declared")];

    [Theory]
    [MemberData(nameof(Folders))]
    public void AddTo_TokensBesideTheVocabulary_AreThoseOfTheReference(string name) => FolderFixture.RequireTheReferences(name);

    [Theory]
    [InlineData("""{"added_tokens_decoder": {"x": {"content": "<x>"}}}""", 32, "The value of 'x' has a name that is no id: it must be a whole number from 0 to 16777215.")]
    [InlineData("""{"added_tokens_decoder": {"5": "<x>"}}""", 32, "The value of '5' must be an object, but it is a string.")]
    [InlineData("""{"added_tokens_decoder": {"5": {"lstrip": true}}}""", 32, "The value of '5' has no property 'content', which it needs.")]
    [InlineData("""{"additional_special_tokens": [3]}""", 32, "The value of 'additional_special_tokens[0]' must be a string, but it is a number.")]
    public void Read_BrokenDeclaration_NamesThePlace(string configuration, int column, string fault)
    {
        using var folder = new TemporaryFolder();
        FolderFixture.Write("declared_roles", folder);
        string file = folder.Write("tokenizer_config.json", configuration);
        Assert.Equal($"{file}, line 1, column {column}: {fault}", Assert.Throws<TokenizerException>(() => TextTokenizer.Load(folder.Path)).Message);
    }
}
