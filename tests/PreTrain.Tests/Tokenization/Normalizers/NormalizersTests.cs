using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tests.Tokenization.Normalizers;

public class NormalizersTests
{
    public static TheoryData<string, int> Components()
    {
        var data = new TheoryData<string, int>();
        foreach (string name in new[] { "normalizers", "normalizers2" })
        {
            for (int i = 0; i < PipelineFixture.Read(name).GetProperty("components").GetArrayLength(); i++)
                data.Add(name, i);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Components))]
    public void Normalize_TextsThatHurt_GivesTheReferencesTextsAndPlaces(string name, int index)
    {
        JsonElement entry = PipelineFixture.Read(name).GetProperty("components")[index];
        ITextNormalizer normalizer = PipelineFixture.Component(entry.GetProperty("component"), ComponentReader.Normalizer);
        Dictionary<int, JsonElement> changed = entry.GetProperty("changed").EnumerateArray().ToDictionary(c => c[0].GetInt32());
        for (int i = 0; i < PipelineFixture.Texts.Count; i++)
        {
            string text = PipelineFixture.Texts[i];
            if (text.EnumerateRunes().Count() > 65)
                continue;
            string expected = changed.TryGetValue(i, out JsonElement change) ? change[1].GetString()! : text;

            WorkText plain = Load(text, tracks: false), tracked = Load(text, tracks: true);
            normalizer.Normalize(plain);
            normalizer.Normalize(tracked);

            Assert.Equal(expected, plain.Chars.ToString());
            Assert.Equal(expected, tracked.Chars.ToString());
            int[] places = PipelineFixture.Places(text), normalized = PipelineFixture.Places(expected);
            int[] numbers = change.ValueKind == JsonValueKind.Array && change.GetArrayLength() > 2
                ? PipelineFixture.Numbers(change[2])
                : [.. Enumerable.Range(0, places.Length - 1).SelectMany(k => new[] { k, k + 1 })];
            for (int k = 0; k + 1 < normalized.Length; k++)
            {
                Assert.True(
                    (places[numbers[2 * k]], places[numbers[2 * k + 1]]) == (tracked.OriginalStart(normalized[k]), tracked.OriginalEnd(normalized[k + 1] - 1)),
                    $"{entry.GetProperty("component")} text {i}, character {k}: expected {numbers[2 * k]}..{numbers[2 * k + 1]}, found {tracked.OriginalStart(normalized[k])}..{tracked.OriginalEnd(normalized[k + 1] - 1)} in UTF-16");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Components))]
    public void Write_Component_IsTheReferences(string name, int index)
    {
        JsonElement json = PipelineFixture.Read(name).GetProperty("components")[index].GetProperty("component");
        string written = PipelineFixture.Written(PipelineFixture.Component(json, ComponentReader.Normalizer).Write);
        Assert.True(JsonElement.DeepEquals(json, JsonDocument.Parse(written).RootElement), $"{json}\n{written}");
    }

    [Fact]
    public void Load_LoneSurrogates_AreReplacementCharacters()
    {
        WorkText text = Load("a\ud800b\udc00\ud83d\ude42\ud83d", tracks: true);
        Assert.Equal("a\ufffdb\ufffd\ud83d\ude42\ufffd", text.Chars.ToString());
        Assert.Equal((4, 6), (text.OriginalStart(5), text.OriginalEnd(4)));
    }

    private static WorkText Load(string text, bool tracks)
    {
        var work = new WorkText();
        work.Load(text, 0, tracks);
        return work;
    }
}
