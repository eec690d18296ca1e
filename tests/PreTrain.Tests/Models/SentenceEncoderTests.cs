using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tokenization;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

[Collection(Training.DefaultGenerator.Name)]
public sealed class SentenceEncoderTests
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;
    private static readonly string[] s_texts = ["The collection returns elements.", "A reader waits", "Nobody knows whether asynchronous readers cooperate. The end is here."];

    [Theory]
    [InlineData(SentencePooling.Mean, false)]
    [InlineData(SentencePooling.First, false)]
    [InlineData(SentencePooling.Max, true)]
    [InlineData(SentencePooling.Last, true)]
    public void Embed_Texts_AreWhatTheStatesOfEachAloneGiveIn64Bits(SentencePooling pooling, bool normalizes)
    {
        using DisposeScope scope = NewDisposeScope();
        using var encoder = new SentenceEncoder(Bert(), new() { Pooling = pooling, Normalizes = normalizes });
        IReadOnlyList<float[]> vectors = encoder.Embed(s_tokenizer, s_texts, batchSize: 2, TestContext.Current.CancellationToken);
        Assert.True(encoder.training);   // left as it was
        encoder.eval();
        for (int i = 0; i < s_texts.Length; i++)
        {
            long[] ids = [.. s_tokenizer.Tokenize(s_texts[i]).Ids.ToArray().Select(id => (long)id)];
            double[] states = Doubles(encoder.Model.Forward(new() { Ids = tensor(ids, [1, ids.Length]) }).Logits);
            double[] expected = new double[15];
            for (int c = 0; c < 15; c++)
            {
                double[] column = [.. Enumerable.Range(0, ids.Length).Select(t => states[t * 15 + c])];
                expected[c] = pooling switch { SentencePooling.Mean => column.Average(), SentencePooling.First => column[0], SentencePooling.Max => column.Max(), _ => column[^1] };
            }
            double length = normalizes ? Math.Sqrt(expected.Sum(x => x * x)) : 1;
            AssertClose([.. expected.Select(x => x / length)], [.. vectors[i].Select(x => (double)x)], 15, 1e-5, $"text {i}");
        }
    }

    [Theory]
    [InlineData(SentencePooling.Mean, "pooling_mode_mean_tokens", true, 21)]
    [InlineData(SentencePooling.First, "pooling_mode_cls_token", false, null)]
    [InlineData(SentencePooling.Max, "pooling_mode_max_tokens", true, null)]
    [InlineData(SentencePooling.Last, "pooling_mode_lasttoken", false, 9)]
    public void SavePretrained_Encoder_HasTheFilesOfSentenceTransformersAndIsReadBack(SentencePooling pooling, string key, bool normalizes, int? length)
    {
        using var folder = new Checkpoints.TemporaryFolder();
        using var encoder = new SentenceEncoder(Bert(), new() { Pooling = pooling, Normalizes = normalizes, MaxLength = length });
        encoder.SavePretrained(folder["m"]);
        JsonArray modules = JsonNode.Parse(File.ReadAllText(folder["m/modules.json"]))!.AsArray();
        Assert.Equal(normalizes ? ["Transformer", "Pooling", "Normalize"] : ["Transformer", "Pooling"], modules.Select(module => (string)module!["type"]!).Select(type => type["sentence_transformers.models.".Length..]));
        Assert.Equal(normalizes ? ["", "1_Pooling", "2_Normalize"] : ["", "1_Pooling"], modules.Select(module => (string)module!["path"]!));
        JsonObject config = JsonNode.Parse(File.ReadAllText(folder["m/1_Pooling/config.json"]))!.AsObject();
        Assert.Equal(15, (int)config["word_embedding_dimension"]!);
        Assert.Equal([key], config.Where(pair => pair.Key.StartsWith("pooling_mode_", StringComparison.Ordinal) && (bool)pair.Value!).Select(pair => pair.Key));
        using SentenceEncoder read = SentenceEncoder.FromPretrained(folder["m"]);
        Assert.Equal(encoder.Options, read.Options);
        Assert.Equal(encoder.Embed(s_tokenizer, s_texts, cancellationToken: TestContext.Current.CancellationToken)[2], read.Embed(s_tokenizer, s_texts, cancellationToken: TestContext.Current.CancellationToken)[2]);
    }

    [Fact]
    public void FromFolder_ModelThatIsNoEncoder_IsNull()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        using (BertModel bert = Bert()) bert.SavePretrained(folder["m"]);
        Assert.Null(SentenceEncoderOptions.FromFolder(folder["m"]));
        using SentenceEncoder read = SentenceEncoder.FromPretrained(folder["m"]);
        Assert.Equal(new SentenceEncoderOptions(), read.Options);
    }

    [Fact]
    public void FromPretrained_Folder_IsInEvaluationModeAndStaysSo()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        using (var encoder = new SentenceEncoder(Bert())) encoder.SavePretrained(folder["m"]);
        using SentenceEncoder read = SentenceEncoder.FromPretrained(folder["m"]);
        read.Embed(s_tokenizer, s_texts, cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(read.modules().Append(read), module => Assert.False(module.training));
    }

    [Theory]
    [InlineData("modules.json", "[{\"type\": \"sentence_transformers.models.Dense\", \"path\": \"2_Dense\"}]", "the module 'sentence_transformers.models.Dense' in '2_Dense' is not known")]
    [InlineData("modules.json", "[{\"type\": \"sentence_transformers.models.Pooling\", \"path\": \"../1_Pooling\"}]", "it names the folder '../1_Pooling', which is not in that of the model.")]
    [InlineData("modules.json", "[{\"type\": \"sentence_transformers.models.Pooling\", \"path\": \"/tmp\"}]", "it names the folder '/tmp', which is not in that of the model.")]
    [InlineData("modules.json", "{}", "its top level is not a list of modules")]
    [InlineData("modules.json", "[", "it is not valid JSON")]
    [InlineData("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true, \"pooling_mode_max_tokens\": true}", "it chooses the poolings pooling_mode_mean_tokens, pooling_mode_max_tokens; one of")]
    [InlineData("config_sentence_transformers.json", "{\"prompts\": {\"query\": \"q\"}, \"default_prompt_name\": \"other\"}", "its default prompt 'other' is none of its prompts (query).")]
    [InlineData("config_sentence_transformers.json", "{\"prompts\": {\"query\": 3}}", "the prompt 'query' is no text.")]
    [InlineData("sentence_bert_config.json", "{\"do_lower_case\": 1}", "do_lower_case must be true or false, and is 1.")]
    [InlineData("1_Pooling/config.json", "{\"pooling_mode_weightedmean_tokens\": true}", "it chooses the poolings pooling_mode_weightedmean_tokens")]
    public void FromFolder_WhatIsNotKnown_IsNamed(string file, string content, string expected)
    {
        using var folder = new Checkpoints.TemporaryFolder();
        using (var encoder = new SentenceEncoder(Bert())) encoder.SavePretrained(folder["m"]);
        File.WriteAllText(Path.Combine(folder["m"], file), content);
        var fault = Assert.Throws<CheckpointException>(() => SentenceEncoder.FromPretrained(folder["m"]));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.Contains(Path.GetFileName(file), fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sentence_roberta_config.json")]
    [InlineData("sentence_distilbert_config.json")]
    [InlineData("sentence_xlm-roberta_config.json")]
    public void FromFolder_OlderNameOfTheFile_GivesTheLongestText(string name)
    {
        using var folder = new Checkpoints.TemporaryFolder();
        using (var encoder = new SentenceEncoder(Bert())) encoder.SavePretrained(folder["m"]);
        File.WriteAllText(folder[$"m/{name}"], """{"max_seq_length": 17, "do_lower_case": false}""");
        Assert.Equal(new SentenceEncoderOptions { MaxLength = 17 }, SentenceEncoderOptions.FromFolder(folder["m"]));
        File.WriteAllText(folder["m/sentence_bert_config.json"], """{"max_seq_length": 19}""");
        Assert.Equal(19, SentenceEncoderOptions.FromFolder(folder["m"])!.MaxLength);
    }

    [Fact]
    public void Embed_LowerCaseAndDefaultPrompt_AreThoseOfTheTextWrittenOut()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        using SentenceEncoder plain = new(Bert());
        plain.SavePretrained(folder["m"]);
        File.WriteAllText(folder["m/sentence_bert_config.json"], """{"max_seq_length": null, "do_lower_case": true}""");
        File.WriteAllText(folder["m/config_sentence_transformers.json"], """{"prompts": {"query": "A Reader: ", "passage": ""}, "default_prompt_name": "query"}""");
        using SentenceEncoder encoder = SentenceEncoder.FromPretrained(folder["m"]);
        CancellationToken token = TestContext.Current.CancellationToken;
        IReadOnlyList<float[]> vectors = encoder.Embed(s_tokenizer, s_texts, cancellationToken: token);
        Assert.Equal(plain.Embed(s_tokenizer, [.. s_texts.Select(text => ("A Reader: " + text).ToLowerInvariant())], cancellationToken: token), vectors);
        Assert.NotEqual(plain.Embed(s_tokenizer, s_texts, cancellationToken: token), vectors);

        encoder.SavePretrained(folder["again"]);
        using SentenceEncoder again = SentenceEncoder.FromPretrained(folder["again"]);
        Assert.Equal((true, null, "query"), (again.Options.Lowercases, again.Options.MaxLength, again.Options.DefaultPrompt));
        Assert.Equal([("passage", ""), ("query", "A Reader: ")], again.Options.Prompts.Select(prompt => (prompt.Key, prompt.Value)).Order());
    }

    [Fact]
    public void Prepare_LowerCase_IsPythons()
    {
        // "İΑΣ ΟΔΟΣ Σ ẞǅ".lower() of Python 3.14
        Assert.Equal("i\u0307ας οδος σ ßǆ", new SentenceEncoderOptions { Lowercases = true }.Prepare("İΑΣ ΟΔΟΣ Σ ẞǅ"));
        Assert.Equal("ΑΣ", new SentenceEncoderOptions().Prepare("ΑΣ"));
    }

    [Fact]
    public void New_WhatDoesNotFit_SaysWhat()
    {
        using var masked = new BertModel(Config(), ModelHead.MaskedLanguageModel);
        Assert.Contains("The model's head is MaskedLanguageModel", Assert.Throws<ArgumentException>(() => new SentenceEncoder(masked)).Message, StringComparison.Ordinal);
        using BertModel bert = Bert();
        Assert.Contains("DefaultPrompt (query) must be the name of one of the Prompts", Assert.Throws<ArgumentException>(() => new SentenceEncoder(bert, new() { DefaultPrompt = "query" })).Message, StringComparison.Ordinal);
        Assert.Contains("MaxLength (99) must be at least 2 and at most the model's context (43)", Assert.Throws<ArgumentException>(() => new SentenceEncoder(bert, new() { MaxLength = 99 })).Message, StringComparison.Ordinal);
        using var gpt = new SentenceEncoder(new GptModel(new GptConfig { VocabSize = 300, ContextLength = 8, LayerCount = 1, HeadCount = 1, EmbeddingDim = 8 }, ModelHead.None));
        ByteLevelBpeTokenizer bytes = ByteLevelBpeTokenizer.Train(["a"], new() { VocabSize = 257 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Contains("The text '' has no token", Assert.Throws<ArgumentException>(() => gpt.Embed(bytes, ["a", ""], cancellationToken: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    private static BertConfig Config() => new() { VocabSize = s_tokenizer.VocabSize, ContextLength = 43, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 37, Dropout = 0.2, InitializerRange = 0.3 };

    private static BertModel Bert()
    {
        using var generator = new Generator(3);
        return new BertModel(Config(), ModelHead.None, generator);
    }
}
