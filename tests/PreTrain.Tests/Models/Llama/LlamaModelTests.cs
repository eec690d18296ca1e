using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Llama;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Llama;

[Collection(nameof(RunsAlone))]
public sealed class LlamaModelTests
{
    /// <summary>Distinct primes, and for the second the widths that the fused kernels take.</summary>
    private static readonly LlamaConfig s_composed = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 2,
        HeadCount = 6,
        KeyValueHeadCount = 3,
        EmbeddingDim = 24,
        HeadWidth = 6,
        FeedForwardDim = 53,
        InitializerRange = 0.2,
    };
    private static readonly LlamaConfig s_fused = s_composed with { VocabSize = 43, ContextLength = 19, HeadCount = 3, KeyValueHeadCount = 1, EmbeddingDim = 48, HeadWidth = 32, FeedForwardDim = 80, IsHeadTied = true };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Llama")];

    public static TheoryData<LlamaVariant, ModelHead, bool> Variants
    {
        get
        {
            var data = new TheoryData<LlamaVariant, ModelHead, bool>();
            foreach (bool fused in new[] { false, true })
            {
                foreach (LlamaVariant variant in Enum.GetValues<LlamaVariant>()) data.Add(variant, ModelHead.CausalLanguageModel, fused);
                data.Add(LlamaVariant.Llama, ModelHead.SequenceClassification, fused);
                data.Add(LlamaVariant.Llama, ModelHead.None, fused);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("Llama", fixture, folder => LlamaModel.FromPretrained(folder), model => LlamaWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Variants))]
    public void Model_OfEveryVariantAndHead_Conforms(LlamaVariant variant, ModelHead head, bool fused)
    {
        LlamaConfig config = (fused ? s_fused : s_composed) with { Variant = variant, SlidingWindow = variant == LlamaVariant.Mistral ? 4 : 0 };
        ModelConformance.Check(
            seed => new LlamaModel(config, head, new Generator(seed)),
            folder => LlamaModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                return new ModelInput { Ids = randint(0, config.VocabSize, [batch, length], dtype: ScalarType.Int64, generator: generator) };
            },
            config.VocabSize);
    }

    [Theory]
    [InlineData("tinyllama-1.1b", 1_100_048_384)]
    [InlineData("llama-2-7b", 6_738_415_616)]
    [InlineData("llama-3.1-8b", 8_030_261_248)]
    [InlineData("llama-3.2-1b", 1_235_814_400)]
    [InlineData("mistral-7b", 7_241_732_096)]
    [InlineData("qwen2.5-0.5b", 494_032_768)]
    [InlineData("qwen3-0.6b", 596_049_920)]
    public void Table_OfAPreset_CountsThePublishedParameters(string preset, long expected) =>
        Assert.Equal(expected, LlamaWeights.Table(LlamaPresets.All[preset], ModelHead.CausalLanguageModel).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));

    [Theory]
    [InlineData("llama", """ "rope_scaling": { "type": "linear" } """, "rope_scaling has no factor, which the rope_type 'linear' needs.")]
    [InlineData("llama", """ "rope_parameters": { "rope_type": "llama3" } """,
        "rope_parameters has no factor, which the rope_type 'llama3' needs. rope_parameters has no low_freq_factor, which the rope_type 'llama3' needs. rope_parameters has no high_freq_factor, which the rope_type 'llama3' needs.")]
    [InlineData("llama", """ "rope_parameters": { "rope_type": "default" }, "rope_scaling": { "rope_type": "yarn", "factor": 2 } """, "rope_type is 'yarn'; a LlamaModel computes default, linear and llama3.")]
    [InlineData("qwen2", """ "rope_parameters": { "full_attention": { "rope_type": "default" } } """, "rope_parameters differs by the type of layer; a LlamaModel turns heads in the same way in all layers.")]
    [InlineData("qwen2", """ "layer_types": ["sliding_attention", "full_attention", "full_attention"], "use_sliding_window": true """,
        "layer_types (sliding_attention, full_attention, full_attention) is not full_attention in all layers or sliding_attention in all, which a LlamaModel computes.")]
    [InlineData("qwen3", """ "layer_types": ["full_attention", "full_attention"] """, "layer_types has 2 layers, and num_hidden_layers is 3.")]
    [InlineData("qwen3", """ "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention"] """, "layer_types has sliding_attention, for which use_sliding_window and sliding_window give no window.")]
    [InlineData("qwen3", """ "use_sliding_window": true, "max_window_layers": 2 """,
        "max_window_layers (2) leaves the first of 3 layers without a window; a LlamaModel computes one kind of attention in all layers.")]
    public void ToConfig_WhatNoLlamaModelComputes_IsNamed(string modelType, string fields, string message)
    {
        var json = JsonNode.Parse($$"""{ "model_type": "{{modelType}}", "num_hidden_layers": 3, {{fields}} }""")!.AsObject();

        var e = Assert.Throws<CheckpointException>(() => LlamaWeights.ToConfig(new ConfigReader(json, "config.json")));

        Assert.EndsWith(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_MistralWithBiases_Throws()
    {
        var e = Assert.Throws<ArgumentException>(() => new LlamaModel(s_composed with { Variant = LlamaVariant.Mistral, HasAttentionBias = true }));

        Assert.Equal("HasAttentionBias (True) must be false for a Mistral, whose readers know none with biases.", e.Message);
    }
}
