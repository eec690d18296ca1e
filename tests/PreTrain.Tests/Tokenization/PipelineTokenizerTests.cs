using System.Text;
using System.Text.Json;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class PipelineTokenizerTests
{
    private static readonly EncodingOptions s_points = new() { Offsets = OffsetUnit.CodePoints };

    public static TheoryData<string> Names() => ["bert", "cased", "roberta", "llama3", "llama2", "t5", "words"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Tokenize_TextsThatHurt_GivesTheReferencesEncodings(string name)
    {
        (PipelineTokenizer tokenizer, JsonElement fixture) = Load(name);
        foreach (JsonElement single in fixture.GetProperty("singles").EnumerateArray())
        {
            string text = PipelineFixture.Texts[single.GetProperty("text").GetInt32()];
            TokenEncoding encoding = tokenizer.Tokenize(text, options: s_points);

            AssertEqual(single, encoding, $"{name}: {text}");
            for (int i = 0; i < encoding.Count; i++)
            {
                string? expected = single.TryGetProperty("odd", out JsonElement odd) && odd.TryGetProperty($"{i}", out JsonElement token) ? token.GetString() : tokenizer.IdToToken(encoding.Ids[i]);
                Assert.Equal(expected, encoding.Tokens[i]);
            }

            Assert.Equal(single.GetProperty("skipped").GetString(), tokenizer.Decode(encoding.Ids, skipSpecialTokens: true));
            Assert.Equal(single.GetProperty("kept").GetString(), tokenizer.Decode(encoding.Ids));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_TextsThatHurt_GivesTheIdsOfTheTextsAlone(string name)
    {
        (PipelineTokenizer tokenizer, JsonElement fixture) = Load(name);
        foreach (JsonElement single in fixture.GetProperty("singles").EnumerateArray())
        {
            string text = PipelineFixture.Texts[single.GetProperty("text").GetInt32()];
            int[] all = PipelineFixture.Numbers(single.GetProperty("ids"));
            int[] special = single.TryGetProperty("special", out JsonElement mask) ? PipelineFixture.Numbers(mask) : new int[all.Length];
            int[] expected = [.. all.Where((_, i) => special[i] == 0)];

            Assert.Equal(expected, tokenizer.Encode(text));
            Assert.Equal(expected, tokenizer.Encode(text));   // from the cache
            Assert.Equal(expected, tokenizer.EncodeToIds(text));
            Assert.Equal(expected, tokenizer.EncodeToTokens(text, out _).Select(token => token.Id));
            Assert.Equal(expected.Length, tokenizer.CountTokens(text));
            Assert.Equal(expected, tokenizer.Tokenize(text, options: new() { AddSpecialTokens = false }).Ids.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Tokenize_PairsAndWindows_GivesTheReferencesEncodings(string name)
    {
        (PipelineTokenizer tokenizer, JsonElement fixture) = Load(name);
        string first = fixture.GetProperty("first").GetString()!, second = fixture.GetProperty("second").GetString()!;
        AssertEqual(fixture.GetProperty("pair"), tokenizer.Tokenize(first, second, s_points), name);
        foreach (JsonElement pair in fixture.GetProperty("pairs").EnumerateArray())
        {
            EncodingOptions options = s_points with
            {
                Truncation = new()
                {
                    MaxLength = pair.GetProperty("length").GetInt32(),
                    Stride = pair.GetProperty("stride").GetInt32(),
                    Side = Side(pair),
                    Strategy = Enum.Parse<TruncationStrategy>(pair.GetProperty("strategy").GetString()!.Replace("_", "", StringComparison.Ordinal), ignoreCase: true),
                },
            };
            JsonElement result = pair.GetProperty("result");
            if (result.TryGetProperty("fault", out _))
                Assert.Throws<ArgumentException>(() => tokenizer.Tokenize(first, second, options));
            else
                AssertEqual(result, tokenizer.Tokenize(first, second, options), $"{name} {options.Truncation}", isWindow: name == "words");
        }

        foreach (JsonElement window in fixture.GetProperty("windows").EnumerateArray())
        {
            EncodingOptions options = s_points with
            {
                Truncation = new() { MaxLength = 7, Stride = 2, Side = Side(window) },
                Padding = new() { Side = Side(window), Id = 3, TypeId = 2, Token = "P", MultipleOf = 4 },
            };
            AssertEqual(window.GetProperty("result"), tokenizer.Tokenize(second, options: options), $"{name} {options.Truncation}", hasNoTemplate: name == "words");
        }

        static TextSide Side(JsonElement entry) => entry.GetProperty("direction").GetString() == "left" ? TextSide.Left : TextSide.Right;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Save_ThenLoad_GivesTheSameTokenizer(string name)
    {
        (PipelineTokenizer tokenizer, JsonElement fixture) = Load(name);
        using var folder = new TemporaryFolder();
        tokenizer.Save(folder.Path);
        TextTokenizer again = TextTokenizer.Load(folder.Path);

        Assert.Equal(tokenizer.GetType(), again.GetType());
        Assert.Equal(tokenizer.Fingerprint, again.Fingerprint);
        using JsonDocument written = JsonDocument.Parse(File.ReadAllBytes(folder.File("tokenizer.json")));
        using JsonDocument read = JsonDocument.Parse(fixture.GetProperty("file").GetString()!);
        Assert.True(JsonElement.DeepEquals(read.RootElement, written.RootElement), $"{name}: the file is not the reference's");
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("llama2")]
    [InlineData("t5")]
    [InlineData("roberta")]
    public void GetTokenBytes_EveryToken_IsWhatItAddsToALetter(string name)
    {
        PipelineTokenizer tokenizer = Load(name).Tokenizer;
        int letter = Enumerable.Range(0, tokenizer.VocabSize).First(id => tokenizer.IdToToken(id) is "x" or "a");
        string begun = tokenizer.Decode([letter]);
        int compared = 0;
        for (int id = 0; id < tokenizer.VocabSize; id++)
        {
            string both = tokenizer.Decode([letter, id]), added = Encoding.UTF8.GetString(tokenizer.GetTokenBytes(id, isFirst: false));
            if (tokenizer.IdToToken(id) is null || both.Contains('\uFFFD'))
                continue;   // a part of a character
            Assert.Equal(both[begun.Length..], added);
            compared++;
        }

        Assert.True(compared > 50);
    }

    [Theory]
    [InlineData("roberta", false)]
    [InlineData("llama3", true)]
    [InlineData("bert", false)]
    public void Load_ByteLevelBpe_IsTheFastClassWhereItApplies(string name, bool isLlama)
    {
        PipelineTokenizer tokenizer = Load(name).Tokenizer;
        Assert.Equal(name != "bert", tokenizer is ByteLevelBpeTokenizer);
        if (tokenizer is ByteLevelBpeTokenizer fast)
            Assert.Equal(!isLlama, ReferenceEquals(Gpt2PreTokenizer.Instance, fast.PreTokenizer));
    }

    private static void AssertEqual(JsonElement expected, TokenEncoding actual, string what, bool isWindow = false, bool hasNoTemplate = false)
    {
        int count = expected.GetProperty("ids").GetArrayLength();
        Assert.True(PipelineFixture.Numbers(expected.GetProperty("ids")).AsSpan().SequenceEqual(actual.Ids), $"{what}: ids {expected.GetProperty("ids")}\n{string.Join(',', actual.Ids.ToArray())}");
        Assert.True(
            PipelineFixture.Numbers(expected.GetProperty("offsets")).SequenceEqual(actual.Offsets.ToArray().SelectMany(o => new[] { o.Start, o.End })),
            $"{what}: offsets {expected.GetProperty("offsets")}\n{string.Join(',', actual.Offsets.ToArray().Select(o => $"{o.Start},{o.End}"))}");
        Assert.Equal(PipelineFixture.Numbers(expected.GetProperty("words")), actual.WordIds.ToArray().Select(w => w ?? -1));
        if (!isWindow || expected.TryGetProperty("types", out _))
            Assert.Equal(Numbers("types", 0), actual.TypeIds.ToArray());
        Assert.Equal(Numbers("special", 0), actual.SpecialTokensMask.ToArray());
        Assert.Equal(Numbers("attention", 1), actual.AttentionMask.ToArray());
        if (!hasNoTemplate)   // the reference then counts what fills up as a part of the text
            Assert.Equal(Numbers("sequences", 0), actual.SequenceIds.ToArray().Select(s => s ?? -1));
        JsonElement[] overflow = expected.TryGetProperty("overflow", out JsonElement list) ? [.. list.EnumerateArray()] : [];
        Assert.Equal(overflow.Length, actual.Overflow.Count);
        for (int i = 0; i < overflow.Length; i++)
            AssertEqual(overflow[i], actual.Overflow[i], $"{what}, window {i + 1}", isWindow: true, hasNoTemplate);

        IEnumerable<int> Numbers(string property, int usual) =>
            expected.TryGetProperty(property, out JsonElement values) ? PipelineFixture.Numbers(values) : Enumerable.Repeat(usual, count);
    }

    private static (PipelineTokenizer Tokenizer, JsonElement Fixture) Load(string name)
    {
        JsonElement fixture = PipelineFixture.Read(name);
        return (PipelineFixture.Load(fixture.GetProperty("file").GetString()!), fixture);
    }
}
