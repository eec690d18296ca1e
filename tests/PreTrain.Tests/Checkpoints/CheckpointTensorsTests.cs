using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class CheckpointTensorsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>The tensors of <c>fixtures/sharded</c>, as the script beside it makes them.</summary>
    internal static void CheckLayers(CheckpointTensors checkpoint)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(11, checkpoint.Names.Count);
        for (var i = 0; i < 5; i++)
        {
            var weight = checkpoint.Read($"layer.{i}.weight");
            Assert.Equal([7L, 11], weight.shape);
            Assert.Equal(Enumerable.Range(0, 77).Select(x => x + 1000f * i), weight.data<float>().ToArray());
            var bias = zeros(7);
            checkpoint.ReadInto($"layer.{i}.bias", bias);
            Assert.Equal(ScalarType.BFloat16, checkpoint.Info($"layer.{i}.bias").DataType);
            Assert.Equal(Enumerable.Range(0, 7).Select(x => (float)(x - i)), bias.data<float>().ToArray());
        }
        Assert.Equal(Enumerable.Range(0, 3072).Select(x => (float)(Half)x), checkpoint.View("large").to(ScalarType.Float32).data<float>().ToArray());
    }

    [Fact]
    public void Open_ShardsOfTheReferenceImplementation_GivesAllTensors()
    {
        using var checkpoint = CheckpointTensors.Open(SafetensorsBytes.Fixture("sharded"));

        Assert.Equal(CheckpointFormat.Safetensors, checkpoint.Format);
        Assert.Equal(["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"], checkpoint.Files.Select(Path.GetFileName));
        Assert.Equal("pt", checkpoint.Metadata["format"]);
        Assert.EndsWith("model-00003-of-00003.safetensors", checkpoint.Info("layer.4.bias").File);
        CheckLayers(checkpoint);
    }

    [Fact]
    public void Open_SingleFileBesideAnIndex_IsPreferred()
    {
        CopyShards();
        using var one = ones(3);
        SafetensorsWriter.Write(folder["model.safetensors"], [("w", one)]);

        using var checkpoint = CheckpointTensors.Open(folder.Root);

        Assert.Equal(["w"], checkpoint.Names);
        Assert.Equal(folder["model.safetensors"], checkpoint.Path);
    }

    [Fact]
    public void Open_ManyFaults_AreReportedTogether()
    {
        CopyShards();
        using var values = ones(7, 11);
        File.Delete(folder["model-00001-of-00003.safetensors"]);
        SafetensorsWriter.Write(folder["model-00002-of-00003.safetensors"], [("large", values), ("layer.3.weight", values), ("extra", values)]);
        SafetensorsWriter.Write(folder["model-00003-of-00003.safetensors"], [("layer.3.weight", values), ("layer.4.weight", values)]);

        var e = Assert.Throws<CheckpointException>(() => CheckpointTensors.Open(folder.Root));

        Assert.Equal(folder["model.safetensors.index.json"], e.File);
        Assert.Equal(
            [
                "the shard 'model-00001-of-00003.safetensors' does not exist; 6 tensors are in it, the first is 'layer.0.weight'.",
                "the tensor 'layer.3.weight' is in both 'model-00002-of-00003.safetensors' and 'model-00003-of-00003.safetensors'.",
                "the index places 'layer.3.bias' in 'model-00003-of-00003.safetensors', which lacks it.",
                "the index places 'layer.4.bias' in 'model-00003-of-00003.safetensors', which lacks it.",
            ], e.Faults);
        Assert.StartsWith($"{e.File}: 4 faults:\n  the shard 'model-00001", e.Message);
    }

    [Fact]
    public void Open_DamagedShard_IsNamedWithTheOthers()
    {
        CopyShards();
        File.WriteAllBytes(folder["model-00001-of-00003.safetensors"], [1, 2, 3]);
        File.Delete(folder["model-00003-of-00003.safetensors"]);

        var e = Assert.Throws<CheckpointException>(() => CheckpointTensors.Open(folder.Root));

        Assert.Equal(2, e.Faults.Count);
        Assert.Contains("model-00001-of-00003.safetensors: the file has 3 bytes", e.Faults[0]);
        File.Delete(folder["model-00001-of-00003.safetensors"]);   // nothing is left open
    }

    [Theory]
    [InlineData("", "the index is damaged:")]
    [InlineData("[]", "the index must be an object with the member 'weight_map'")]
    [InlineData("""{"weight_map":[]}""", "the index must be an object with the member 'weight_map'")]
    [InlineData("""{"weight_map":{}}""", "the index lists no tensors.")]
    [InlineData("""{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}""", "the index is damaged:")]
    [InlineData("""{"weight_map":{"w":3}}""", "the index has 3 for 'w', and a file's name is wanted.")]
    [InlineData("""{"weight_map":{"w":"../secret.safetensors"}}""", "the index places 'w' in '../secret.safetensors', which is no name of a file in the same folder.")]
    [InlineData("""{"weight_map":{"w":".."}}""", "the index places 'w' in '..', which is no name of a file in the same folder.")]
    [InlineData("""{"weight_map":{"w":"\ud800"}}""", "the index is damaged:")]
    public void Open_BrokenIndex_SaysWhatIsWrong(string index, string fault)
    {
        var path = folder["model.safetensors.index.json"];
        File.WriteAllText(path, index);

        var e = Assert.Throws<CheckpointException>(() => CheckpointTensors.Open(folder.Root));

        Assert.StartsWith($"{path}: {fault}", e.Message);
    }

    [Fact]
    public void Open_FolderWithoutWeights_ListsWhatWasLookedFor()
    {
        var e = Assert.Throws<CheckpointException>(() => CheckpointTensors.Open(folder.Root));

        Assert.Equal($"{folder.Root}: the folder holds no weights; it would have model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json.", e.Message);
        Assert.False(CheckpointTensors.Exists(folder.Root));
    }

    [Fact]
    public void Open_ShardsWithoutIndex_SaysSo()
    {
        CopyShards();
        File.Delete(folder["model.safetensors.index.json"]);

        var e = Assert.Throws<CheckpointException>(() => CheckpointTensors.Open(folder.Root));

        Assert.Equal($"{folder.Root}: the folder holds 'model-00001-of-00003.safetensors', but no 'model.safetensors.index.json', which says where each tensor is.", e.Message);
    }

    [Fact]
    public void Open_MissingFile_SaysSo()
    {
        var e = Assert.Throws<CheckpointException>(() => CheckpointTensors.Open(folder["none.safetensors"]));

        Assert.Equal($"{folder["none.safetensors"]}: the file does not exist.", e.Message);
    }

    [Fact]
    public void Info_UnknownName_ShowsSomeThatExist()
    {
        using var checkpoint = CheckpointTensors.Open(SafetensorsBytes.Fixture("sharded"));

        var e = Assert.Throws<CheckpointException>(() => checkpoint.Info("wte"));

        Assert.Equal("wte", e.Tensor);
        Assert.Contains("the checkpoint has no tensor of this name. It has 11: layer.", e.Message);
        Assert.False(checkpoint.Contains("wte"));
    }

    private void CopyShards()
    {
        foreach (var file in Directory.GetFiles(SafetensorsBytes.Fixture("sharded")))
            File.Copy(file, folder[Path.GetFileName(file)]);
    }
}
