using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Models.Transformer;
using PreTrain.Tests.Checkpoints;

namespace PreTrain.Tests.Models;

public sealed class WritingRulesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("bart", "", "", "2", null, null)]
    [InlineData("marian", "", "", "0", null, null)]
    [InlineData("t5", "", "", null, null, null)]
    [InlineData("bart", """, "forced_eos_token_id": null""", "", null, null, null)]
    [InlineData("bart", """, "forced_bos_token_id": 0, "bad_words_ids": [[1], [5, 7]]""", "", "2", "0", "[[1],[5,7]]")]
    [InlineData("marian", """, "bad_words_ids": [[58100]]""", "", "0", null, "[[58100]]")]
    [InlineData("marian", """, "bad_words_ids": [[3]]""", """ "bad_words_ids": [[58100]], "forced_eos_token_id": 0 """, "0", null, "[[58100]]")]
    [InlineData("bart", """, "forced_bos_token_id": 0""", """ "forced_bos_token_id": null, "forced_eos_token_id": null """, null, null, null)]
    [InlineData("t5", "", """ "forced_bos_token_id": 7, "forced_eos_token_id": 1 """, "1", "7", null)]
    public void ToConfigJson_RulesOfAFolder_AreKept(string modelType, string fields, string generation, string? last, string? first, string? forbidden)
    {
        (JsonObject json, object config) = Read(modelType, fields, generation);
        File.WriteAllText(folder["config.json"], json.ToJsonString());
        File.Delete(folder["generation_config.json"]);
        object again = Config(modelType, ConfigReader.OfFolder(folder.Root)).Config;

        Assert.Equal((last, first, forbidden), (Text("forced_eos_token_id"), Text("forced_bos_token_id"), Text("bad_words_ids")));
        Assert.Equal(config, again);
        Assert.Equal(config.GetHashCode(), again.GetHashCode());

        string? Text(string name) => json[name]?.ToJsonString();
    }

    [Fact]
    public void ToConfig_EndIdsOfBothFiles_AreJoined()
    {
        File.WriteAllText(folder["config.json"], """{ "model_type": "gpt2", "eos_token_id": 5 }""");
        File.WriteAllText(folder["generation_config.json"], """{ "eos_token_id": [7, 5, 11] }""");
        Assert.Equal([5, 7, 11], GptWeights.ToConfig(ConfigReader.OfFolder(folder.Root)).EndIds);

        File.WriteAllText(folder["config.json"], """{ "model_type": "gpt2" }""");
        Assert.Equal([7, 5, 11], GptWeights.ToConfig(ConfigReader.OfFolder(folder.Root)).EndIds);
    }

    [Theory]
    [InlineData("""{ "bad_words_ids": [3] }""", "generation_config.json", "bad_words_ids is [3], which is not a list of lists of whole numbers of 32 bits.")]
    [InlineData("""{ "bad_words_ids": [[60000]] }""", "config.json", "Forbidden ([60000]) must hold sequences of at least one token, from 0 to 50264.")]
    [InlineData("""{ "forced_bos_token_id": 60000 }""", "config.json", "FirstId (60000) must be a token, from 0 to 50264.")]
    [InlineData("[", "generation_config.json", "it is not valid JSON")]
    public void ToConfig_RulesThatAreNone_AreNamed(string generation, string file, string message)
    {
        File.WriteAllText(folder["config.json"], """{ "model_type": "bart" }""");
        File.WriteAllText(folder["generation_config.json"], generation);

        var e = Assert.Throws<CheckpointException>(() => BartWeights.ToConfig(ConfigReader.OfFolder(folder.Root)));

        Assert.StartsWith(folder[file], e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    private (JsonObject Json, object Config) Read(string modelType, string fields, string generation)
    {
        File.WriteAllText(folder["config.json"], $$"""{ "model_type": "{{modelType}}"{{fields}} }""");
        if (generation.Length > 0) File.WriteAllText(folder["generation_config.json"], $"{{{generation}}}");
        return Config(modelType, ConfigReader.OfFolder(folder.Root));
    }

    private static (JsonObject Json, object Config) Config(string modelType, ConfigReader reader)
    {
        switch (modelType)
        {
            case "bart":
                BartConfig bart = BartWeights.ToConfig(reader);
                return (BartWeights.ToConfigJson(bart, ModelHead.SequenceToSequence), bart);
            case "marian":
                TransformerConfig marian = TransformerWeights.ToConfig(reader);
                return (TransformerWeights.ToConfigJson(marian), marian);
            default:
                T5Config t5 = T5Weights.ToConfig(reader);
                return (T5Weights.ToConfigJson(t5, ModelHead.SequenceToSequence), t5);
        }
    }
}
