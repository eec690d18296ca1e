using System.Text.Json;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tests.Tokenization.PreTokenizers;

public class PreTokenizersTests
{
    public static TheoryData<string, int> Components()
    {
        var data = new TheoryData<string, int>();
        foreach (string name in new[] { "pretokenizers", "pretokenizers2" })
        {
            for (int i = 0; i < PipelineFixture.Read(name).GetProperty("components").GetArrayLength(); i++)
                data.Add(name, i);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Components))]
    public void Split_TextsThatHurt_GivesTheReferencesPieces(string name, int index)
    {
        JsonElement entry = PipelineFixture.Read(name).GetProperty("components")[index];
        ITextSplitter splitter = PipelineFixture.Component(entry.GetProperty("component"), ComponentReader.PreTokenizer);
        foreach (JsonElement c in entry.GetProperty("cases").EnumerateArray())
        {
            string text = PipelineFixture.Texts[c[0].GetInt32()];
            int[] places = PipelineFixture.Places(text);
            (string, int, int)[] expected = [.. c[1].EnumerateArray().Select(piece =>
            {
                (int start, int end) = (places[piece[0].GetInt32()], places[piece[1].GetInt32()]);
                return (piece.GetArrayLength() > 2 ? piece[2].GetString()! : text[start..end], start, end);
            })];
            foreach (bool tracks in new[] { true, false })
            {
                var work = new WorkText();
                work.Load(text, 0, tracks);
                var pieces = new PieceList(work);
                pieces.Reset(new Piece(0, work.Length));
                splitter.Split(pieces);

                (string, int, int)[] actual = [.. pieces.Pieces.ToArray().Select(p => (
                    work.Chars[p.Start..p.End].ToString(),
                    tracks ? work.OriginalStart(p.Start) : 0,
                    tracks ? work.OriginalEnd(p.End - 1) : 0))];

                Assert.Equal(expected.Select(e => tracks ? e : (e.Item1, 0, 0)), actual);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Components))]
    public void Write_Component_IsTheReferences(string name, int index)
    {
        JsonElement json = PipelineFixture.Read(name).GetProperty("components")[index].GetProperty("component");
        string written = PipelineFixture.Written(PipelineFixture.Component(json, ComponentReader.PreTokenizer).Write);
        Assert.True(JsonElement.DeepEquals(json, JsonDocument.Parse(written).RootElement), $"{json}\n{written}");
    }
}
