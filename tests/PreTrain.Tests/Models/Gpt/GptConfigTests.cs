using PreTrain.Models.Gpt;

namespace PreTrain.Tests.Models.Gpt;

public sealed class GptConfigTests
{
    [Fact]
    public void Validate_PaddingBehindTheVocabulary_IsLeft()
    {
        (new GptConfig { PaddingId = 50257 }).Validate();
        Assert.Equal("PaddingId (-1) must not be negative.", Assert.Throws<ArgumentException>(() => (new GptConfig { PaddingId = -1 }).Validate()).Message);
    }

    [Fact]
    public void Validate_EveryFault_IsNamedInOneMessage()
    {
        var config = new GptConfig
        {
            VocabSize = 0,
            ContextLength = -3,
            LayerCount = 0,
            HeadCount = 12,
            EmbeddingDim = 770,
            FeedForwardDim = -1,
            Dropout = 1,
            NormEpsilon = 0,
            InitializerRange = double.NaN,
        };

        var e = Assert.Throws<ArgumentException>(config.Validate);

        Assert.Equal(
            "VocabSize (0) must be positive. ContextLength (-3) must be positive. LayerCount (0) must be positive. "
            + "EmbeddingDim (770) must be divisible by HeadCount (12). FeedForwardDim (-1) must be positive, or 0 for four times EmbeddingDim. "
            + "Dropout (1) must be at least 0 and below 1. NormEpsilon (0) must be positive. InitializerRange (NaN) must be positive.", e.Message);
    }

    [Fact]
    public void Validate_NoHeads_IsOneFault() =>
        Assert.Equal("HeadCount (0) must be positive.", Assert.Throws<ArgumentException>(() => (new GptConfig { HeadCount = 0 }).Validate()).Message);

    [Fact]
    public void Constructor_FaultyConfig_Throws() => Assert.Throws<ArgumentException>(() => new GptModel(new GptConfig { EmbeddingDim = 770 }));

    [Fact]
    public void Widths_OfAConfig_AreDerived()
    {
        var config = new GptConfig { HeadCount = 7, EmbeddingDim = 77 };

        Assert.Equal((11, 308), (config.HeadDim, config.InnerDim));
        Assert.Equal(53, (config with { FeedForwardDim = 53 }).InnerDim);
    }
}
