using PreTrain.Distillation;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using PreTrain.Models.T5;
using PreTrain.Models.Vit;
using PreTrain.Tests.Data;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Distillation;

public sealed class StudentInitializerTests : IDisposable
{
    private static readonly BertConfig s_bert = new() { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, InitializerRange = 0.3, LabelCount = 3 };
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static ITransformerModel Create(string family)
    {
        using var generator = new Generator(3);
        return family switch
        {
            "bert" => new BertModel(s_bert, generator: generator),
            "distilbert" => new DistilBertModel(new DistilBertConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, generator: generator),
            "roberta" => new RobertaModel(new RobertaConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, generator: generator),
            "ernie" => new ErnieModel(new ErnieConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, generator: generator),
            "electra" => new ElectraModel(new ElectraConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, TokenEmbeddingDim = 7, FeedForwardDim = 23 }, ModelHead.ReplacedTokenDetection, generator),
            "gpt" => new GptModel(new GptConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, generator: generator),
            "llama" => new LlamaModel(new LlamaConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 2, KeyValueHeadCount = 1, EmbeddingDim = 12, FeedForwardDim = 23 }, generator: generator),
            "modernbert" => new ModernBertModel(new ModernBertConfig { VocabSize = 31, PaddingId = 0, ContextLength = 13, LayerCount = 5, HeadCount = 2, EmbeddingDim = 12, FeedForwardDim = 23, LocalWindow = 4, GlobalEveryLayers = 2 }, generator: generator),
            "t5" => new T5Model(new T5Config { VocabSize = 31, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, HeadDim = 4, FeedForwardDim = 23 }, generator: generator),
            "bart" => new BartModel(new BartConfig { VocabSize = 31, ContextLength = 13, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, generator: generator),
            _ => new VitModel(new VitConfig { ImageSize = 15, PatchSize = 5, LayerCount = 5, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, ModelHead.ImageClassification, generator),
        };
    }

    private static Tensor Logits(ITransformerModel model)
    {
        ((nn.Module)model).eval();
        Tensor ids = tensor(new long[] { 3, 14, 15, 9, 26, 5, 30, 8, 9, 7, 9, 3, 2, 2 }, [2, 7]);
        return model.Forward(model is VitModel ? new() { PixelValues = Normal([2, 3, 15, 15], 4) } : new() { Ids = ids, DecoderIds = model is ISequenceToSequenceModel ? ids : null }).Logits;
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("distilbert")]
    [InlineData("roberta")]
    [InlineData("ernie")]
    [InlineData("electra")]
    [InlineData("gpt")]
    [InlineData("llama")]
    [InlineData("modernbert")]
    [InlineData("t5")]
    [InlineData("bart")]
    [InlineData("vit")]
    public void Save_EveryFamily_KeepsTheChosenLayersAndAllElse(string family)
    {
        using ITransformerModel teacher = Create(family);
        bool hasDecoder = teacher is ISequenceToSequenceModel;
        int[] kept = [0, 3, 4];

        StudentInitializer.Save(teacher, _folder.File("student"), LayerSelection.Of(kept), hasDecoder ? LayerSelection.Last(2) : null);

        using ITransformerModel student = AutoModel.FromPretrained(_folder.File("student"));
        Dictionary<string, Tensor> theirs = ((nn.Module)teacher).state_dict(), own = ((nn.Module)student).state_dict();
        int moved = 0;
        foreach (var (name, value) in own)
        {
            string[] parts = name.Split('.');
            int at = Array.FindIndex(parts, part => int.TryParse(part, out _));
            if (at >= 0)
            {
                int place = int.Parse(parts[at]);
                parts[at] = (name.StartsWith("decoder_") ? place + 3 : kept[place]).ToString();
                moved++;
            }
            Assert.True(Bytes(value).SequenceEqual(Bytes(theirs[string.Join('.', parts)])), name);
        }
        Assert.Equal(theirs.Count(p => p.Key.Contains("blocks.4.")) * (hasDecoder ? 0 : 3) + (hasDecoder ? theirs.Count(p => p.Key.StartsWith("encoder_blocks.4.")) * 3 + theirs.Count(p => p.Key.StartsWith("decoder_blocks.4.")) * 2 : 0),
            moved - (family == "modernbert" ? theirs.Count(p => p.Key.Contains("blocks.0.")) - theirs.Count(p => p.Key.Contains("blocks.4.")) : 0));
        Assert.Equal(Logits(teacher).shape, Logits(student).shape);
        Assert.NotEqual(Bytes(Logits(teacher)), Bytes(Logits(student)));
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("modernbert")]
    [InlineData("t5")]
    public void Save_AllLayers_ComputesTheSame(string family)
    {
        using ITransformerModel teacher = Create(family);
        StudentInitializer.Save(teacher, _folder.File("student"), LayerSelection.Every(1));
        using ITransformerModel student = AutoModel.FromPretrained(_folder.File("student"));
        Assert.Equal(Bytes(Logits(teacher)), Bytes(Logits(student)));
    }

