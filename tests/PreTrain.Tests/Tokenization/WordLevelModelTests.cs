using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class WordLevelModelTests
{
    [Fact]
    public void Encode_PiecesThatHurt_FindsTheReferencesTokens()
    {
        var fixture = new TokenModelFixture("word");
        JsonElement model = fixture.Model("wordlevel");
        var loaded = new WordLevelModel(TokenModelFixture.Vocabulary(model), model.GetProperty("unk_token").GetString()!);
        fixture.Check("wordlevel", loaded);
        Assert.Equal(10, loaded.Size);
        Assert.Equal("Größe", loaded.TokenOf(5));
        Assert.Null(loaded.TokenOf(1));
        Assert.Null(loaded.TokenOf(10));
        Assert.Null(loaded.IdOf("x"));
    }

    [Fact]
    public void Encode_WithoutUnknownToken_SaysSo()
    {
        var model = new WordLevelModel(TokenVocabulary.FromList(["a"]));
        var fault = Assert.Throws<InvalidOperationException>(() => model.Encode("b", new TokenBuffer()));
        Assert.Equal("The word 'b' is not in the vocabulary, and neither is the unknown token '<unk>'; add it to the vocabulary.", fault.Message);
    }
}
