using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;

namespace PreTrain.Tests.Models;

public sealed class TokenIdsTests
{
    [Theory]
    [InlineData("llama", """ "bos_token_id": 5, "eos_token_id": [7, 11] """, "5", "[7,11]")]
    [InlineData("llama", """ "bos_token_id": null, "eos_token_id": 7 """, "null", "7")]
    [InlineData("llama", """ "bos_token_id": -1, "eos_token_id": [] """, "null", "null")]
    [InlineData("mistral", """ "vocab_size": 13 """, "1", "2")]
    [InlineData("qwen2", """ "vocab_size": 13 """, "null", "null")]
    [InlineData("gpt2", """ "bos_token_id": 5, "eos_token_id": [7] """, "5", "7")]
    [InlineData("gpt2", """ "vocab_size": 13 """, "50256", "50256")]
    public void ToConfigJson_IdsOfAFolder_AreKept(string modelType, string fields, string begin, string end)
    {
        JsonObject read = JsonNode.Parse($$"""{ "model_type": "{{modelType}}", {{fields}} }""")!.AsObject();

        JsonObject json = Written(read), again = Written(json);

        Assert.Equal((begin, end), (Text(json["bos_token_id"]), Text(json["eos_token_id"])));
        Assert.Equal(json.ToJsonString(), again.ToJsonString());

        static string Text(JsonNode? node) => node?.ToJsonString() ?? "null";

        JsonObject Written(JsonObject from)
        {
            var reader = new ConfigReader(from, "config.json");
            return modelType == "gpt2" ? GptWeights.ToConfigJson(GptWeights.ToConfig(reader)) : LlamaWeights.ToConfigJson(LlamaWeights.ToConfig(reader), ModelHead.CausalLanguageModel);
        }
    }

    [Fact]
    public void ToConfig_EndIdsThatAreNone_AreNamed()
    {
        JsonObject json = JsonNode.Parse("""{ "model_type": "llama", "eos_token_id": ["end"] }""")!.AsObject();

        var e = Assert.Throws<CheckpointException>(() => LlamaWeights.ToConfig(new ConfigReader(json, "config.json")));

        Assert.EndsWith("eos_token_id is [\"end\"], which is not a list of whole numbers of 32 bits.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_NegativeIds_AreNamed()
    {
        var e = Assert.Throws<ArgumentException>(new LlamaConfig { BeginId = -3, EndIds = [5, -7] }.Validate);

        Assert.Equal("BeginId (-3) must not be negative. EndIds (5, -7) must not be negative.", e.Message);
    }

    [Fact]
    public void Equals_ConfigsWithTheSameIds_AreEqual()
    {
        Assert.Equal(new GptConfig { EndIds = [5, 7] }, new GptConfig { EndIds = [5, 7] });
        Assert.Equal(new GptConfig { EndIds = [5, 7] }.GetHashCode(), new GptConfig { EndIds = [5, 7] }.GetHashCode());
        Assert.NotEqual(new GptConfig { EndIds = [5, 7] }, new GptConfig { EndIds = [7, 5] });
        Assert.Equal(new GptConfig(), new GptConfig { EndIds = [] });
    }
}
