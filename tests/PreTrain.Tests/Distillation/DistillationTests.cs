using System.Text.Json.Nodes;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Distillation;

[Collection(DefaultGenerator.Name)]
public sealed class DistillationTests : IDisposable
{
    private const int VocabSize = 31;
    private static readonly BertConfig s_bert = new() { VocabSize = VocabSize, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.3 };
    private static readonly DistillationOptions s_all = new() { Temperature = 1.7, Alpha = 0.3, HiddenWeight = 0.7, AttentionWeight = 1.3, RelationWeight = 0.6, ValueRelationWeight = 0.8, CosineWeight = 0.9 };

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    /// <summary>A loss by what the models themselves compute; batches come from the tests.</summary>
    internal sealed class Plain<TModel>(bool isTokenPrediction = true) : IObjective<TModel> where TModel : class
    {
        public string Name => "plain";

        public bool IsTokenPrediction => isTokenPrediction;

        public JsonObject Describe() => new() { ["objective"] = Name };

        public IBatchSource Open(RandomStreams streams, TModel model, int batchSize, JsonObject? state = null) => throw new NotSupportedException();

        public IEnumerable<Batch> Evaluation(TModel model, int batchSize) => [];

        public Tensor Loss(TModel model, Batch batch, double normalizer)
        {
            var (input, targets) = BatchTensors.Of(batch, CPU);
            return model switch
            {
                ISequenceToSequenceModel decoder => decoder.Loss(input, targets, normalizer),
                IMaskedLanguageModel masked => masked.Loss(input, targets, normalizer),
                ICausalLanguageModel causal => causal.Loss(input, targets, normalizer),
                _ => throw new NotSupportedException(),
            };
        }
    }

    /// <summary>Rows of different lengths, some of whose tokens have targets.</summary>
    internal static Batch Tokens(bool hasDecoder = false, int rows = 3)
    {
        const int Length = 7;
        int targets = hasDecoder ? 5 : Length;
        var random = new Random(5);
        var batch = new Batch
        {
            Inputs = [.. Enumerable.Range(0, rows * Length).Select(_ => (long)random.Next(VocabSize))],
            AttentionMask = [.. Enumerable.Range(0, rows * Length).Select(i => i % Length < Length - i / Length ? 1L : 0L)],
            Targets = [.. Enumerable.Range(0, rows * targets).Select(i => i % targets < targets - i / targets - 1 && random.Next(3) > 0 ? (long)random.Next(VocabSize) : CrossEntropy.Ignored)],
            Rows = rows,
            Length = Length,
            ValidTargets = 0,
        };
        return batch with { ValidTargets = batch.Targets.LongCount(target => target != CrossEntropy.Ignored) };
    }

    internal static nn.Module Create(string family, ulong seed = 3, int layers = 2)
    {
        using var generator = new Generator(seed);
        return family switch
        {
            "bert" => new BertModel(s_bert with { LayerCount = layers }, generator: generator),
            "gpt" => new GptModel(new GptConfig { VocabSize = VocabSize, ContextLength = 13, LayerCount = layers, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, InitializerRange = 0.3, Dropout = 0 }, generator: generator),
            "t5" => new T5Model(new T5Config { VocabSize = VocabSize, LayerCount = layers, HeadCount = 3, EmbeddingDim = 15, HeadDim = 4, FeedForwardDim = 23, Dropout = 0 }, generator: generator),
            _ => new BartModel(new BartConfig { VocabSize = VocabSize, ContextLength = 13, LayerCount = layers, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.3 }, generator: generator),
        };
    }

