using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class AnsweredQuestionsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void FromSquad_BothVersions_GivesQuestions()
    {
        AnsweredQuestions questions = AnsweredQuestions.FromSquad(folder.Write("a.json", """
            {"version": "v2.0", "data": [
              {"title": "One", "paragraphs": [{"context": "😀 Ada wrote programs.", "qas": [
                {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 2}, {"text": "Ada wrote", "answer_start": 2}], "is_impossible": false},
                {"id": "2", "question": "When?", "answers": [], "is_impossible": true, "plausible_answers": [{"text": "Ada", "answer_start": 2}]}]}]},
              {"title": "Two", "paragraphs": [{"context": "Bob slept.", "qas": [{"id": "3", "question": "Who?", "answers": [{"text": "Bob", "answer_start": 0}]}]}]}]}
            """));

        Assert.Equal(["1", "2", "3"], questions.Examples.Select(q => q.Id));
        Assert.Equal(["Ada", "Ada wrote"], questions.Examples[0].Answers.Select(a => questions.Examples[0].Context[a.Start..a.End]));
        Assert.Empty(questions.Examples[1].Answers);
        Assert.True(questions.HaveUnanswered);
        Assert.Equal(questions.Examples[0].Group, questions.Examples[1].Group);
        Assert.NotEqual(questions.Examples[0].Group, questions.Examples[2].Group);
    }

    [Theory]
    [InlineData("""{"data":[{"paragraphs":[{"context":"Bob slept.","qas":[{"id":"q7","question":"Who?","answers":[{"text":"Bob","answer_start":1}]}]}]}]}""",
        "the answer 'Bob' of the question 'q7' is not at character 1 of its context; it stands at 0. Correct answer_start, or leave the question out.")]
    [InlineData("""{"data":[{"paragraphs":[{"context":"Bob slept.","qas":[{"id":"q7","question":"Who?","answers":[{"text":"Ada","answer_start":0}]}]}]}]}""", "it does not occur in it")]
    [InlineData("""{"data":[{"paragraphs":[{"context":"Bob slept.","qas":[{"id":"q7","question":"Who?","answers":[{"text":"Bob","answer_start":99}]}]}]}]}""", "of the question 'q7' is not at character 99")]
    [InlineData("""{"data":[{"paragraphs":[{"context":"Bob slept.","qas":[{"question":"Who?"}]}]}]}""", "data[0].paragraphs[0].qas[0] has no \"id\"")]
    [InlineData("""{"data":[{"paragraphs":[{"qas":[]}]}]}""", "data[0].paragraphs[0] has no text \"context\"")]
    [InlineData("""{"data":[{"paragraphs":[{"context":"B","qas":[{"id":"x","question":"a","answers":[]},{"id":"x","question":"b","answers":[]}]}]}]}""", "has two questions with the id 'x'")]
    [InlineData("{\"data\":[{\"paragraphs\":[{\"context\":\"cut \\ud83d\",\"qas\":[]}]}]}", "has a text with an escape \\u that is half of a character beyond U+FFFF")]
    [InlineData("[1]", "its top level has no list \"data\"")]
    [InlineData("{\n\"data\": [}", "Line 2 of the file")]
    [InlineData("""{"data":[]}""", "holds no question")]
    public void FromSquad_BrokenFile_SaysWhere(string content, string message) =>
        Assert.Contains(message, Assert.Throws<CorpusException>(() => AnsweredQuestions.FromSquad(folder.Write("a.json", content))).Message);

    [Fact]
    public void Constructor_AnswerElsewhere_IsRefused() =>
        Assert.StartsWith("The answer 'b' of the question 'q' is not at place 0 of its context.", Assert.Throws<ArgumentException>(() =>
            new AnsweredQuestions([new() { Id = "q", Question = "?", Context = "ab", Answers = [new("b", 0)] }])).Message);

    [Fact]
    public void FromSdkDocumentation_Answers_AreTheDescriptionsOfParameters()
    {
        var documentation = new SdkDocumentation();

        AnsweredQuestions questions = AnsweredQuestions.FromSdkDocumentation(documentation);

        Assert.True(questions.Count > 5000, $"{questions.Count}");
        Assert.Distinct(questions.Examples.Select(q => q.Id));
        AnsweredQuestion example = questions.Examples.First(q => q.Id.EndsWith("#startIndex", StringComparison.Ordinal));
        SdkMember member = documentation.Members.Single(m => m.Id == example.Id[..^"#startIndex".Length]);
        Assert.Equal(member.Parameters.Single(p => p.Name == "startIndex").Text.Text, Assert.Single(example.Answers).Text);
        Assert.Equal(("What is startIndex?", member.ToPlainText()), (example.Question, example.Context));
        var (train, held) = questions.Split(0.1);
        Assert.Empty(train.Examples.Select(e => e.Group).Intersect(held!.Examples.Select(e => e.Group)));
    }
}
