using System.Text.Json;
using TorchSharp;

namespace PreTrain.Cli.Tests.Commands;

public class InfoCommandTests
{
    [Fact]
    public async Task Info_Json_IsOneObjectWithTheKeysOfTheContract()
    {
        ToolResult result = await ToolRunner.RunProcess("info", "--json");

        Assert.Equal(["version", "provider", "libtorch", "device", "cuda", "threads", "simd"], result.Keys());
        JsonElement json = result.Json();
        Assert.Matches(@"^\d+\.\d+\.\d+", json.GetProperty("version").GetString());
        Assert.Contains(json.GetProperty("provider").GetString(), new[] { "System", "NuGet" });
        Assert.Equal(torch.__version__, json.GetProperty("libtorch").GetString());
        Assert.Equal(torch.cuda.is_available(), json.GetProperty("cuda").GetBoolean());
        Assert.Equal(torch.cuda.is_available() ? "cuda" : "cpu", json.GetProperty("device").GetString());
        Assert.Equal(Environment.ProcessorCount, json.GetProperty("threads").GetInt32());
        Assert.NotEmpty(json.GetProperty("simd").EnumerateArray());
        Assert.Equal("", result.Error);
    }

    [Fact]
    public void Info_Threads_AreSetAndShown()
    {
        Assert.Equal(1, ToolRunner.Run("info", "--json", "--threads", "1").Json().GetProperty("threads").GetInt32());
        Assert.Equal(1, torch.get_num_threads());
    }

    [Fact]
    public void Info_Text_HasALineForEachFact()
    {
        ToolResult result = ToolRunner.Run("info");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(["version", "provider", "libtorch", "device", "cuda", "threads", "simd"],
            result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0]));
    }

    [Fact]
    public void Info_CudaWithoutADevice_SaysSoAndEndsWith5()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "This machine has a CUDA device.");

        ToolResult result = ToolRunner.Run("info", "--device", "cuda", "--json");

        Assert.Equal(5, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.StartsWith($"error: --device cuda: libtorch {torch.__version__} finds no CUDA device here. Use --device cpu;", result.Error);
    }
}
