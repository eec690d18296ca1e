using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

[Collection(nameof(RunsAlone))]
public sealed class HeadOptionsTests
{
    private static readonly LabelSet s_labels = new(["red", "green", "blue", "none", "all"]);

    public static TheoryData<string, string, ModelHead, string> Heads => new()
    {
        { "Bert", "masked-lm-two-layers", ModelHead.SequenceClassification, "bert.pooler.dense.weight, bert.pooler.dense.bias, classifier.weight, classifier.bias" },
        { "Bert", "masked-lm-two-layers", ModelHead.TokenClassification, "classifier.weight, classifier.bias" },
        { "Bert", "none-two-layers", ModelHead.SequenceClassification, "classifier.weight, classifier.bias" },
        { "Roberta", "masked-lm-two-layers", ModelHead.SequenceClassification, "classifier.dense.weight, classifier.dense.bias, classifier.out_proj.weight, classifier.out_proj.bias" },
        { "Roberta", "masked-lm-two-layers", ModelHead.TokenClassification, "classifier.weight, classifier.bias" },
        { "DistilBert", "masked-lm-two-layers", ModelHead.SequenceClassification, "pre_classifier.weight, pre_classifier.bias, classifier.weight, classifier.bias" },
        { "Electra", "replaced-tokens-two-layers", ModelHead.SequenceClassification, "classifier.dense.weight, classifier.dense.bias, classifier.out_proj.weight, classifier.out_proj.bias" },
        { "Electra", "replaced-tokens-two-layers", ModelHead.TokenClassification, "classifier.weight, classifier.bias" },
        { "Ernie", "masked-lm-two-layers", ModelHead.TokenClassification, "classifier.weight, classifier.bias" },
        { "ModernBert", "masked-lm-two-layers", ModelHead.SequenceClassification, "classifier.weight, classifier.bias" },
        { "ModernBert", "none-two-layers", ModelHead.TokenClassification, "head.dense.weight, head.norm.weight, classifier.weight, classifier.bias" },
        { "Gpt", "causal-lm-two-layers", ModelHead.SequenceClassification, "score.weight" },
        { "Llama", "causal-lm-two-layers", ModelHead.SequenceClassification, "score.weight" },
        { "Llama", "mistral-causal-lm-two-layers", ModelHead.SequenceClassification, "score.weight" },
        { "Bart", "seq2seq-two-layers", ModelHead.SequenceClassification, "classification_head.dense.weight, classification_head.dense.bias, classification_head.out_proj.weight, classification_head.out_proj.bias" },
    };

