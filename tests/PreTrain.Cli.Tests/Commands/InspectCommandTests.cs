using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Models.Gpt;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class InspectCommandTests
{
    [Fact]
    public void Inspect_Json_DescribesFamilyMemoryAndTensors()
    {
        using var folder = new TemporaryFolder();
        GptConfig config = TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("inspect", folder.Path, "--json");

        Assert.Equal(["path", "format", "modelType", "architectures", "files", "tensorCount", "parameters", "bytes", "memory", "tensors"], result.Keys());
        JsonElement json = result.Json();
        using GptModel model = GptModel.FromPretrained(folder.Path);
        long parameters = model.parameters().Sum(parameter => parameter.NumberOfElements);
        Assert.Equal(("safetensors", "gpt2", parameters), (json.GetProperty("format").GetString(), json.GetProperty("modelType").GetString(), json.GetProperty("parameters").GetInt64()));
        Assert.Equal("GPT2LMHeadModel", json.GetProperty("architectures")[0].GetString());
        Assert.Equal((4 * parameters, 4 * parameters, 2 * parameters, parameters), (json.GetProperty("bytes").GetInt64(), json.GetProperty("memory").GetProperty("float32").GetInt64(),
            json.GetProperty("memory").GetProperty("bfloat16").GetInt64(), json.GetProperty("memory").GetProperty("int8").GetInt64()));
        JsonElement embedding = json.GetProperty("tensors").EnumerateArray().Single(tensor => tensor.GetProperty("name").GetString() == "transformer.wte.weight");
        Assert.Equal("F32", embedding.GetProperty("dtype").GetString());
        Assert.Equal([config.VocabSize, config.EmbeddingDim], embedding.GetProperty("shape").EnumerateArray().Select(length => length.GetInt32()));
        Assert.Equal("model.safetensors", embedding.GetProperty("file").GetString());
        Assert.Equal(JsonValueKind.Null, embedding.GetProperty("sharedWith").ValueKind);
    }

    [Fact]
    public void Inspect_Text_IsATable()
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "weights.safetensors");
        using Tensor weight = zeros(1000, 7), positions = arange(5), number = ones([]);
        SafetensorsWriter.Write(file, [("layer\n.weight", weight), ("positions", positions), ("scale", number)]);

        ToolResult result = ToolRunner.Run("inspect", file);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(
            """
            family      unknown (no config.json)
            format      safetensors, 1 file
            parameters  7,001 in 3 tensors, 27.4 KiB as stored
            memory      float32 27.3 KiB   bfloat16 13.7 KiB   float16 13.7 KiB   int8 6.8 KiB

            tensor         type  shape     elements   bytes
            positions      I64   5                5      40
            layer?.weight  F32   1000 × 7     7,000  28,000
            scale          F32   ()               1       4

            """, result.Output);
    }

    [Fact]
    public void Inspect_FolderOfARun_TakesTheModelInIt()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(Path.Combine(folder.Path, "model"));

        Assert.Equal("gpt2", ToolRunner.Run("inspect", folder.Path, "--json").Json().GetProperty("modelType").GetString());
    }

    [Fact]
    public void Inspect_BrokenShards_NamesAllFaultsAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "model.safetensors.index.json"), """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""");
        File.WriteAllText(Path.Combine(folder.Path, "model-00002-of-00002.safetensors"), "");

        ToolResult result = ToolRunner.Run("inspect", folder.Path);

        Assert.Equal((3, ""), (result.ExitCode, result.Output));
        Assert.Contains("model.safetensors.index.json: 2 faults:\n", result.Error);
        Assert.Contains("the shard 'model-00001-of-00002.safetensors' does not exist", result.Error);
        Assert.Contains("model-00002-of-00002.safetensors: the file has 0 bytes", result.Error);
    }

    [Fact]
    public void Inspect_NoSuchPath_EndsWith3()
    {
        ToolResult result = ToolRunner.Run("inspect", "no/such/model");

        Assert.Equal((3, "error: no/such/model: there is no such file or folder.\n"), (result.ExitCode, result.Error));
    }

    [Theory]
    [InlineData("[1]", "its top level is not an object.")]
    [InlineData("{", "it is not valid JSON: ")]
    public void Inspect_BrokenConfig_EndsWith3(string config, string fault)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string file = Path.Combine(folder.Path, "config.json");
        File.WriteAllText(file, config);

        ToolResult result = ToolRunner.Run("inspect", folder.Path);

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: {file}: {fault}", result.Error);
    }
}