    [Fact]
    public void SaveDistilBert_AllLayers_ScoresAsTheTeacher()
    {
        using var teacher = (BertModel)Create("bert");
        StudentInitializer.SaveDistilBert(teacher, _folder.File("student"), LayerSelection.All);
        using DistilBertModel student = DistilBertModel.FromPretrained(_folder.File("student"));
        double[] expected = Doubles(Logits(teacher));
        AssertClose(expected, Doubles(Logits(student)), 31, 2e-5, "scores");
    }

    [Theory]
    [InlineData(ModelHead.PreTraining, ModelHead.MaskedLanguageModel)]
    [InlineData(ModelHead.SequenceClassification, ModelHead.SequenceClassification)]
    [InlineData(ModelHead.TokenClassification, ModelHead.TokenClassification)]
    [InlineData(ModelHead.QuestionAnswering, ModelHead.QuestionAnswering)]
    [InlineData(ModelHead.None, ModelHead.None)]
    public void SaveDistilBert_EveryOtherLayer_IsADistilBert(ModelHead head, ModelHead expected)
    {
        using var teacher = new BertModel(s_bert, head);
        StudentInitializer.SaveDistilBert(teacher, _folder.File("student"), LayerSelection.Every(2));
        using DistilBertModel student = DistilBertModel.FromPretrained(_folder.File("student"));
        Assert.Equal((expected, 3, head == ModelHead.QuestionAnswering ? 2 : 3), (student.Head, student.Config.LayerCount, student.Config.LabelCount));
        foreach (var (place, layer) in new[] { (0, 0), (1, 2), (2, 4) })
            Assert.Equal(Bytes(teacher.state_dict()[$"encoder.blocks.{layer}.key.weight"]), Bytes(student.state_dict()[$"encoder.blocks.{place}.key.weight"]));
    }

    [Fact]
    public void Save_TeacherWithAnAdapter_IsRefusedUnlessItIsMerged()
    {
        using var bert = (BertModel)Create("bert");
        string student = _folder.File("student");
        foreach (Func<IAdapter> create in new Func<IAdapter>[] { () => new LoraAdapter(bert, new()), () => new Ia3Adapter(bert), () => new BottleneckAdapter(bert), () => new PrefixTuning(bert, new() { Length = 2 }) })
        {
            using IAdapter adapter = create();
            foreach (Action save in new[] { () => StudentInitializer.Save(bert, student, LayerSelection.Of(1, 3)), () => StudentInitializer.SaveDistilBert(bert, student, LayerSelection.Of(1, 3)) })
                Assert.Matches("(merge the adapter or take it away|take the adapter away) \\(Dispose\\) first", Assert.Throws<ArgumentException>(save).Message);
        }
        Assert.False(Directory.Exists(student));
        using var lora = new LoraAdapter(bert, new());
        lora.Merge();
        StudentInitializer.Save(bert, student, LayerSelection.Of(1, 3));
        StudentInitializer.SaveDistilBert(bert, student, LayerSelection.Of(1, 3));
    }