    private static double Loss(nn.Module student, nn.Module teacher, DistillationOptions options, Batch batch, double normalizer, bool isTokenPrediction = true) =>
        new Distillation<nn.Module>((ITransformerModel)teacher, new Plain<nn.Module>(isTokenPrediction), options).Loss(student, batch, normalizer).item<float>();

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Check_StudentThatDoesNotFit_IsToldWithoutABatch(string family)
    {
        using nn.Module student = Create(family, layers: 1), teacher = Create(family, 4), deeper = Create(family, layers: 3);
        using ITransformerModel narrow = StudentInitializer.Create((ITransformerModel)teacher, new() { EmbeddingDim = 12 }), many = StudentInitializer.Create((ITransformerModel)teacher, new() { HeadCount = 5 });

        s_all.Check((ITransformerModel)student, [(ITransformerModel)teacher]);
        new DistillationOptions().Check(narrow, [(ITransformerModel)teacher, many]);

        Assert.True(student.training && teacher.training);
        Refused("have 12 features and the teacher's 15", narrow, new() { HiddenWeight = 1 });
        Refused("have 12 features and the teacher's 15", narrow, new() { CosineWeight = 1 });
        Refused("has 5 heads and the teacher's 3", many, new() { AttentionWeight = 1 });
        Refused("has 5 heads and the teacher's 3", many, new() { ValueRelationWeight = 1 });
        Refused("A student of 3 layers cannot follow a teacher of 2 by itself", (ITransformerModel)deeper, new() { HiddenWeight = 1 });
        Refused("LayerMap names the layer 2; the teacher's are 0 to 1.", (ITransformerModel)student, new() { HiddenWeight = 1, LayerMap = [2] });
        Refused("Alpha (2) must be from 0 to 1.", (ITransformerModel)student, new() { Alpha = 2 });

        void Refused(string message, ITransformerModel model, DistillationOptions options) => Assert.Contains(message, Assert.Throws<ArgumentException>(() => options.Check(model, [(ITransformerModel)teacher])).Message);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Loss_AlphaOne_IsThatOfTheOtherObjective(string family)
    {
        using nn.Module student = Create(family), teacher = Create(family, 4);
        Batch batch = Tokens(family is "t5" or "bart");

        double fromScores = Loss(student, teacher, new() { Alpha = 1 }, batch, 19), fromInner = Loss(student, teacher, new() { Alpha = 1 }, batch, 19, isTokenPrediction: false);

        double expected = new Plain<nn.Module>().Loss(student, batch, 19).item<float>();
        Assert.True(expected > 0.5);
        Assert.Equal(expected, fromScores, 1e-5 * expected);
        Assert.Equal(expected, fromInner, 1e-6 * expected);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Loss_StudentEqualToTheTeacher_IsZero(string family)
    {
        using nn.Module student = Create(family), teacher = Create(family), other = Create(family, 4);
        Batch batch = Tokens(family is "t5" or "bart");

        foreach (DistillationDivergence divergence in Enum.GetValues<DistillationDivergence>())
        {
            DistillationOptions soft = new() { Alpha = 0, Divergence = divergence };
            Assert.Equal(0, Loss(student, teacher, soft, batch, batch.ValidTargets), 1e-5);
            Assert.True(Loss(other, teacher, soft, batch, batch.ValidTargets) > 0.05);
        }
        Assert.Equal(0, Loss(student, teacher, s_all with { Alpha = 0 }, batch, batch.ValidTargets), 1e-5);
        foreach (DistillationOptions one in new DistillationOptions[] { new() { HiddenWeight = 1 }, new() { AttentionWeight = 1 }, new() { RelationWeight = 1 }, new() { ValueRelationWeight = 1 }, new() { CosineWeight = 1 } })
            Assert.True(Loss(other, teacher, one with { Alpha = 0 }, batch, batch.ValidTargets) > Loss(other, teacher, new() { Alpha = 0 }, batch, batch.ValidTargets) + 1e-4, $"{one}");
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Loss_Pieces_SumToThatOfTheBatch(string family)
    {
        using nn.Module student = Create(family), teacher = Create(family, 4, layers: 3);
        Batch batch = Tokens(family is "t5" or "bart");

        double whole = Loss(student, teacher, s_all, batch, 29), pieces = batch.Split(1).Sum(piece => Loss(student, teacher, s_all, piece, 29));

        Assert.Equal(whole, pieces, 1e-5 * whole);
    }

    [Fact]
    public void Loss_EveryTerm_IsTheSumOfTheFormulas()
    {
        using var student = (BertModel)Create("bert");
        using var teacher = (BertModel)Create("bert", 4, layers: 5);
        Batch batch = Tokens();
        (ModelInput input, Tensor targets) = BatchTensors.Of(batch, CPU);
        DistillationOptions options = s_all with { LayerMap = [2, 3] };

        double actual = Loss(student, teacher, options, batch, 29);

        input = input with { WantHiddenStates = true, WantAttentions = true, WantValues = true };
        ModelOutput own = student.Forward(input), theirs = teacher.Forward(input);
        const int T = 7, C = 15, H = 3;
        double tokens = batch.AttentionMask!.Sum(), each = batch.ValidTargets / (tokens * 29), layers = 0, hard = 0, soft = 0;
        for (int i = 0; i < 3 * T; i++)
        {
            double[] At(Tensor t, int width) => Doubles(t)[(i * width)..((i + 1) * width)];
            if (batch.AttentionMask![i] == 1)
            {
                foreach (var (mine, followed) in new[] { (0, 0), (1, 3), (2, 4) })
                    layers += 0.7 * each * At(own.HiddenStates![mine], C).Zip(At(theirs.HiddenStates![followed], C), (a, b) => (a - b) * (a - b)).Sum() / C;
                double[] a = At(own.HiddenStates![2], C), b = At(theirs.HiddenStates![5], C);
                layers += 0.9 * each * (1 - a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(x => x * x)));
                int row = i / T, t = i % T, length = T - row;
                for (int h = 0; h < H; h++)
                {
                    int first = ((row * H + h) * T + t) * T;
                    foreach (var (mine, followed) in new[] { (0, 2), (1, 3) })
                        layers += 1.3 * each * Doubles(own.Attentions![mine])[first..(first + length)].Zip(Doubles(theirs.Attentions![followed])[first..(first + length)], (x, y) => (x - y) * (x - y)).Sum() / (H * length);
                    layers += 0.6 * each * Doubles(theirs.Attentions![4])[first..(first + length)].Zip(Doubles(own.Attentions![1])[first..(first + length)], (p, q) => p * Math.Log(p / q)).Sum() / H;
                    layers += 0.8 * each * Alike(theirs.Values![4], row, h, t, length).Zip(Alike(own.Values![1], row, h, t, length), (p, q) => p * Math.Log(p / q)).Sum() / H;
                }
            }
            if (batch.Targets[i] == CrossEntropy.Ignored) continue;
            double[] Logs(double[] scores, double temperature) => [.. scores.Select(s => s / temperature - Math.Log(scores.Sum(x => Math.Exp(x / temperature))))];
            double[] mineScores = At(own.Logits, VocabSize), theirScores = At(theirs.Logits, VocabSize);
            hard -= Logs(mineScores, 1)[batch.Targets[i]] / 29;
            soft += 1.7 * 1.7 * Logs(theirScores, 1.7).Zip(Logs(mineScores, 1.7), (p, q) => Math.Exp(p) * (p - q)).Sum() / 29;
        }
        Assert.Equal(0.3 * hard + 0.7 * soft + layers, actual, 2e-5 * actual);

        static double[] Alike(Tensor values, int row, int head, int token, int length)
        {
            double[] all = Doubles(values);
            int width = (int)values.size(3);
            double[] Of(int t) => all[(((row * H + head) * T + t) * width)..(((row * H + head) * T + t + 1) * width)];
            double[] powers = [.. Enumerable.Range(0, length).Select(s => Math.Exp(Of(token).Zip(Of(s), (a, b) => a * b).Sum() / Math.Sqrt(width)))];
            return [.. powers.Select(power => power / powers.Sum())];
        }
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Loss_SeveralTeachers_IsOfTheWeightedMeanOfTheirProbabilities(string family)
    {
        using nn.Module student = Create(family), one = Create(family, 4, layers: 3), two = Create(family, 5);
        Batch batch = Tokens(family is "t5" or "bart");
        const double T = 1.7;
        var objective = new Distillation<nn.Module>([new((ITransformerModel)one) { Weight = 3 }, new((ITransformerModel)two) { Weight = 1 }], new Plain<nn.Module>(), new() { Alpha = 0, Temperature = T });

        double actual = objective.Loss(student, batch, 29).item<float>();

        var (input, targets) = BatchTensors.Of(batch, CPU);
        if (student is ISequenceToSequenceModel decoder) input = DecoderInputs.Of(input, targets, decoder.DecoderStartId, decoder.PaddingId);
        double[][] Rows(nn.Module model) => [.. Doubles(((ITransformerModel)model).Forward(input).Logits.flatten(0, 1)).Chunk(VocabSize)];
        double[] Softmax(double[] scores)
        {
            double[] powers = [.. scores.Select(score => Math.Exp(score / T))];
            return [.. powers.Select(power => power / powers.Sum())];
        }
        double expected = 0;
        var (own, first, second) = (Rows(student), Rows(one), Rows(two));
        for (int i = 0; i < batch.Targets.Length; i++)
        {
            if (batch.Targets[i] == CrossEntropy.Ignored) continue;
            double[] q = Softmax(own[i]), a = Softmax(first[i]), b = Softmax(second[i]);
            for (int v = 0; v < VocabSize; v++)
            {
                double p = 0.75 * a[v] + 0.25 * b[v];
                expected += T * T * p * Math.Log(p / q[v]) / 29;
            }
        }
        Assert.Equal(expected, actual, 2e-5 * expected);
    }

    [Fact]
    public void Constructor_TeachersThatDoNotGoTogether_SaysWhy()
    {
        using nn.Module one = Create("bert"), two = Create("bert", 4);
        Distillation<nn.Module> Make(Teacher[] teachers, DistillationOptions? options = null) => new(teachers, new Plain<nn.Module>(), options);
        Teacher first = new((ITransformerModel)one), second = new((ITransformerModel)two);
        Assert.Contains("at least one teacher", Assert.Throws<ArgumentException>(() => Make([])).Message);
        Assert.Contains("Weight (0) must be a positive number", Assert.Throws<ArgumentException>(() => Make([first, second with { Weight = 0 }])).Message);
        Assert.Contains("one teacher only, and there are 2", Assert.Throws<ArgumentException>(() => Make([first, second], new() { ValueRelationWeight = 1 })).Message);
    }

    [Fact]
    public void Loss_PaddingInFrontOfTheTokens_IsThatOfPaddingBehindThem()
    {
        using nn.Module student = Create("gpt"), teacher = Create("gpt", 4);
        Batch behind = Tokens();
        long[] Turned(long[] values) => [.. Enumerable.Range(0, 3).SelectMany(row => values[(row * 7)..(row * 7 + 7)].Skip(7 - row).Concat(values[(row * 7)..(row * 7 + 7)].Take(7 - row)))];
        Batch before = behind with { Inputs = Turned(behind.Inputs), AttentionMask = Turned(behind.AttentionMask!), Targets = Turned(behind.Targets) };
        Assert.Equal([0L, 0, 1, 1, 1, 1, 1], before.AttentionMask![14..]);
        DistillationOptions options = s_all with { Alpha = 0, HiddenWeight = 0, CosineWeight = 0 };
        double expected = Loss(student, teacher, options, behind, 19);
        Assert.Equal(expected, Loss(student, teacher, options, before, 19), 1e-5 * expected);
    }

    [Fact]
    public void Loss_WithoutGradient_IsThatOfTheOtherObjective()
    {
        using nn.Module student = Create("bert"), teacher = Create("bert", 4);
        using IDisposable mode = no_grad();
        Assert.Equal(new Plain<nn.Module>().Loss(student, Tokens(), 19).item<float>(), Loss(student, teacher, s_all, Tokens(), 19));
    }

    [Fact]
    public void Backward_Loss_LeavesTheTeacherAlone()
    {
        using nn.Module student = Create("bert"), teacher = Create("bert", 4);
        new Distillation<nn.Module>((ITransformerModel)teacher, new Plain<nn.Module>(), s_all).Loss(student, Tokens(), 19).backward();
        Assert.All(teacher.named_parameters(), p => Assert.Null(p.parameter.grad));
        Assert.Contains(student.named_parameters(), p => p.parameter.grad is { } grad && grad.abs().max().item<float>() > 1e-3);
    }

    [Fact]
    public void Loss_ModelsThatDoNotFit_SaysWhatDiffers()
    {
        using var teacher = (BertModel)Create("bert");
        using var narrow = new BertModel(s_bert with { EmbeddingDim = 12 });
        using var heads = new BertModel(s_bert with { HeadCount = 5 });
        using var words = new BertModel(s_bert with { VocabSize = 37 });
        Assert.Contains("have 12 features and the teacher's 15", Assert.Throws<ArgumentException>(() => Loss(narrow, teacher, s_all with { AttentionWeight = 0, RelationWeight = 0, ValueRelationWeight = 0 }, Tokens(), 19)).Message);
        Assert.Contains("has 5 heads and the teacher's 3", Assert.Throws<ArgumentException>(() => Loss(heads, teacher, s_all, Tokens(), 19)).Message);
        Assert.Contains("scores 37 tokens and the teacher 31", Assert.Throws<ArgumentException>(() => Loss(words, teacher, new(), Tokens(), 19)).Message);
        Assert.Contains("names the layer 2; the teacher's are 0 to 1", Assert.Throws<ArgumentException>(() => Loss(teacher, teacher, s_all with { LayerMap = [0, 2] }, Tokens(), 19)).Message);
        Assert.Contains("names 1 layers", Assert.Throws<ArgumentException>(() => Loss(teacher, teacher, s_all with { LayerMap = [0] }, Tokens(), 19)).Message);
        var objective = new Distillation<nn.Module>(teacher, new Plain<nn.Module>());
        Assert.Contains("vocabulary of 37", Assert.Throws<ArgumentException>(() => objective.Open(new(1), words, 3)).Message);
        string message = Assert.Throws<ArgumentException>(() => new Distillation<nn.Module>(teacher, new Plain<nn.Module>(), new() { Temperature = 0, Alpha = 1.5, CosineWeight = -1 })).Message;
        Assert.Contains("Temperature (0) must be positive. Alpha (1.5) must be from 0 to 1. CosineWeight (-1) must be a number from 0.", message);
    }

    [Theory]
    [InlineData(ModelHead.QuestionAnswering)]
    [InlineData(ModelHead.NextSentence)]
    [InlineData(ModelHead.None)]
    public void Open_HeadThatPredictsNeitherTokensNorClasses_IsRefused(ModelHead head)
    {
        using BertModel student = new(s_bert, head), teacher = new(s_bert, head);
        var objective = new Distillation<nn.Module>(teacher, new Plain<nn.Module>(), new() { HiddenWeight = 1 });
        Assert.Contains($"The student has the head {head}; what is learned from a teacher are tokens and the classes", Assert.Throws<ArgumentException>(() => objective.Open(new(1), student, 3)).Message);
    }

    [Fact]
    public void Loss_TargetsThatAreNoneOfTheRows_IsRefused()
    {
        using nn.Module bert = Create("bert"), gpt = Create("gpt");
        Batch batch = Tokens() with { Targets = [1, 2, 0, 3, 2, 4], ValidTargets = 6 };   // where answers begin and end
        foreach (DistillationOptions options in new DistillationOptions[] { new(), new() { HiddenWeight = 1 } })
            Assert.Contains("gives 7 rows of scores for each sequence, and the batch has 2 targets", Assert.Throws<ArgumentException>(() => Loss(bert, bert, options, batch, 6)).Message);
        Assert.Contains("A gpt2 model with the head CausalLanguageModel gives 7 rows", Assert.Throws<ArgumentException>(() => Loss(gpt, gpt, new(), batch, 6)).Message);
    }

    [Fact]
    public void Loss_LastLayersAlone_NeedsNoPairsOfLayers()
    {
        using nn.Module deep = Create("bert", layers: 3), teacher = Create("bert", 4);
        Assert.True(Loss(deep, teacher, new() { CosineWeight = 1, RelationWeight = 1, ValueRelationWeight = 1 }, Tokens(), 19) > 0);
        Assert.Contains("A student of 3 layers cannot follow a teacher of 2 by itself", Assert.Throws<ArgumentException>(() => Loss(deep, teacher, new() { AttentionWeight = 1 }, Tokens(), 19)).Message);
        string message = Assert.Throws<ArgumentException>(new DistillationOptions { CosineWeight = 1, RelationWeight = 1, LayerMap = [0, 1] }.Validate).Message;
        Assert.Contains("LayerMap (0, 1) belongs to HiddenWeight and AttentionWeight, which are both 0; leave it out.", message);
    }

    [Fact]
    public void Loss_ClassifierWithADecoder_IsThatOfBothStacks()
    {
        var config = new BartConfig { VocabSize = VocabSize, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.3, LabelCount = 4 };
        using var generator = new Generator(3);
        using BartModel student = new(config, ModelHead.SequenceClassification, generator), teacher = new(config, ModelHead.SequenceClassification, generator);
        Batch batch = Tokens() with { Targets = [0, 3, 1], ValidTargets = 3 };
        for (int row = 0; row < 3; row++) batch.Inputs[row * 7 + 3] = config.EndId!.Value;

        double plain = Loss(student, teacher, new() { Alpha = 0 }, batch, 5), hidden = Loss(student, teacher, new() { Alpha = 0, HiddenWeight = 0.7 }, batch, 5), attention = Loss(student, teacher, new() { Alpha = 0, AttentionWeight = 1.3 }, batch, 5);

        ModelInput input = BatchTensors.Of(batch, CPU).Input with { WantHiddenStates = true, WantAttentions = true };
        ModelOutput own = student.Forward(input), theirs = teacher.Forward(input);
        double each = 3 / (batch.AttentionMask!.Sum() * 5.0);
        Tensor present = tensor(batch.AttentionMask!, [3, 7]);   // (B, T)
        double Of(IReadOnlyList<Tensor> a, IReadOnlyList<Tensor> b, Func<Tensor, Tensor, Tensor> perToken) => a.Zip(b, (x, y) => (perToken(x, y) * present).sum().item<float>()).Sum() * each;
        Tensor Errors(Tensor a, Tensor b) => (a - b).pow(2).mean([-1]);
        Tensor Turns(Tensor a, Tensor b) => (a - b).pow(2).sum([-1]).mean([1]) / present.sum([1], keepdim: true);
        double expectedHidden = 0.7 * (Of(own.HiddenStates!, theirs.HiddenStates!, Errors) + Of(own.EncoderHiddenStates!, theirs.EncoderHiddenStates!, Errors));
        double expectedAttention = 1.3 * (Of(own.Attentions!, theirs.Attentions!, Turns) + Of(own.EncoderAttentions!, theirs.EncoderAttentions!, Turns));
        Assert.True(expectedHidden > 0.1 && expectedAttention > 1e-4);
        Assert.Equal(expectedHidden, hidden - plain, 1e-4 * expectedHidden);
        Assert.Equal(expectedAttention, attention - plain, 1e-2 * expectedAttention);
    }

    [Fact]
    public void Run_ResumedWithAnotherTeacher_IsRefused()
    {
        using GptModel teacher = Tiny.Model(Tiny.Even), other = Tiny.Model(Tiny.Even, 4);
        void Train(GptModel of, int steps)
        {
            using GptModel student = Tiny.Model(Tiny.Even with { LayerCount = 1 }, 5);
            new Trainer(Tiny.Options(_folder.File("run"), steps) with { Resume = steps > 2 }).Run(student, new Distillation<ICausalLanguageModel>(of, new RowsObjective()), TestContext.Current.CancellationToken);
        }
        Train(teacher, 2);
        Assert.Contains("teachers", Assert.Throws<ArgumentException>(() => Train(other, 4)).Message);
        Train(teacher, 4);
    }

    [Fact]
    public void Run_StudentOfATrainedTeacher_ComesNearerToItThanWithout()
    {
        GptConfig config = Tiny.Even with { Dropout = 0 };
        var rows = new RowsObjective();
        using GptModel teacher = Tiny.Model(config), alone = Tiny.Model(config with { LayerCount = 1 }, 5), taught = Tiny.Model(config with { LayerCount = 1 }, 5);
        Tiny.Train(teacher, rows, Tiny.Options(_folder.File("teacher"), 60));
        TrainingOptions options = Tiny.Options(_folder.File("alone"), 80);
        TrainingResult without = Tiny.Train(alone, new RowsObjective(), options);
        TrainingResult with = new Trainer(options with { Output = _folder.File("taught") }).Run(taught,
            new Distillation<ICausalLanguageModel>(teacher, new RowsObjective(), new() { Alpha = 0, Temperature = 1 }), TestContext.Current.CancellationToken);

        double Distance(GptModel student)
        {
            using IDisposable mode = no_grad();
            return rows.Evaluation(student, 7).Average(batch =>
            {
                Tensor ids = tensor(batch.Inputs, [batch.Rows, batch.Length]);
                return DistillationLosses.Soft(student.Logits(ids), DistillationLosses.Logs(teacher.Logits(ids), 1), 1, DistillationDivergence.ForwardKl).mean().item<float>();
            });
        }
        using GptModel untrained = Tiny.Model(config with { LayerCount = 1 }, 5);
        (double start, double own, double near) = (Distance(untrained), Distance(alone), Distance(taught));
        Assert.True(near < own / 2 && near < start / 10, $"The divergence from the teacher was {start}, is {own} without it and {near} with it (losses {without.TrainLoss}, {with.TrainLoss}).");
    }

    [Fact]
    public void Run_ProjectedStudent_LearnsTheHiddenStatesAndResumesBitForBit()
    {
        using GptModel teacher = Tiny.Model(Tiny.Even);
        GptConfig narrow = Tiny.Even with { LayerCount = 1, EmbeddingDim = 22 };
        var options = new DistillationOptions { Alpha = 0.5, HiddenWeight = 10, CosineWeight = 1 };
        double Train(string output, int steps, bool resume = false)
        {
            using var generator = new Generator(7);
            using var student = new ProjectedStudent<GptModel>(Tiny.Model(narrow, 5), teacher, generator);
            var objective = new ProjectedDistillation<GptModel>(new Distillation<GptModel>(teacher, new RowsObjective(), options));
            double first = objective.Loss(student, new RowsObjective().Rows(1, 0, 3), 29).item<float>();
            new Trainer(Tiny.Options(_folder.File(output), steps) with { Resume = resume, MinimumLearningRate = 5e-3 }).Run(student, objective, TestContext.Current.CancellationToken);
            return objective.Loss(student, new RowsObjective().Rows(1, 0, 3), 29).item<float>() / first;
        }

        double ratio = Train("whole", 25);
        Train("parts", 10);
        Train("parts", 25, resume: true);

        Assert.True(ratio < 0.7, $"The loss is {ratio} of what it was.");
        foreach (string file in new[] { "model.safetensors", "projections.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(_folder.File("whole"), "model", file)), File.ReadAllBytes(Path.Combine(_folder.File("parts"), "model", file)));
        using GptModel loaded = GptModel.FromPretrained(Path.Combine(_folder.File("whole"), "model"));
        Assert.Equal(22, loaded.Config.EmbeddingDim);
    }
}
