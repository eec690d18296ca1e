using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

/// <summary>What the models of Hugging Face's tokenizers make of pieces; fixtures/make_token_models.py wrote it.</summary>
internal sealed class TokenModelFixture
{
    private readonly JsonElement _root;

    public TokenModelFixture(string kind) => _root = JsonDocument.Parse(File.ReadAllBytes(BpeFixture.PathOf($"token_models_{kind}.json"))).RootElement;

    public string[] Pieces => [.. _root.GetProperty("pieces").EnumerateArray().Select(e => e.GetString()!)];

    public JsonElement Model(string name) => Case(name).GetProperty("model");

    public static TokenVocabulary Vocabulary(JsonElement model) =>
        new(model.GetProperty("vocab").EnumerateObject().Select(p => KeyValuePair.Create(p.Name, p.Value.GetInt32())));

    /// <summary>Requires of a model that it finds the tokens of the reference, twice: the second time many come from the cache.</summary>
    public void Check(string name, ITokenModel model)
    {
        string[] pieces = Pieces;
        int[][] expected = [.. Case(name).GetProperty("tokens").EnumerateArray().Select(list => list.EnumerateArray().Select(e => e.GetInt32()).ToArray())];
        Assert.True(pieces.Length > 100 && pieces.Length == expected.Length);
        var buffer = new TokenBuffer();
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < pieces.Length; i++)
            {
                buffer.Clear();
                model.Encode(pieces[i], buffer);
                Assert.True(expected[i].SequenceEqual(Flat(buffer)), $"{name}, '{pieces[i]}': expected {string.Join(' ', expected[i])} but found {string.Join(' ', Flat(buffer))}");
            }
        }
    }

    public static int[] Flat(TokenBuffer buffer)
    {
        var numbers = new List<int>();
        for (int i = 0; i < buffer.Count; i++)
            numbers.AddRange([buffer.Ids[i], buffer.Starts[i], buffer.Ends[i]]);
        return [.. numbers];
    }

    private JsonElement Case(string name) => _root.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
}
