using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.Roberta;
using PreTrain.Modules;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

/// <summary>Prompts and prefixes against transformers (make_virtual_tokens_fixture.py), and what must hold of them besides.</summary>
[Collection(nameof(RunsAlone))]
public sealed class VirtualTokensTests : IDisposable
{
    private static readonly JsonElement s_fixture = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "FineTuning", "fixtures", "virtual-tokens.json"))).RootElement;
    private readonly TemporaryFolder folder = new();

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, s_fixture.GetProperty("cases").GetArrayLength())];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void FromPretrained_FolderAsPeftWritesIt_ComputesWhatTransformersDoes(int number)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement expected = s_fixture.GetProperty("cases")[number];
        string family = expected.GetProperty("family").GetString()!, name = expected.GetProperty("model").GetString()!, kind = expected.GetProperty("kind").GetString()!;
        using FamilyFixture fixture = FamilyFixture.Open(family, name);
        Directory.CreateDirectory(folder["base"]);
        fixture.WriteFolder(folder["base"]);
        using ITransformerModel model = AutoModel.FromPretrained(folder["base"]);
        var module = (nn.Module)model;
        module.eval();

        long[] shape = [.. expected.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64())];
        Directory.CreateDirectory(folder["adapter"]);
        SafetensorsWriter.Write(Path.Combine(folder["adapter"], "adapter_model.safetensors"), [("prompt_embeddings", FamilyFixture.Weight($"{kind}.{family}.{name}", shape))]);
        File.WriteAllText(Path.Combine(folder["adapter"], "adapter_config.json"), $$"""{"peft_type": "{{kind.ToUpperInvariant()}}_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": {{shape[0]}}, "num_transformer_submodules": 1}""");
        using IAdapter adapter = AdapterFolder.Open(model, folder["adapter"]);
        Assert.Equal(kind == "prompt" ? AdapterKind.Prompt : AdapterKind.Prefix, adapter.Kind);

        Tensor ids = Whole(expected.GetProperty("ids")), mask = Whole(expected.GetProperty("mask"));
        Tensor logits = model.Forward(new() { Ids = ids, AttentionMask = mask }).Logits;
        Assert.Equal(expected.GetProperty("logits_shape").EnumerateArray().Select(e => e.GetInt64()), logits.shape);
        if (logits.ndim == 3) logits = logits * mask.unsqueeze(-1);
        double[] wanted = [.. expected.GetProperty("logits").EnumerateArray().Select(e => e.GetDouble())];
        AssertClose(wanted, Doubles(logits), logits.size(-1), 2e-5, "logits", 1);

        // The gradient of the whole tensor: the parameters' side by side, as it is saved.
        logits.square().sum().backward();
        Tensor gradient = cat([.. module.named_parameters().Where(p => p.name.Contains("prefix.") || p.name.EndsWith("prompt.embeddings")).Select(p => p.parameter.grad!)], 1);
        double norm = expected.GetProperty("gradient_norm").GetDouble();
        Assert.Equal(norm, gradient.norm().item<float>(), 1e-4 * norm);
        Assert.Equal(expected.GetProperty("gradient_product").GetDouble(), (gradient * FamilyFixture.Weight("product", shape)).sum().item<float>(), 1e-4 * norm);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void NextLogits_WithACache_AreThoseOfTheWholeSequence(bool llama, bool prompt)
    {
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = llama ? Llama() : Gpt();
        var writer = (ICausalLanguageModel)model;
        using IAdapter adapter = Adapt(model, prompt, length: 4);
        Assert.Equal(13 - 4, writer.ContextLength);
        long[] ids = [7, 3, 9, 1, 12, 5];
        Tensor whole;
        using (no_grad()) whole = writer.Logits(tensor(ids, [1, 6]));
        using IDisposable mode = inference_mode();
        using KeyValueCache cache = writer.CreateCache(1, 6);
        AssertClose(Doubles(whole[.., 2]), Doubles(writer.NextLogits(tensor(ids[..3], [1, 3]), cache)), 31, 1e-4, "three at once");
        for (int t = 3; t < 6; t++) AssertClose(Doubles(whole[.., t]), Doubles(writer.NextLogits(tensor(ids[t..(t + 1)], [1, 1]), cache)), 31, 1e-4, $"token {t}");
        Assert.Equal(6, cache.Length);
        Assert.Throws<InvalidOperationException>(() => writer.NextLogits(tensor(ids[..1], [1, 1]), cache));   // it is full

        // Cleared, it still begins with the virtual tokens; a shorter row leaves places empty behind them.
        cache.Clear();
        AssertClose(Doubles(whole[.., 1]), Doubles(writer.NextLogits(tensor(ids[..2], [1, 2]), cache)), 31, 1e-4, "again");
        using KeyValueCache two = writer.CreateCache(2, 4);
        two.LeaveEmpty([0, 1]);
        Tensor both = writer.NextLogits(tensor(new long[] { 7, 3, 9, 0, 7, 3 }, [2, 3]), two);
        AssertClose(Doubles(whole[.., 2]), Doubles(both[0]), 31, 1e-4, "the longer row");
        AssertClose(Doubles(whole[.., 1]), Doubles(both[1]), 31, 1e-4, "the shorter row");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Dispose_Adapter_GivesTheModelBackAndLeavesNoTensor(bool prompt)
    {
        using GptModel model = Gpt();
        using Tensor ids = tensor(new long[] { 7, 3, 9 }, [1, 3]);
        double[] Logits()
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable mode = no_grad();
            return Doubles(model.Logits(ids));
        }
        double[] plain = Logits();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++)
        {
            using IAdapter adapter = Adapt(model, prompt, 4);
            Assert.NotEqual(plain, Logits());
            Assert.Equal(adapter.ParameterCount, model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()));
        }
        Assert.Equal(before, LiveTensors.Count());
        Assert.Equal(plain, Logits());
        Assert.Equal(13, model.ContextLength);
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RecomputeActivations_WithVirtualTokens_GivesTheSameGradients(bool prompt)
    {
        using DisposeScope scope = NewDisposeScope();
        using GptModel model = Gpt();
        using IAdapter adapter = Adapt(model, prompt, 4);
        Tensor ids = tensor(new long[] { 7, 3, 9, 2, 2, 8 }, [2, 3]), targets = tensor(new long[] { 3, 9, 1, 2, 8, 30 }, [2, 3]);
        byte[][] Gradients(bool recompute)
        {
            model.RecomputeActivations = recompute;
            model.zero_grad();
            model.Loss(ids, targets, 6).backward();
            return [.. model.parameters().Where(p => p.requires_grad).Select(p => Bytes(p.grad!))];
        }
        Assert.Equal(Gradients(false), Gradients(true));
    }

    [Fact]
    public void Constructor_InitialTokens_AreTheirEmbeddingsInTurn()
    {
        using GptModel model = Gpt();
        using var adapter = new PromptTuning(model, new() { Length = 5, InitialTokens = [4, 17] });
        Tensor prompt = model.state_dict()["prompt.embeddings"];
        for (int p = 0; p < 5; p++) Assert.Equal(Bytes(model.token_embedding[p % 2 == 0 ? 4 : 17]), Bytes(prompt[p]));
    }

    [Fact]
    public void Constructor_WhatDoesNotFit_IsRefused()
    {
        using GptModel model = Gpt();
        string Fault(Action create) => Assert.Throws<ArgumentException>(create).Message;
        Assert.Equal("Length (13) must be below the model's context (13 tokens).", Fault(() => new PromptTuning(model, new() { Length = 13 })));
        Assert.Equal("Length (0) must be at least 1.", Fault(() => new PrefixTuning(model, new() { Length = 0 })));
        Assert.StartsWith("InitialTokens (4, 31) must be from 0 to 30.", Fault(() => new PromptTuning(model, new() { Length = 2, InitialTokens = [4, 31] })));
        Assert.StartsWith("InitialTokens (-1) must be from 0 to 30.", Fault(() => new PromptTuning(model, new() { Length = 2, InitialTokens = [-1] })));
        using (new PrefixTuning(model, new() { Length = 2 })) Assert.StartsWith("The model has a prefix already; dispose it first.", Fault(() => new PrefixTuning(model, new() { Length = 2 })));
        using (new PromptTuning(model, new() { Length = 2 })) Assert.StartsWith("The model has a prompt already; dispose it first.", Fault(() => new PromptTuning(model, new() { Length = 2 })));
        using (new PrefixTuning(model, new() { Length = 2 }))
        {
            using Tensor ids = zeros([1, 12], dtype: ScalarType.Int64);
            Assert.StartsWith("The sequence has 12 tokens, more than the context length (11).", Fault(() => model.Logits(ids)));
        }
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
        using var roberta = new RobertaModel(new() { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 2, EmbeddingDim = 10, FeedForwardDim = 17 });
        Assert.StartsWith("A roberta model takes no virtual tokens; gpt2, llama and its relatives, and bert do.", Fault(() => new PromptTuning(roberta)));
        using var mistral = new LlamaModel(new() { VocabSize = 31, EmbeddingDim = 12, LayerCount = 1, HeadCount = 2, KeyValueHeadCount = 1, FeedForwardDim = 17, ContextLength = 13, SlidingWindow = 4 });
        Assert.StartsWith("The model's attention is limited to a window", Fault(() => new PrefixTuning(mistral, new() { Length = 2 })));
    }

    [Fact]
    public void FromPretrained_OfAnotherModel_SaysSo()
    {
        using GptModel model = Gpt();
        using LlamaModel llama = Llama();
        using (IAdapter adapter = Adapt(model, false, 4)) adapter.SavePretrained(folder["prefix"]);
        using (IAdapter adapter = Adapt(model, true, 4)) adapter.SavePretrained(folder["prompt"]);
        string Fault(string name) => Assert.Throws<CheckpointException>(() => AdapterFolder.Open(llama, folder[name])).Message;
        Assert.Contains("token_dim is 10, and the model's width is 6; the adapter is for another one. num_layers is 1, and the model has 2; the adapter is for another one.", Fault("prefix"));
        Assert.Contains("token_dim is 10, and the model's width is 12; the adapter is for another one.", Fault("prompt"));
        Assert.Contains("peft_type is \"PROMPT_TUNING\"; a PrefixTuning computes \"PREFIX_TUNING\".", Assert.Throws<CheckpointException>(() => PrefixTuning.FromPretrained(model, folder["prompt"])).Message);
        Assert.All(llama.parameters(), p => Assert.True(p.requires_grad));
        Assert.False(PromptTuning.FromPretrained(model, folder["prompt"]).CanMerge);
    }

    private static GptModel Gpt()
    {
        using var generator = new Generator(3);
        var model = new GptModel(new() { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 2, EmbeddingDim = 10, FeedForwardDim = 17, Dropout = 0.3, InitializerRange = 0.3 }, generator: generator);
        model.eval();
        return model;
    }

    private static LlamaModel Llama()
    {
        using var generator = new Generator(3);
        var model = new LlamaModel(new() { VocabSize = 31, EmbeddingDim = 12, LayerCount = 2, HeadCount = 2, KeyValueHeadCount = 1, FeedForwardDim = 17, ContextLength = 13, InitializerRange = 0.3 }, generator: generator);
        model.eval();
        return model;
    }

    private static IAdapter Adapt(ITransformerModel model, bool prompt, int length)
    {
        using var generator = new Generator(5);
        return prompt ? new PromptTuning(model, new() { Length = length }, generator) : new PrefixTuning(model, new() { Length = length, InitialDeviation = 1 }, generator);
    }

    private static Tensor Whole(JsonElement rows) => tensor(rows.EnumerateArray().SelectMany(row => row.EnumerateArray().Select(e => e.GetInt64())).ToArray(), [rows.GetArrayLength(), rows[0].GetArrayLength()]);
}
