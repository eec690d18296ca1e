using PreTrain.Generation;
using PreTrain.Models;

namespace PreTrain.Tests.Generation;

[Collection(nameof(RunsAlone))]
public sealed class SequenceToSequenceGenerationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string name in new[] { "t5", "bart", "marian", "bart-rules", "marian-rules" })
            {
                using var fixture = new WritingFixture(name);
                for (int i = 0; i < fixture.CaseCount; i++) data.Add(name, i);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GenerateAll_ReferenceWeights_WritesWhatTransformersWrites(string name, int index)
    {
        using var fixture = new WritingFixture(name);
        using ITransformerModel loaded = fixture.LoadModel();
        var model = (ISequenceToSequenceModel)loaded;
        var (options, expected) = fixture.Case(index);
        if (options.BeamCount > 1) options = options with { Temperature = 1 };

        Assert.Equal(fixture.EndId, model.EndId);
        foreach (var (source, texts) in fixture.Prompts.Zip(expected))
            Assert.Equal(texts, model.GenerateAll([source], options, Cancellation)[0].Select(s => s.Tokens));
        Assert.Equal(expected, model.GenerateAll(fixture.Prompts, options, Cancellation).Select(texts => texts.Select(s => s.Tokens).ToArray()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Generate_Source_IsAnswered(int beams)
    {
        var options = new GenerationOptions { Temperature = beams == 1 ? 0 : 1, BeamCount = beams };

        Assert.Equal("dlrow olleh", new ReversingModel().Generate(new ByteTokenizer(), "hello world", options, Cancellation));
        Assert.Equal("dlrow", new ReversingModel().Generate(new ByteTokenizer(), "hello world", options with { StopTexts = [" o"] }, Cancellation));
        Assert.Equal("dlr", new ReversingModel().Generate(new ByteTokenizer(), "hello world", options with { MaxNewTokens = 3 }, Cancellation));
        Assert.Equal("dlr", new ReversingModel(contextLength: 3).Generate(new ByteTokenizer(), "hello world", options, Cancellation));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void GenerateAll_SourcesOfDifferentLengths_AreAnsweredTogether(int beams)
    {
        var model = new ReversingModel();

        var answers = model.GenerateAll(new ByteTokenizer(), ["hello", "a", "naïve 東京"], new() { Temperature = beams == 1 ? 0 : 1, BeamCount = beams }, Cancellation);

        Assert.Equal(["olleh", "a"], answers.Take(2).Select(texts => texts.Single().Text));
        Assert.Equal([5, 1, 13], answers.Select(texts => texts.Single().Tokens.Count));
        Assert.Equal([13], model.Widths);   // read once, as wide as the longest
    }

    [Fact]
    public async Task GenerateAsync_Source_IsAnsweredInPieces()
    {
        var pieces = new List<string>();

        await foreach (string piece in new ReversingModel().GenerateAsync(new ByteTokenizer(), "hello", new() { Temperature = 0 }, Cancellation)) pieces.Add(piece);

        Assert.Equal(["o", "l", "l", "e", "h"], pieces);
    }

    [Fact]
    public void GenerateTokens_OfASource_EndWithTheModelsToken()
    {
        Assert.Equal([3, 2, 1], new ReversingModel().GenerateTokens([1, 2, 3], new() { Temperature = 0 }, Cancellation));
        Assert.Equal([3, 2, 1, 256, 256], new ReversingModel().GenerateTokens([1, 2, 3], new() { Temperature = 0, StopAtEndOfText = false, MaxNewTokens = 5 }, Cancellation));
        int[] late = [.. new ReversingModel().GenerateTokens([1, 2, 3], new() { Temperature = 0, MinNewTokens = 5, MaxNewTokens = 11 }, Cancellation)];
        Assert.Equal([3, 2, 1], late[..3]);
        Assert.Equal(5, late.Length);
        Assert.Equal("The source must hold at least one token. (Parameter 'source')",
            Assert.Throws<ArgumentException>(() => new ReversingModel().GenerateTokens([], cancellationToken: Cancellation)).Message);
    }
}
