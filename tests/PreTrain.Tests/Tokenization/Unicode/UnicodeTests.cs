using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tests.Tokenization.Unicode;

public class UnicodeTests
{
    private static readonly JsonElement s_fixture = JsonDocument.Parse(File.ReadAllBytes(BpeFixture.PathOf("unicode_components.json"))).RootElement;

    public static TheoryData<int> Normalizers() => [.. Enumerable.Range(0, s_fixture.GetProperty("normalizers").GetArrayLength())];

    public static TheoryData<int> Splitters() => [.. Enumerable.Range(0, s_fixture.GetProperty("splitters").GetArrayLength())];

    [Theory]
    [MemberData(nameof(Normalizers))]
    public void Normalize_EveryCodePoint_IsAsByTheReference(int index)
    {
        JsonElement entry = s_fixture.GetProperty("normalizers")[index];
        ITextNormalizer normalizer = PipelineFixture.Component(entry.GetProperty("component"), ComponentReader.Normalizer);
        var text = new WorkText();
        AssertChunks(entry, c =>
        {
            text.Load("a" + c + "\u0301b", 0, tracks: false);
            normalizer.Normalize(text);
            return text.Chars.ToString();
        });
    }

    [Theory]
    [MemberData(nameof(Splitters))]
    public void Split_EveryCodePoint_IsAsByTheReference(int index)
    {
        JsonElement entry = s_fixture.GetProperty("splitters")[index];
        ITextSplitter splitter = PipelineFixture.Component(entry.GetProperty("component"), ComponentReader.PreTokenizer);
        var text = new WorkText();
        var pieces = new PieceList(text);
        AssertChunks(entry, c =>
        {
            text.Load("a" + c + "b", 0, tracks: false);
            pieces.Reset(new Piece(0, text.Length));
            splitter.Split(pieces);
            return string.Join('|', pieces.Pieces.ToArray().Select(piece => text.Chars[piece.Start..piece.End].ToString()));
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Normalize_RowsOfCombiningCharacters_GivesTheReferencesTextsAndPlaces(int index)
    {
        JsonElement entry = s_fixture.GetProperty("combining").GetProperty("hashes")[index];
        ITextNormalizer normalizer = PipelineFixture.Component(entry.GetProperty("component"), ComponentReader.Normalizer);
        var work = new WorkText();
        for (int i = 0; i < 400; i++)
        {
            string text = s_fixture.GetProperty("combining").GetProperty("texts")[i].GetString()!;
            work.Load(text, 0, tracks: true);
            normalizer.Normalize(work);
            var description = new List<string>();
            for (int k = 0, width; k < work.Length; k += width)
            {
                Rune.DecodeFromUtf16(work.Chars[k..], out Rune rune, out width);
                description.Add($"{rune}{CodePoints(text, work.OriginalStart(k))}-{CodePoints(text, work.OriginalEnd(k))}");
            }

            Assert.True(entry.GetProperty("hashes")[i].GetString() == Digest(string.Join(' ', description)), $"row {i}, {Codes(text)}: {string.Join(' ', description)}");
        }

        static int CodePoints(string text, int place) => text[..place].EnumerateRunes().Count();
    }

    private static void AssertChunks(JsonElement entry, Func<string, string> describe)
    {
        int step = s_fixture.GetProperty("step").GetInt32();
        for (int chunk = 0; chunk < 0x110000 / step; chunk++)
        {
            IEnumerable<string> lines = Enumerable.Range(chunk * step, step).Where(c => c is < 0xD800 or > 0xDFFF).Select(c => describe(char.ConvertFromUtf32(c)));
            Assert.True(entry.GetProperty("chunks")[chunk].GetString() == Digest(string.Join('\n', lines)), $"{entry.GetProperty("component")}: code points from {chunk * step:X}");
        }
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];

    private static string Codes(string text) => string.Join(' ', text.EnumerateRunes().Select(rune => $"{rune.Value:X}"));
}
