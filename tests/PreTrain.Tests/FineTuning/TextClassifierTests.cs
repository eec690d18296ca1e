using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

[Collection(nameof(RunsAlone))]
public sealed class TextClassifierTests
{
    private static readonly LabelSet s_labels = new(["no", "yes", "maybe"]);
    private static readonly string[] s_texts = [.. MaskingFixture.Documents[..7].Select((text, i) => text[..(20 + 9 * i)])];

    [Fact]
    public void Predict_Stopped_Ends()
    {
        using var classifier = new TextClassifier(Model(ClassificationTask.SingleLabel), MaskingFixture.WordPiece);
        Assert.Throws<OperationCanceledException>(() => classifier.Predict(s_texts, cancellationToken: new CancellationToken(true)));
        LabelledTexts texts = new([.. s_texts.Select(text => new LabelledText { Text = text, Labels = [0] })], s_labels);
        Assert.Throws<OperationCanceledException>(() => classifier.Evaluate(texts, cancellationToken: new CancellationToken(true)));
    }

    [Theory]
    [InlineData(ClassificationTask.SingleLabel)]
    [InlineData(ClassificationTask.MultiLabel)]
    [InlineData(ClassificationTask.Regression)]
    public void Predict_AnyTask_IsWhatTheScoresSay_AfterSavingToo(ClassificationTask task)
    {
        using var folder = new TemporaryFolder();
        using var classifier = new TextClassifier(Model(task), MaskingFixture.WordPiece);
        classifier.SavePretrained(folder.Root);
        using TextClassifier loaded = TextClassifier.FromPretrained(folder.Root);
        Assert.Equal(task, loaded.Task);
        if (task != ClassificationTask.Regression) Assert.Equal(s_labels, loaded.Labels);

        IReadOnlyList<ClassifiedText> said = loaded.Predict(s_texts, batchSize: 3, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(s_texts.Length, said.Count);
        for (int i = 0; i < s_texts.Length; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable mode = no_grad();
            long[] ids = [.. MaskingFixture.WordPiece.Tokenize(s_texts[i]).Ids.ToArray().Select(id => (long)id)];
            ((nn.Module)classifier.Model).eval();
            double[] z = Doubles(classifier.Model.Forward(new() { Ids = tensor(ids, [1, ids.Length]) }).Logits);
            double sum = z.Sum(Math.Exp);
            switch (task)
            {
                case ClassificationTask.SingleLabel:
                    Assert.Equal(z.Select(v => Math.Exp(v) / sum), said[i].Probabilities, (a, b) => Math.Abs(a - b) < 1e-5);
                    Assert.Equal([s_labels[Array.IndexOf(z, z.Max())]], said[i].Labels);
                    break;
                case ClassificationTask.MultiLabel:
                    Assert.Equal(z.Select(v => 1 / (1 + Math.Exp(-v))), said[i].Probabilities, (a, b) => Math.Abs(a - b) < 1e-5);
                    Assert.Equal(s_labels.Names.Where((_, l) => z[l] >= 0), said[i].Labels);
                    break;
                default:
                    Assert.Equal(z[0], said[i].Value!.Value, 1e-5);
                    break;
            }
        }
    }

    [Fact]
    public void Evaluate_EachTask_IsCountedByHand()
    {
        foreach (ClassificationTask task in Enum.GetValues<ClassificationTask>())
        {
            using var classifier = new TextClassifier(Model(task), MaskingFixture.WordPiece);
            IReadOnlyList<ClassifiedText> said = classifier.Predict(s_texts, cancellationToken: TestContext.Current.CancellationToken);
            LabelledText[] examples = [.. s_texts.Select((text, i) => new LabelledText { Text = text, Labels = task switch { ClassificationTask.SingleLabel => [i % 3], ClassificationTask.MultiLabel => [.. Enumerable.Range(0, i % 3)], _ => [] }, Value = task == ClassificationTask.Regression ? i : 0 })];

            IReadOnlyDictionary<string, double> scores = classifier.Evaluate(new(examples, task == ClassificationTask.Regression ? null : s_labels, task), cancellationToken: TestContext.Current.CancellationToken);

            switch (task)
            {
                case ClassificationTask.SingleLabel:
                    Assert.Equal(said.Where((s, i) => s.Labels[0] == s_labels[i % 3]).Count() / 7.0, scores["accuracy"], 1e-12);
                    break;
                case ClassificationTask.MultiLabel:
                    int right = said.Select((s, i) => s.Labels.Count(label => s_labels.Find(label) < i % 3)).Sum();
                    Assert.Equal((double)right / Math.Max(1, said.Sum(s => s.Labels.Count)), scores["microPrecision"], 1e-12);
                    Assert.Equal((double)right / Enumerable.Range(0, 7).Sum(i => i % 3), scores["microRecall"], 1e-12);
                    Assert.Equal(said.Where((s, i) => s.Labels.SequenceEqual(s_labels.Names.Take(i % 3))).Count() / 7.0, scores["exactMatch"], 1e-12);
                    break;
                default:
                    Assert.Equal(said.Select((s, i) => (s.Value!.Value - i) * (s.Value!.Value - i)).Average(), scores["meanSquaredError"], 1e-9);
                    Assert.Equal(said.Select((s, i) => Math.Abs(s.Value!.Value - i)).Average(), scores["meanAbsoluteError"], 1e-9);
                    break;
            }
        }
    }

    [Fact]
    public void New_RowsOfSpecialTokensAlone_AreRefused()
    {
        using BertModel model = Model(ClassificationTask.SingleLabel);
        Assert.StartsWith("ContextLength (2) leaves no room for a text beside the 2 special tokens of a row; it must be larger.", Assert.Throws<ArgumentException>(() => new TextClassifier(model, MaskingFixture.WordPiece, contextLength: 2)).Message);
        _ = new TextClassifier(model, MaskingFixture.WordPiece, contextLength: 3);
    }

    [Fact]
    public void Predict_TextWithoutTokens_IsNamed()
    {
        TextTokenizer tokenizer = ByteLevelBpeTokenizer.Train(["a b c"], new() { VocabSize = 260 }, cancellation: TestContext.Current.CancellationToken);
        using var model = new GptModel(Tiny.Even with { VocabSize = tokenizer.VocabSize, LabelCount = 3 }, ModelHead.SequenceClassification);
        using var classifier = new TextClassifier(model, tokenizer);
        Assert.StartsWith("Text 1 ('') has no token; leave it out.", Assert.Throws<ArgumentException>(() => classifier.Predict(["a b", ""], cancellationToken: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void Predict_WeightsThatAreNotFinite_SaysSo()
    {
        BertModel model = Model(ClassificationTask.SingleLabel);
        using var classifier = new TextClassifier(model, MaskingFixture.WordPiece);
        using (no_grad()) model.get_parameter("classifier.bias")!.fill_(float.NaN);
        Assert.StartsWith("What the model says is not finite", Assert.Throws<NotFiniteNumberException>(() => classifier.Predict(["a"])).Message);
    }

    [Fact]
    public void Evaluate_OtherLabelsOrTask_IsRefused()
    {
        using var classifier = new TextClassifier(Model(ClassificationTask.SingleLabel), MaskingFixture.WordPiece);
        Assert.StartsWith("The labels of the texts (yes, no, maybe) are not those of the classifier (no, yes, maybe), in their order.",
            Assert.Throws<ArgumentException>(() => classifier.Evaluate(new([new() { Text = "a", Labels = [0] }], new(["yes", "no", "maybe"])), cancellationToken: TestContext.Current.CancellationToken)).Message);
        Assert.StartsWith("The texts are labelled for MultiLabel, and the classifier is for SingleLabel.",
            Assert.Throws<ArgumentException>(() => classifier.Evaluate(new([new() { Text = "a", Labels = [0] }], s_labels, ClassificationTask.MultiLabel), cancellationToken: TestContext.Current.CancellationToken)).Message);
        Assert.StartsWith("There are 2 texts, but 1 second ones; give as many.", Assert.Throws<ArgumentException>(() => classifier.Predict(["a", "b"], ["c"], cancellationToken: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void Evaluate_ModelWithoutNames_TakesAsManyOfAnyNames()
    {
        using var generator = new Generator(3);
        using var classifier = new TextClassifier(new BertModel(Config(3), ModelHead.SequenceClassification, generator), MaskingFixture.WordPiece);
        LabelledTexts Texts(params string[] names) => new([.. s_texts.Select((text, i) => new LabelledText { Text = text, Labels = [i % names.Length] })], new(names));

        double accuracy = classifier.Evaluate(Texts("no", "yes", "maybe"), cancellationToken: TestContext.Current.CancellationToken)["accuracy"];

        Assert.Equal(classifier.Evaluate(Texts("LABEL_0", "LABEL_1", "LABEL_2"), cancellationToken: TestContext.Current.CancellationToken)["accuracy"], accuracy);
        Assert.StartsWith("The labels of the texts (no, yes) are not those", Assert.Throws<ArgumentException>(() => classifier.Evaluate(Texts("no", "yes"), cancellationToken: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void FromPretrained_FolderWithoutATrainedHead_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using (var model = new BertModel(Config(3), ModelHead.MaskedLanguageModel)) model.SavePretrained(folder.Root);
        MaskingFixture.WordPiece.Save(folder.Root);
        Assert.Contains("it was saved with the head MaskedLanguageModel, and SequenceClassification is needed. Fine-tune it first.", Assert.Throws<CheckpointException>(() => TextClassifier.FromPretrained(folder.Root)).Message);
        Assert.Contains("TokenClassification is needed", Assert.Throws<CheckpointException>(() => NameFinder.FromPretrained(folder.Root)).Message);
        Assert.Contains("QuestionAnswering is needed", Assert.Throws<CheckpointException>(() => AnswerFinder.FromPretrained(folder.Root)).Message);
    }

    private static BertConfig Config(int labels) => new() { VocabSize = MaskingFixture.WordPiece.VocabSize, ContextLength = 61, LayerCount = 2, HeadCount = 2, EmbeddingDim = 12, FeedForwardDim = 19, InitializerRange = 0.5, LabelCount = labels };

    private static BertModel Model(ClassificationTask task)
    {
        using var generator = new Generator(3);
        bool isNumber = task == ClassificationTask.Regression;
        return new(Config(isNumber ? 1 : 3) with { Labels = isNumber ? null : s_labels, Task = task }, ModelHead.SequenceClassification, generator);
    }
}
