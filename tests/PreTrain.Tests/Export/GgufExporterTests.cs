using System.Text.Json.Nodes;
using PreTrain.Checkpoints.Gguf;
using PreTrain.Export;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

public class GgufExporterTests
{
    public static TheoryData<string> Models => [.. GgufModels.Names];

    [Theory]
    [MemberData(nameof(Models))]
    public void Export_Float32_HoldsEveryParameterOnce(string name)
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel model = GgufModels.Create(name), other = GgufModels.Create(name);
        GgufExportResult result = GgufExporter.Export(model, GgufModels.Tokenizer, folder["a.gguf"], new() { Precision = GgufPrecision.Float32 });

        Assert.Equal((name == "mistral" ? "llama" : name.Split('-')[0], "gpt2"), (result.Architecture, result.TokenizerModel));
        Assert.Equal(new FileInfo(folder["a.gguf"]).Length, result.Bytes);
        Assert.Equal(["F32"], result.TensorTypes.Keys);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Dictionary<string, Tensor> own = ((nn.Module)model).state_dict(), read = ((nn.Module)other).state_dict();
        Assert.Equal(own.Keys.Order(StringComparer.Ordinal), ((IGgufSource)model).ToGguf().Weights.Select(w => w.Ours).OfType<string>().Order(StringComparer.Ordinal));
        foreach (Tensor value in read.Values) value.zero_();
        GgufModels.Read(other, folder["a.gguf"]);
        Assert.All(own, entry => Assert.True(entry.Value.equal(read[entry.Key]).all().item<bool>(), entry.Key));
    }

    [Fact]
    public void Export_Metadata_IsWhatLlamaCppReads()
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel model = GgufModels.Create("llama", 350);
        GgufExporter.Export(model, GgufModels.Tokenizer, folder["small.gguf"]);
        using GgufFile file = GgufFile.Open(folder["small.gguf"]);
        foreach (var (key, value) in new (string, object)[]
        {
            ("general.architecture", "llama"), ("general.name", "small"), ("general.file_type", 1u), ("general.quantization_version", 2u), ("llama.context_length", 48u), ("llama.embedding_length", 256u),
            ("llama.block_count", 3u), ("llama.feed_forward_length", 512u), ("llama.attention.head_count", 4u), ("llama.attention.head_count_kv", 2u), ("llama.attention.key_length", 64u),
            ("llama.attention.layer_norm_rms_epsilon", 1e-5f), ("llama.rope.freq_base", 500f), ("llama.rope.dimension_count", 64u), ("llama.vocab_size", 350u), ("tokenizer.ggml.model", "gpt2"),
            ("tokenizer.ggml.pre", "gpt-2"), ("tokenizer.ggml.eos_token_id", 0u), ("tokenizer.ggml.add_bos_token", false), ("tokenizer.ggml.add_eos_token", false),
        }) Assert.Equal((key, value), (key, file.Values[key]));
        object[] tokens = (object[])file.Values["tokenizer.ggml.tokens"], types = (object[])file.Values["tokenizer.ggml.token_type"], merges = (object[])file.Values["tokenizer.ggml.merges"];
        Assert.Equal(("<|endoftext|>", 3), (tokens[0], types[0]));
        Assert.Equal(("[PAD349]", 5), (tokens[349], types[349]));
        Assert.Equal((GgufModels.Tokenizer.IdToToken(300)!, 1), (tokens[300], types[300]));
        Assert.Equal(GgufModels.Tokenizer.Merges.Select(m => $"{m.Left} {m.Right}"), merges);
        Assert.Equal("F16", file.Info("blk.0.attn_q.weight").StoredType);
        Assert.Equal("F32", file.Info("blk.0.attn_norm.weight").StoredType);
        Assert.Equal([32L], file.Info("rope_freqs.weight").Shape);
    }

    [Fact]
    public void Export_TokenizerWithASeparatorAlone_EndsTextsWithIt()
    {
        using var folder = new TemporaryFolder();
        ByteLevelBpeTokenizer.Train([GgufModels.Text], new() { VocabSize = 300, SpecialTokens = ["<pad>", "<sep>"] }).Save(folder["tokenizer"]);
        string config = folder["tokenizer/tokenizer_config.json"];
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        foreach (string role in new[] { "bos_token", "eos_token", "unk_token" }) json.Remove(role);
        json["sep_token"] = "<sep>";
        File.WriteAllText(config, json.ToJsonString());
        TextTokenizer tokenizer = TextTokenizer.Load(folder["tokenizer"]);
        Assert.Equal((null, 1), (tokenizer.SpecialTokens.EndOfText, tokenizer.SpecialTokens.Separator));
        using ITransformerModel model = GgufModels.Create("gpt2", tokenizer.VocabSize);
        GgufExporter.Export(model, tokenizer, folder["a.gguf"]);
        using GgufFile file = GgufFile.Open(folder["a.gguf"]);
        Assert.Equal(1u, file.Values["tokenizer.ggml.eos_token_id"]);
    }

    [Fact]
    public void Export_OneTokenOfEveryRole_IsOfControl()
    {
        using var folder = new TemporaryFolder();
        ByteLevelBpeTokenizer.Train([GgufModels.Text], new() { VocabSize = 300 }).Save(folder["tokenizer"]);
        string config = folder["tokenizer/tokenizer_config.json"];
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        foreach (string role in new[] { "bos_token", "eos_token", "unk_token" }) json[role] = "<|endoftext|>";
        File.WriteAllText(config, json.ToJsonString());
        TextTokenizer tokenizer = TextTokenizer.Load(folder["tokenizer"]);
        int id = tokenizer.SpecialTokens.Unknown!.Value;
        using ITransformerModel model = GgufModels.Create("gpt2", tokenizer.VocabSize);
        GgufExporter.Export(model, tokenizer, folder["a.gguf"]);
        using GgufFile file = GgufFile.Open(folder["a.gguf"]);
        Assert.Equal(("<|endoftext|>", 3), (((object[])file.Values["tokenizer.ggml.tokens"])[id], ((object[])file.Values["tokenizer.ggml.token_type"])[id]));
    }

    [Fact]
    public void Export_Cancelled_LeavesTheOldFile()
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel model = GgufModels.Create("gpt2");
        foreach (string name in new[] { "a.gguf", "a.onnx", "a.onnx.data" }) File.WriteAllText(folder[name], "old");
        var cancelled = new CancellationToken(canceled: true);
        Assert.Throws<OperationCanceledException>(() => GgufExporter.Export(model, null, folder["a.gguf"], cancellationToken: cancelled));
        foreach (long most in new long[] { 100, 2_000_000_000 }) Assert.Throws<OperationCanceledException>(() => OnnxExporter.Export(model, folder["a.onnx"], new() { MaxInlineBytes = most }, cancelled));
        Assert.Equal(["a.gguf", "a.onnx", "a.onnx.data"], Directory.GetFileSystemEntries(folder.Root).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetFiles(folder.Root), path => Assert.Equal("old", File.ReadAllText(path)));
    }

    /// <summary>What llama-quantize 0.7.0 chose for models of these shapes.</summary>
    [Fact]
    public void TypeOf_Mixture_IsLlamaCpps()
    {
        GgufContent llama = LlamaGguf.Of(new LlamaConfig { LayerCount = 16, EmbeddingDim = 512 }), tied = LlamaGguf.Of(new LlamaConfig { LayerCount = 3, IsHeadTied = true });
        int[] rich = [.. Enumerable.Range(0, 16).Where(layer => Of(llama, $"blk.{layer}.attn_v.weight", 512) == "Q6_K")];
        Assert.Equal([0, 1, 4, 7, 10, 13, 14, 15], rich);
        Assert.Equal(rich, Enumerable.Range(0, 16).Where(layer => Of(llama, $"blk.{layer}.ffn_down.weight", 512) == "Q6_K"));
        Assert.Equal([2], Enumerable.Range(0, 3).Where(layer => Of(tied, $"blk.{layer}.attn_v.weight", 512) == "Q6_K"));
        foreach (var (content, name, width, expected) in new[]
        {
            (llama, "token_embd.weight", 512, "Q4_K"), (llama, "output.weight", 512, "Q6_K"), (tied, "token_embd.weight", 512, "Q6_K"), (llama, "blk.0.attn_q.weight", 512, "Q4_K"),
            (llama, "blk.3.attn_qkv.weight", 512, "Q4_K"), (llama, "blk.4.attn_qkv.weight", 512, "Q6_K"), (llama, "blk.2.ffn_down.weight", 512, "Q4_K"), (llama, "position_embd.weight", 512, "F32"), (llama, "output.weight", 128, "Q8_0"),
            (llama, "blk.4.attn_qkv.weight", 128, "Q8_0"), (llama, "blk.0.attn_q.weight", 128, "Q5_0"), (llama, "blk.0.ffn_down.weight", 344, "F16"),
        }) Assert.Equal((name, width, expected), (name, width, Of(content, name, width)));
        Assert.Equal("Q6_K", GgufMixture.TypeOf(llama, "output.weight", [9, 512], GgufPrecision.Q40).Name);
        Assert.Equal("Q4_0", GgufMixture.TypeOf(llama, "token_embd.weight", [9, 512], GgufPrecision.Q40).Name);
        Assert.Equal("F32", GgufMixture.TypeOf(llama, "blk.0.attn_norm.weight", [512], GgufPrecision.Q80).Name);

        static string Of(GgufContent content, string name, int width) => GgufMixture.TypeOf(content, name, [9, width], GgufPrecision.Q4KM).Name;
    }

    [Fact]
    public void Export_SentencePieceTokenizer_IsLlamaCppsLlama()
    {
        using var folder = new TemporaryFolder();
        TextTokenizer tokenizer = SentencePieceTokenizer.Create(folder["tokenizer"]);
        using ITransformerModel model = GgufModels.Create("llama", tokenizer.VocabSize);
        Assert.Equal("llama", GgufExporter.Export(model, tokenizer, folder["a.gguf"]).TokenizerModel);
        using GgufFile file = GgufFile.Open(folder["a.gguf"]);
        object[] types = (object[])file.Values["tokenizer.ggml.token_type"], scores = (object[])file.Values["tokenizer.ggml.scores"];
        Assert.Equal([2, 3, 3, 6], types[..4]);
        Assert.Equal((true, true, false), (file.Values["tokenizer.ggml.add_space_prefix"], file.Values["tokenizer.ggml.add_bos_token"], file.Values["tokenizer.ggml.add_eos_token"]));
        Assert.Equal(1u, file.Values["tokenizer.ggml.bos_token_id"]);
        float[] merged = [.. Enumerable.Range(259, tokenizer.VocabSize - 259).Where(id => tokenizer.IdToToken(id)!.Length > 1).Select(id => (float)scores[id])];
        Assert.True(merged.Length > 50 && merged.Zip(merged.Skip(1)).All(pair => pair.First > pair.Second));
    }

    [Fact]
    public void Export_ChatTemplate_IsInTheFile()
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel model = GgufModels.Create("gpt2");
        GgufExporter.Export(model, GgufModels.Tokenizer, folder["a.gguf"], new() { ChatTemplate = ChatTemplate.Zephyr });
        using (GgufFile file = GgufFile.Open(folder["a.gguf"])) Assert.Equal(ChatTemplate.Zephyr, file.Values["tokenizer.chat_template"]);
        GgufExporter.Export(model, GgufModels.Tokenizer, folder["a.gguf"]);
        using (GgufFile file = GgufFile.Open(folder["a.gguf"])) Assert.DoesNotContain("tokenizer.chat_template", file.Values.Keys);
        Assert.Contains("ChatTemplate needs a tokenizer", Assert.Throws<ArgumentException>(() => GgufExporter.Export(model, null, folder["a.gguf"], new() { ChatTemplate = ChatTemplate.Zephyr })).Message);
    }

    [Fact]
    public void Export_WhatLlamaCppLacks_SaysWhy()
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel gpt = GgufModels.Create("gpt2");
        Contains("A bert model cannot be exported as GGUF; gpt2, llama, mistral, qwen2, qwen3 can.", () => new BertModel(new BertConfig { VocabSize = 31, LayerCount = 1, HeadCount = 1, EmbeddingDim = 8, FeedForwardDim = 8 }), null);
        Contains("has the head None", () => new GptModel(new GptConfig { VocabSize = 347, LayerCount = 1, HeadCount = 1, EmbeddingDim = 8 }, ModelHead.None), null);
        Contains("HeadWidth (4) must be EmbeddingDim / HeadCount (12 / 2)", () => new GptModel(new GptConfig { VocabSize = 347, LayerCount = 1, HeadCount = 2, EmbeddingDim = 12, HeadWidth = 4 }), null);
        Contains("HasAttentionBias (true) must be false", () => new LlamaModel(new LlamaConfig { Variant = LlamaVariant.Qwen3, VocabSize = 347, LayerCount = 1, HeadCount = 1, EmbeddingDim = 8, FeedForwardDim = 8, HasAttentionBias = true }), null);
        Contains("The tokenizer has 347 tokens and the model 31", () => GgufModels.Create("gpt2", 31), GgufModels.Tokenizer);
        Contains("a WordPiece model", () => GgufModels.Create("gpt2"), PipelineTokenizer.TrainWordPiece([GgufModels.Text], new() { VocabSize = 97 }, cancellation: TestContext.Current.CancellationToken));
        Contains("lacks '<0x00>'", () => GgufModels.Create("gpt2"), PipelineTokenizer.TrainBpe([GgufModels.Text], new() { VocabSize = 97 }, cancellation: TestContext.Current.CancellationToken));
        Contains("lists some merges only", () => GgufModels.Create("gpt2", 400), PipelineTokenizer.TrainBpe([GgufModels.Text], new() { VocabSize = 400, ByteFallback = true }, cancellation: TestContext.Current.CancellationToken));
        Contains("is quantized", () =>
        {
            ITransformerModel model = GgufModels.Create("gpt2");
            Quantizer.Quantize(model, new QuantizationOptions());
            return model;
        }, GgufModels.Tokenizer);
        using (GptModel prompted = (GptModel)GgufModels.Create("gpt2"))
        using (new PromptTuning(prompted, new() { Length = 2 }))
            Assert.Contains("The model has virtual tokens", Assert.Throws<ArgumentException>(() => GgufExporter.Export(prompted, GgufModels.Tokenizer, folder["a.gguf"])).Message);
        using (GptModel adapted = (GptModel)GgufModels.Create("gpt2"))
        using (var lora = new LoraAdapter(adapted, new()))
        {
            Assert.Contains("is computed by a LowRankTransform", Assert.Throws<ArgumentException>(() => GgufExporter.Export(adapted, GgufModels.Tokenizer, folder["a.gguf"])).Message);
            lora.Merge();   // updates that are new change nothing
            GgufExporter.Export(adapted, GgufModels.Tokenizer, folder["a.gguf"]);
            GgufExporter.Export(gpt, GgufModels.Tokenizer, folder["b.gguf"], new() { Name = "a" });
            Assert.Equal(File.ReadAllBytes(folder["b.gguf"]), File.ReadAllBytes(folder["a.gguf"]));
            File.Delete(folder["a.gguf"]);
            File.Delete(folder["b.gguf"]);
        }
        Assert.Contains("Precision (77) must be", Assert.Throws<ArgumentException>(() => GgufExporter.Export(gpt, null, folder["a.gguf"], new() { Precision = (GgufPrecision)77 })).Message);
        Assert.Empty(folder.Entries);

        void Contains(string message, Func<ITransformerModel> create, TextTokenizer? tokenizer)
        {
            using ITransformerModel model = create();
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => GgufExporter.Export(model, tokenizer, folder["a.gguf"])).Message);
        }
    }
}
