using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Generation;
using PreTrain.Tests.Generation;
using PreTrain.Tests.Tokenization.Chat;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Tests.Evaluation;

[Collection(nameof(RunsAlone))]
public sealed class WritingScoresTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ChatTemplate.ChatMl, "<|im_end|>\n<|im_start|>user")]
    [InlineData(ChatTemplate.Zephyr, "</s>\n<|user|>")]
    public void Measure_TemplateThatEndsAnswersInItsOwnWay_EndsThemThere(string source, string behind)
    {
        TextTokenizer tokenizer = ChatFixture.Tokenizer;
        var model = new ScriptedModel(tokenizer.Encode("Yes" + behind), tokenizer.VocabSize);

        WritingScores scores = WritingScores.Measure(model, tokenizer, new ChatTemplate(source, tokenizer), new TextPairs([new("Is it?", "Yes")]), cancellationToken: Cancellation);

        Assert.Equal(["Yes"], scores.Predictions);
        Assert.Equal(1, scores.ExactMatch);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 1)]
    [InlineData(100, 0)]
    public void Measure_PromptThatLeavesNoRoomForTheAnswer_IsCounted(int room, int cut)
    {
        TextTokenizer tokenizer = ChatFixture.Tokenizer;
        var template = new ChatTemplate(ChatTemplate.ChatMl, tokenizer);
        int prompt = tokenizer.Encode(template.Render([new(ChatMessage.User, "Is it?")], addGenerationPrompt: true)).Length;
        var model = new ScriptedModel(tokenizer.Encode("Yes<|im_end|>"), tokenizer.VocabSize, prompt + room);

        WritingScores scores = WritingScores.Measure(model, tokenizer, template, new TextPairs([new("Is it?", "Yes")]), cancellationToken: Cancellation);

        Assert.Equal(cut, scores.CutSources);
    }

    [Fact]
    public void Measure_SourcesBeyondTheContext_AreCut()
    {
        var pairs = new TextPairs([new("abcdefghi", "cba"), new("xy", "yx")]);
        var model = new ReversingModel(contextLength: 5);
        var options = new WritingScoreOptions { BatchSize = 1, Generation = new() { Temperature = 0, MaxNewTokens = 9 } };

        WritingScores scores = WritingScores.Measure(model, new ByteTokenizer(), pairs, options, Cancellation);
        Assert.Equal(["edcba", "yx"], scores.Predictions);
        Assert.Equal(1, scores.CutSources);
        Assert.Equal(["cba", "yx"], WritingScores.Measure(model, new ByteTokenizer(), pairs, options with { MaxSourceLength = 3 }, Cancellation).Predictions);

        Assert.Equal([5, 2, 3, 2], model.Widths);
        foreach (int length in new[] { 1, 6 })
        {
            Assert.StartsWith($"MaxSourceLength ({length}) must be at least 2 and at most the model's context (5).",
                Assert.Throws<ArgumentException>(() => WritingScores.Measure(model, new ByteTokenizer(), pairs, options with { MaxSourceLength = length }, Cancellation)).Message, StringComparison.Ordinal);
        }
    }
}
