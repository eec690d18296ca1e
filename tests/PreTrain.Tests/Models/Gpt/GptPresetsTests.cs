using PreTrain.Models.Gpt;

namespace PreTrain.Tests.Models.Gpt;

public sealed class GptPresetsTests
{
    [Fact]
    public void All_Presets_AreValidAndFoundInAnyCase()
    {
        Assert.Equal(["char", "gpt2-large", "gpt2-medium", "gpt2-small", "gpt2-xl", "nano"], GptPresets.All.Keys.Order(StringComparer.Ordinal));
        foreach (GptConfig config in GptPresets.All.Values) config.Validate();
        Assert.Same(GptPresets.Gpt2Small, GptPresets.All["GPT2-Small"]);
    }
}