    [Theory]
    [InlineData("Bert", "masked-lm-two-layers", "hidden_dropout_prob attention_probs_dropout_prob")]
    [InlineData("Roberta", "masked-lm-two-layers", "hidden_dropout_prob attention_probs_dropout_prob")]
    [InlineData("DistilBert", "masked-lm-two-layers", "dropout attention_dropout")]
    [InlineData("ModernBert", "masked-lm-two-layers", "embedding_dropout attention_dropout mlp_dropout")]
    [InlineData("Gpt", "causal-lm-two-layers", "resid_pdrop embd_pdrop attn_pdrop")]
    [InlineData("Llama", "causal-lm-two-layers", "attention_dropout")]
    [InlineData("Bart", "seq2seq-two-layers", "dropout attention_dropout activation_dropout")]
    [InlineData("Transformer", "marian-seq2seq-two-layers", "dropout attention_dropout activation_dropout")]
    [InlineData("T5", "seq2seq-two-layers", "dropout_rate")]
    public void FromPretrained_Dropout_IsThatOfTheModel(string family, string name, string keys)
    {
        using var folder = new TemporaryFolder();
        using (FamilyFixture fixture = FamilyFixture.Open(family, name)) fixture.WriteFolder(folder.Root);
        using ITransformerModel model = AutoModel.FromPretrained(folder.Root, options: new() { Dropout = 0.25 });
        JsonObject json = model.ToConfigJson();
        Assert.All(keys.Split(' '), key => Assert.Equal(0.25, json[key]!.GetValue<double>()));
        Assert.StartsWith("Dropout (1) must be at least 0 and below 1.", Assert.Throws<ArgumentException>(new HeadOptions { Dropout = 1 }.Validate).Message);
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void FromPretrained_FolderWithoutTheHead_InitializesItAndSavesTheLabels(string family, string name, ModelHead head, string fresh)
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using FamilyFixture fixture = FamilyFixture.Open(family, name);
        fixture.WriteFolder(folder.Root);
        var options = new HeadOptions { Labels = s_labels, Task = head == ModelHead.SequenceClassification ? ClassificationTask.SingleLabel : null };
        using var generator = new Generator(3);

        using ITransformerModel model = AutoModel.FromPretrained(folder.Root, head, generator, options);

        Assert.Equal(fresh, string.Join(", ", LoadedWeights.Of(model)!.New));
        Dictionary<string, long[]> saved = fixture.Tensors;
        Assert.All(LoadedWeights.Of(model)!.LeftOut, left => Assert.Contains(left, saved.Keys));
        string again = Path.Combine(folder.Root, "again");
        model.SavePretrained(again);
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(again, "config.json")))!.AsObject();
        Assert.Equal(s_labels, LabelSet.FromConfig(config));
        Assert.Equal([0, 1, 2, 3, 4], s_labels.Names.Select(label => config["label2id"]![label]!.GetValue<int>()));
        Assert.Equal((5, head == ModelHead.SequenceClassification ? "single_label_classification" : null), (config["num_labels"]!.GetValue<int>(), config["problem_type"]?.GetValue<string>()));

        using ITransformerModel loaded = AutoModel.FromPretrained(again);
        Assert.Equal((head, 0), (loaded.Head, LoadedWeights.Of(loaded)!.New.Count));
        ((nn.Module)model).eval();
        ((nn.Module)loaded).eval();
        ModelInput input = fixture.Input() with { DecoderIds = null, DecoderAttentionMask = null };
        if (family == "Bart") input = fixture.Input() with { Ids = tensor(new long[] { 5, 7, 2 }, [1, 3]), AttentionMask = null, DecoderIds = null, DecoderAttentionMask = null };
        Tensor expected = model.Forward(input).Logits;
        Assert.Equal(5, expected.size(-1));
        Assert.Equal(expected.data<float>().ToArray(), loaded.Forward(input).Logits.data<float>().ToArray());
        Assert.Equal(config.ToJsonString(), JsonNode.Parse(File.ReadAllText(Path.Combine(again, "config.json")))!.ToJsonString());
    }

    [Fact]
    public void FromPretrained_HeadOfOtherLabels_IsMadeAnewAndTheRestStays()
    {
        using var folder = new TemporaryFolder();
        float[] pooler = Save(folder.Root, s_labels);

        // The same labels: nothing is new. Others, in number or name: the classifier alone.
        Assert.Empty(New(new() { Labels = s_labels }));
        Assert.Empty(New(new() { LabelCount = 5 }));
        string[] classifier = ["classifier.weight", "classifier.bias"];
        Assert.Equal(classifier, New(new() { LabelCount = 3 }));
        Assert.Equal(classifier, New(new() { Labels = new(["yes", "no"]) }));
        Assert.Equal(classifier, New(new() { Labels = new([.. s_labels.Names.Reverse()]) }));
        Assert.Equal(classifier, New(new() { Task = ClassificationTask.Regression }));

        string[] New(HeadOptions options)
        {
            using BertModel model = BertModel.FromPretrained(folder.Root, options: options);
            Assert.Equal(pooler, model.pooler!.weight.data<float>().ToArray());
            LoadedWeights loaded = LoadedWeights.Of(model)!;
            Assert.Equal(loaded.New, loaded.LeftOut.OrderDescending(StringComparer.Ordinal));
            return [.. loaded.New];
        }
    }

    [Fact]
    public void FromPretrained_HeadWithoutNames_KeepsItsValuesForTheNamesThatAreGiven()
    {
        using var folder = new TemporaryFolder();
        Save(folder.Root, null);

        using BertModel model = BertModel.FromPretrained(folder.Root, options: new() { Labels = s_labels });

        Assert.Empty(LoadedWeights.Of(model)!.New);
        Assert.Equal(s_labels, model.Config.Labels);
    }

    [Fact]
    public void SavePretrained_AnswersAfterClasses_SaysTwoOutputs()
    {
        using var folder = new TemporaryFolder();
        Save(folder.Root, s_labels);
        using (BertModel model = BertModel.FromPretrained(folder.Root, ModelHead.QuestionAnswering)) model.SavePretrained(folder.Root);

        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Root, "config.json")))!.AsObject();
        Assert.Equal((2, false), (config["num_labels"]!.GetValue<int>(), config.ContainsKey("id2label")));
        using BertModel loaded = BertModel.FromPretrained(folder.Root);
        Assert.Equal(ModelHead.QuestionAnswering, loaded.Head);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void FromPretrained_BartThatNamesNoClasses_HasAsManyAsAreAskedFor(int count)
    {
        using var folder = new TemporaryFolder();
        using (FamilyFixture fixture = FamilyFixture.Open("Bart", "seq2seq-two-layers")) fixture.WriteFolder(folder.Root);
        string config = Path.Combine(folder.Root, "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        foreach (string name in new[] { "id2label", "label2id", "num_labels" }) json.Remove(name);
        File.WriteAllText(config, json.ToJsonString());
        using ITransformerModel model = AutoModel.FromPretrained(folder.Root, ModelHead.SequenceClassification, options: new() { LabelCount = count });
        Assert.Equal(count, ((TorchSharp.torch.nn.Module)model).parameters().Last().size(0));
    }

    [Fact]
    public void FromPretrained_ShapeThatConfigDoesNotAskFor_StaysAFault()
    {
        using var folder = new TemporaryFolder();
        Save(folder.Root, null);
        string config = Path.Combine(folder.Root, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"num_labels\": 5", "\"num_labels\": 4"));

        Assert.Contains("classifier.weight has shape (5, 6), config.json asks for (4, 6)", Assert.Throws<CheckpointException>(() => BertModel.FromPretrained(folder.Root)).Message);
    }

    [Fact]
    public void Validate_WhatDoesNotFit_IsRefused()
    {
        string Fault(HeadOptions options) => Assert.Throws<ArgumentException>(options.Validate).Message;
        Assert.Equal("LabelCount (0) must be at least 1.", Fault(new() { LabelCount = 0 }));
        Assert.Equal("LabelCount (3) must be the number of Labels (5); leave one of them out.", Fault(new() { LabelCount = 3, Labels = s_labels }));
        Assert.Equal("Task (Regression) has one number and no labels; leave Labels and LabelCount out.", Fault(new() { Task = ClassificationTask.Regression, Labels = s_labels }));
        Assert.Equal("LabelCount (2) must be the number of Labels (5).", Assert.Throws<ArgumentException>((Config(s_labels) with { LabelCount = 2 }).Validate).Message);
    }

    [Fact]
    public void LoraAdapter_FreshHead_IsTrainedAndSavedWithItsPooler()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using (var pretrained = new BertModel(Config(null), ModelHead.MaskedLanguageModel)) pretrained.SavePretrained(folder.Root);
        ITransformerModel Load(ulong seed)
        {
            using var generator = new Generator(seed);
            return AutoModel.FromPretrained(folder.Root, ModelHead.SequenceClassification, generator, new() { Labels = s_labels });
        }
        string saved = Path.Combine(folder.Root, "adapter");
        using var model = (BertModel)Load(3);
        using var adapter = new LoraAdapter(model, new() { Rank = 2 });
        string[] trained = [.. model.named_parameters().Where(p => p.parameter.requires_grad && !p.name.Contains(".transform.")).Select(p => p.name)];
        Assert.Equal(["classifier.bias", "classifier.weight", "pooler.bias", "pooler.weight"], trained.Order(StringComparer.Ordinal));
        model.eval();
        Tensor expected = model.Forward(Input()).Logits;
        adapter.SavePretrained(saved);

        // Another fresh head, which the adapter replaces with its own.
        using var other = (BertModel)Load(5);
        other.eval();
        Assert.NotEqual(expected.data<float>().ToArray(), other.Forward(Input()).Logits.data<float>().ToArray());
        using LoraAdapter loaded = LoraAdapter.FromPretrained(other, saved);
        Assert.Equal(expected.data<float>().ToArray(), other.Forward(Input()).Logits.data<float>().ToArray());
        Assert.Equal("""["bert.pooler.dense","classifier"]""", JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "adapter_config.json")))!["modules_to_save"]!.ToJsonString());

        static ModelInput Input() => new() { Ids = tensor(new long[] { 5, 1, 7, 11 }, [1, 4]) };
    }

    private static BertConfig Config(LabelSet? labels) => new()
    {
        VocabSize = 41,
        ContextLength = 13,
        LayerCount = 2,
        HeadCount = 3,
        EmbeddingDim = 6,
        FeedForwardDim = 11,
        LabelCount = 5,
        Labels = labels,
        InitializerRange = 0.3,
    };

    /// <summary>Saves a classifier, and gives its pooler's weight.</summary>
    private static float[] Save(string folder, LabelSet? labels)
    {
        using var model = new BertModel(Config(labels), ModelHead.SequenceClassification);
        model.SavePretrained(folder);
        return model.pooler!.weight.data<float>().ToArray();
    }
}
