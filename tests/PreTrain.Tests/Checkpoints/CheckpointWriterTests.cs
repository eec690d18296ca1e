using System.Text.Json;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class CheckpointWriterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_SmallShards_DealsTensorsOutAsTheReferenceImplementation()
    {
        using var scope = NewDisposeScope();
        using var reference = CheckpointTensors.Open(SafetensorsBytes.Fixture("sharded"));
        string[] order = [.. Enumerable.Range(0, 5).SelectMany(i => new[] { $"layer.{i}.weight", $"layer.{i}.bias" }), "large"];

        var files = CheckpointWriter.Write(folder.Root, order.Select(name => (name, reference.Read(name))), new CheckpointWriterOptions { MaxShardBytes = 1000 });

        string[] names = ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"];
        Assert.Equal(names, files);
        Assert.Equal(names, folder.Entries);
        using (var written = CheckpointTensors.Open(folder.Root))
            CheckpointTensorsTests.CheckLayers(written);
        using var expected = JsonDocument.Parse(File.ReadAllText(SafetensorsBytes.Fixture("sharded/model.safetensors.index.json")));
        using var actual = JsonDocument.Parse(File.ReadAllText(folder["model.safetensors.index.json"]));
        Assert.Equal(expected.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64(), actual.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(Map(expected), Map(actual));

        static Dictionary<string, string?> Map(JsonDocument index) => index.RootElement.GetProperty("weight_map").EnumerateObject().ToDictionary(e => e.Name, e => e.Value.GetString());
    }

    [Theory]
    [InlineData(12, 1_000)]
    [InlineData(12, 48)]
    [InlineData(48, 12)]
    [InlineData(12, 12)]
    [InlineData(1_000, 12)]
    [InlineData(1_000, 1_000)]
    public void Write_OverAnotherCheckpoint_LeavesOnlyTheNewOne(long before, long after)
    {
        using var scope = NewDisposeScope();
        File.WriteAllText(folder["config.json"], "{}");
        File.WriteAllText(folder["model-extra.safetensors"], "");
        CheckpointWriter.Write(folder.Root, Enumerable.Range(0, 7).Select(i => ($"old{i}", zeros(3))), new CheckpointWriterOptions { MaxShardBytes = before });

        var files = CheckpointWriter.Write(folder.Root, Enumerable.Range(0, 7).Select(i => ($"new{i}", ones(3))), new CheckpointWriterOptions { MaxShardBytes = after });

        Assert.Equal(files.Append("config.json").Append("model-extra.safetensors").Order(StringComparer.Ordinal), folder.Entries);
        using var checkpoint = CheckpointTensors.Open(folder.Root);
        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"new{i}"), checkpoint.Names.Order());
        Assert.All(checkpoint.Names, name => Assert.Equal([1f, 1, 1], checkpoint.Read(name).data<float>().ToArray()));
    }

    [Fact]
    public void Write_TensorThatCannotBeWritten_LeavesTheOldShards()
    {
        using var scope = NewDisposeScope();
        var options = new CheckpointWriterOptions { MaxShardBytes = 12 };
        CheckpointWriter.Write(folder.Root, [("a", zeros(3)), ("b", zeros(3))], options);
        var before = folder.Entries;
        var disposed = ones(3);
        var entry = TensorEntry.Of("b", disposed);
        disposed.Dispose();

        Assert.ThrowsAny<Exception>(() => CheckpointWriter.Write(folder.Root, [TensorEntry.Of("a", ones(3)), entry], options));

        Assert.Equal(before, folder.Entries);
        using var checkpoint = CheckpointTensors.Open(folder.Root);
        Assert.Equal([0f, 0, 0], checkpoint.Read("a").data<float>().ToArray());
    }

    /// <summary>Large enough to be read by several threads, and to be converted in several pieces.</summary>
    [Theory]
    [InlineData(CheckpointFormat.Safetensors)]
    [InlineData(CheckpointFormat.PyTorch)]
    public void Write_LargeTensor_IsReadBack(CheckpointFormat format)
    {
        using var scope = NewDisposeScope();
        var values = arange(3 * 1_048_583, dtype: ScalarType.Int32).view(3, -1);
        CheckpointWriter.Write(folder.Root, [("large", values)], new CheckpointWriterOptions { Format = format });

        using var checkpoint = CheckpointTensors.Open(folder.Root);
        var target = zeros(values.shape, dtype: ScalarType.Int64);
        checkpoint.ReadInto("large", target);

        Assert.Equal(values.bytes, checkpoint.Read("large").bytes);
        Assert.Equal(values.bytes, checkpoint.View("large").bytes);
        Assert.True(values.to(ScalarType.Int64).equal(target).all().item<bool>());
    }

    [Fact]
    public void Write_NameInTwoShards_IsRefused()
    {
        using var one = ones(3);

        var e = Assert.Throws<ArgumentException>(() => CheckpointWriter.Write(folder.Root, [("w", one), ("w", one)], new CheckpointWriterOptions { MaxShardBytes = 12 }));

        Assert.StartsWith("The name 'w' appears twice; each tensor needs its own.", e.Message);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Write_NothingAtAll_IsAReadableCheckpoint()
    {
        Assert.Equal(["model.safetensors"], CheckpointWriter.Write(folder.Root, []));

        using var checkpoint = CheckpointTensors.Open(folder.Root);
        Assert.Empty(checkpoint.Names);
    }

    [Fact]
    public void Validate_WrongOptions_NamesThemAll()
    {
        var e = Assert.Throws<ArgumentException>(() => new CheckpointWriterOptions { Format = (CheckpointFormat)7, MaxShardBytes = 0 }.Validate());

        Assert.Equal("Format (7) must be Safetensors or PyTorch. MaxShardBytes (0) must be at least 1.", e.Message);
    }
}
