using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tests.Tokenization.Decoders;

public class DecodersTests
{
    private static readonly JsonElement s_fixture = PipelineFixture.Read("decoders");

    public static TheoryData<int> Components() => [.. Enumerable.Range(0, s_fixture.GetProperty("components").GetArrayLength())];

    [Theory]
    [MemberData(nameof(Components))]
    public void Decode_ListsOfTokens_GivesTheReferencesTexts(int index)
    {
        JsonElement entry = s_fixture.GetProperty("components")[index];
        ITokenDecoder decoder = PipelineFixture.Component(entry.GetProperty("component"), ComponentReader.Decoder);
        for (int i = 0; i < entry.GetProperty("texts").GetArrayLength(); i++)
        {
            string[] tokens = [.. s_fixture.GetProperty("lists")[i].EnumerateArray().Select(token => token.GetString()!)];
            var decoding = new StepDecoding(decoder, id => tokens[id]);
            var text = new StringBuilder();
            for (int run = 0; run < 2; run++)   // it can be used again
            {
                text.Clear();
                for (int id = 0; id < tokens.Length; id++)
                    decoding.Push(id, text);
                decoding.Flush(text);
            }

            Assert.Equal(entry.GetProperty("texts")[i].GetString(), text.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Components))]
    public void Write_Component_IsTheReferences(int index)
    {
        JsonElement json = s_fixture.GetProperty("components")[index].GetProperty("component");
        string written = PipelineFixture.Written(PipelineFixture.Component(json, ComponentReader.Decoder).Write);
        Assert.True(JsonElement.DeepEquals(json, JsonDocument.Parse(written).RootElement), $"{json}\n{written}");
    }
}