    [Fact]
    public void Save_WhatCannotBe_SaysWhy()
    {
        using ITransformerModel bert = Create("bert"), modern = Create("modernbert");
        using var sentences = new BertModel(s_bert, ModelHead.NextSentence);
        string student = _folder.File("student");
        string Fault(Action action) => Assert.Throws<ArgumentException>(action).Message;
        Assert.Equal("A teacher of 5 layers does not have the layers 1, 5; its layers are 0 to 4.", Fault(() => StudentInitializer.Save(bert, student, LayerSelection.Of(1, 5))));
        Assert.Contains("does not have the last 6 layers", Fault(() => StudentInitializer.Save(bert, student, LayerSelection.Last(6))));
        Assert.Contains("has no decoder", Fault(() => StudentInitializer.Save(bert, student, LayerSelection.All, LayerSelection.All)));
        Assert.Contains("(3, 3) must rise", Fault(() => LayerSelection.Of(3, 3)));
        Assert.Contains("The layer 3 of the teacher is of the type sliding_attention, and the student's layer 0 of full_attention", Fault(() => StudentInitializer.Save(modern, student, LayerSelection.Last(2))));
        Assert.Contains("Keep the layer 0 at its place", Fault(() => StudentInitializer.Save(modern, student, LayerSelection.Of(2, 3))));
        Assert.Contains("has no head NextSentence", Fault(() => StudentInitializer.SaveDistilBert(sentences, student, LayerSelection.All)));
        Assert.False(Directory.Exists(student) && File.Exists(Path.Combine(student, "model.safetensors")));
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("distilbert")]
    [InlineData("roberta")]
    [InlineData("ernie")]
    [InlineData("electra")]
    [InlineData("gpt")]
    [InlineData("llama")]
    [InlineData("modernbert")]
    [InlineData("t5")]
    [InlineData("bart")]
    public void Create_EveryFamily_HasItsOwnSizesAndAllElseOfTheTeacher(string family)
    {
        using ITransformerModel teacher = Create(family);
        using var generator = new Generator(5);

        using ITransformerModel student = StudentInitializer.Create(teacher, new() { LayerCount = 2, HeadCount = 2, EmbeddingDim = 8 }, generator);

        Assert.Equal((teacher.GetType(), teacher.Head), (student.GetType(), student.Head));
        Dictionary<string, Tensor> theirs = ((nn.Module)teacher).state_dict(), own = ((nn.Module)student).state_dict();
        Assert.DoesNotContain(own.Keys, name => name.Contains("blocks.2.", StringComparison.Ordinal));
        Assert.Equal(theirs.Keys.Where(name => !name.Contains("blocks.", StringComparison.Ordinal)).Order(), own.Keys.Where(name => !name.Contains("blocks.", StringComparison.Ordinal)).Order());
        Assert.True(own.Values.Sum(t => t.numel()) < theirs.Values.Sum(t => t.numel()) / 2);
        Assert.Equal(Logits(teacher).shape, Logits(student).shape);
        student.SavePretrained(_folder.File("student"));
        using ITransformerModel loaded = AutoModel.FromPretrained(_folder.File("student"));
        Assert.Equal(Doubles(Logits(student)), Doubles(Logits(loaded)));
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt")]
    [InlineData("llama")]
    [InlineData("t5")]
    public void Create_LayersAlone_KeepsTheWidthOfTheHeads(string family)
    {
        using ITransformerModel teacher = family switch
        {
            "bert" => new BertModel(s_bert with { HeadWidth = 8 }),
            "gpt" => new GptModel(new GptConfig { VocabSize = 31, ContextLength = 13, LayerCount = 3, HeadCount = 3, EmbeddingDim = 15, HeadWidth = 8, FeedForwardDim = 23 }),
            "llama" => new LlamaModel(new LlamaConfig { VocabSize = 31, ContextLength = 13, LayerCount = 3, HeadCount = 3, EmbeddingDim = 20, HeadWidth = 8, FeedForwardDim = 23 }),
            _ => new T5Model(new T5Config { VocabSize = 31, LayerCount = 3, HeadCount = 3, EmbeddingDim = 15, HeadDim = 8, FeedForwardDim = 23 }),
        };

        using ITransformerModel same = StudentInitializer.Create(teacher, new() { LayerCount = 2 }), other = StudentInitializer.Create(teacher, new() { LayerCount = 2, HeadCount = 5 });

        long Inputs(ITransformerModel model) => ((nn.Module)model).state_dict().First(p => p.Key.EndsWith("blocks.0.attention_output.weight", StringComparison.Ordinal)).Value.size(1);
        Assert.Equal((24, 24, family == "llama" ? 20 : 15), (Inputs(teacher), Inputs(same), Inputs(other)));
    }

    [Fact]
    public void Create_SizesThatDoNotFit_SaysWhatIsWrong()
    {
        using ITransformerModel bert = Create("bert"), vit = Create("vit");
        Assert.Contains("EmbeddingDim (16) must be divisible by HeadCount (3)", Assert.Throws<ArgumentException>(() => StudentInitializer.Create(bert, new() { EmbeddingDim = 16 })).Message);
        Assert.Contains("no students of other sizes for a vit model", Assert.Throws<ArgumentException>(() => StudentInitializer.Create(vit, new() { LayerCount = 1 })).Message);
    }

    [Theory]
    [InlineData(1, 12, new[] { 0 })]
    [InlineData(3, 12, new[] { 0, 5, 11 })]
    [InlineData(6, 12, new[] { 0, 2, 4, 6, 8, 11 })]
    [InlineData(4, 4, new[] { 0, 1, 2, 3 })]
    public void Spread_SomeLayers_KeepsTheFirstAndTheLast(int layers, int count, int[] expected)
    {
        Assert.Equal(expected, LayerSelection.Spread(layers).Choose(count));
        Assert.Contains("does not have 13 layers; its layers are 0 to 11", Assert.Throws<ArgumentException>(() => LayerSelection.Spread(13).Choose(12)).Message);
    }

    [Theory]
    [InlineData("bert", 3, 5)]
    [InlineData("distilbert", 3, 5)]
    [InlineData("roberta", 3, 5)]
    [InlineData("ernie", 3, 5)]
    [InlineData("electra", 3, 5)]
    [InlineData("gpt", 3, 5)]
    [InlineData("llama", 2, 6)]
    [InlineData("modernbert", 2, 6)]
    [InlineData("t5", 3, 4)]
    [InlineData("bart", 3, 5)]
    public void Forward_ValuesAreWanted_ShowsThoseOfEveryLayer(string family, int heads, int width)
    {
        using ITransformerModel model = Create(family);
        ((nn.Module)model).eval();
        Tensor ids = tensor(new long[] { 3, 14, 15, 9, 26, 5, 30, 8, 9, 7, 9, 3, 2, 2 }, [2, 7]), mask = tensor(new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0 }, [2, 7]);
        ModelInput input = new() { Ids = ids, AttentionMask = mask, DecoderIds = model is ISequenceToSequenceModel ? ids.slice(1, 0, 4, 1) : null };

        ModelOutput output = model.Forward(input with { WantValues = true });

        bool hasDecoder = model is ISequenceToSequenceModel;
        Assert.Null(output.Attentions);
        Assert.Equal(5, output.Values!.Count);
        Assert.All(output.Values, values => Assert.Equal([2L, heads, hasDecoder ? 4 : 7, width], values.shape));
        Assert.All((hasDecoder ? output.EncoderValues : output.Values)!, values =>
        {
            Assert.Equal([2L, heads, 7, width], values.shape);
            Assert.Equal(0, values[1].narrow(1, 4, 3).abs().max().item<float>());   // there is no token
            Assert.True(values[1].narrow(1, 0, 4).abs().max().item<float>() > 0);
        });
        double[] expected = Doubles(model.Forward(input).Logits), actual = Doubles(output.Logits);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5);
    }
}
