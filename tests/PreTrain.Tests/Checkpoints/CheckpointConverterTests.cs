using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class CheckpointConverterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("sharded-bin", CheckpointFormat.Safetensors, 1_000_000, 1)]
    [InlineData("sharded-bin", CheckpointFormat.PyTorch, 1_000_000, 1)]
    [InlineData("sharded", CheckpointFormat.PyTorch, 1_000, 4)]
    [InlineData("sharded", CheckpointFormat.Safetensors, 1, 12)]
    public void Convert_BetweenFormatsAndShards_KeepsAllValues(string fixture, CheckpointFormat format, long shardBytes, int files)
    {
        var written = CheckpointConverter.Convert(SafetensorsBytes.Fixture(fixture), folder["out"], new() { Format = format, MaxShardBytes = shardBytes }, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(files, written.Count);
        using var checkpoint = CheckpointTensors.Open(folder["out"]);
        Assert.Equal(format, checkpoint.Format);
        CheckpointTensorsTests.CheckLayers(checkpoint);
    }

    [Fact]
    public void Convert_TypesThatTorchLacks_AreCopiedByteForByte()
    {
        var source = SafetensorsBytes.Fixture("narrow-types.safetensors");

        CheckpointConverter.Convert(source, folder["there.bin"], cancellationToken: TestContext.Current.CancellationToken);
        CheckpointConverter.Convert(folder["there.bin"], folder["back.safetensors"], cancellationToken: TestContext.Current.CancellationToken);

        using var before = SafetensorsFile.Open(source);
        using var after = SafetensorsFile.Open(folder["back.safetensors"]);
        Assert.Equal(before.Names, after.Names);
        Assert.All(before.Names, name =>
        {
            Assert.Equal(before.Info(name).StoredType, after.Info(name).StoredType);
            Assert.Equal(before.Bytes(name), after.Bytes(name));
        });
    }

    [Fact]
    public void Convert_ShardsOfOneFile_AreRefused()
    {
        string source = SafetensorsBytes.Fixture("narrow-types.safetensors");
        Assert.StartsWith("MaxShardBytes (4) goes with a folder, and the target", Assert.Throws<ArgumentException>(() => CheckpointConverter.Convert(source, folder["x.bin"], new() { MaxShardBytes = 4 }, TestContext.Current.CancellationToken)).Message);
        Assert.False(File.Exists(folder["x.bin"]));
    }

    [Fact]
    public void Convert_ViewsAndTiedTensors_AreWrittenAsTheyAre()
    {
        using var scope = NewDisposeScope();
        CheckpointConverter.Convert(SafetensorsBytes.Fixture("torch-views.bin"), folder["x.safetensors"], cancellationToken: TestContext.Current.CancellationToken);
        CheckpointConverter.Convert(SafetensorsBytes.Fixture("torch-views.bin"), folder["x.pt"], cancellationToken: TestContext.Current.CancellationToken);

        using var views = CheckpointTensors.Open(SafetensorsBytes.Fixture("torch-views.bin"));
        using var safetensors = CheckpointTensors.Open(folder["x.safetensors"]);
        using var pickle = CheckpointTensors.Open(folder["x.pt"]);
        foreach (var name in views.Names)
        {
            Assert.Equal(views.Read(name).bytes, safetensors.Read(name).bytes);
            Assert.Equal(views.Read(name).bytes, pickle.Read(name).bytes);
            Assert.Equal(views.Info(name).SharedWith, pickle.Info(name).SharedWith);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, "float32")]
    [InlineData(ScalarType.BFloat16, "bfloat16")]
    [InlineData(ScalarType.Float16, "float16")]
    public void Convert_ToAPrecision_ChangesFloatsAndTheConfiguration(ScalarType type, string name)
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder["in"]);
        var random = randn(7, 5);
        CheckpointWriter.Write(folder["in"], [("w", random), ("b", randn(5, dtype: ScalarType.Float64)), ("mask", ones(3, dtype: ScalarType.Bool)), ("ids", arange(4, dtype: ScalarType.Int64))]);
        File.WriteAllText(Path.Combine(folder["in"], "config.json"), """{"model_type": "gpt2", "torch_dtype": "float64", "größe": 3}""");
        File.WriteAllText(Path.Combine(folder["in"], "tokenizer.json"), "{}");
        File.WriteAllText(Path.Combine(folder["in"], "training_args.bin"), "not copied");

        CheckpointConverter.Convert(folder["in"], folder["out"], new() { DataType = type }, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order());
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder["out"], "config.json")))!;
        Assert.Equal((name, "gpt2", 3), ((string?)config["torch_dtype"], (string?)config["model_type"], (int)config["größe"]!));
        Assert.Null(config["dtype"]);
        using var checkpoint = CheckpointTensors.Open(folder["out"]);
        Assert.Equal([type, type, ScalarType.Bool, ScalarType.Int64], new[] { "w", "b", "mask", "ids" }.Select(n => checkpoint.Info(n).DataType));
        Assert.Equal(random.to(type).bytes, checkpoint.Read("w").bytes);
    }

    [Fact]
    public void Convert_QuantizedFolderToAPrecision_KeepsCodesOf8BitFloats()
    {
        Directory.CreateDirectory(folder["in"]);
        string source = SafetensorsBytes.Fixture("narrow-types.safetensors");
        File.Copy(source, Path.Combine(folder["in"], "model.safetensors"));
        File.WriteAllText(Path.Combine(folder["in"], "config.json"), """{"model_type": "llama", "quantization_config": {"quant_method": "fp8"}}""");

        CheckpointConverter.Convert(folder["in"], folder["out"], new() { DataType = ScalarType.BFloat16 }, cancellationToken: TestContext.Current.CancellationToken);

        using var before = SafetensorsFile.Open(source);
        using var after = SafetensorsFile.Open(Path.Combine(folder["out"], "model.safetensors"));
        string[] codes = [.. before.Names.Where(name => before.Info(name).StoredType.StartsWith("F8_", StringComparison.Ordinal))];
        Assert.NotEmpty(codes);
        Assert.All(codes, name => Assert.Equal((before.Info(name).StoredType, Convert.ToHexString(before.Bytes(name))), (after.Info(name).StoredType, Convert.ToHexString(after.Bytes(name)))));
    }

    [Fact]
    public void CopyCompanions_ModulesOfSentenceTransformers_AreCopiedFromWithinTheFolder()
    {
        Directory.CreateDirectory(folder["in/1_Pooling"]);
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["in/modules.json"], """[{"path": ""}, {"path": "."}, {"path": "1_Pooling"}, {"path": "2_Normalize"}]""");
        foreach (string name in new[] { "1_Pooling/config.json", "config.json", "stage.json", "model.safetensors", "model.safetensors.index.json", "chat_template.jinja" }) File.WriteAllText(folder["in/" + name], name);

        CheckpointConverter.CopyCompanions(folder["in"], folder["out"]);

        Assert.Equal(["1_Pooling/config.json", "chat_template.jinja", "modules.json"], Directory.GetFiles(folder["out"], "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder["out"], path)).Order(StringComparer.Ordinal));
        Assert.Equal("1_Pooling/config.json", File.ReadAllText(folder["out/1_Pooling/config.json"]));
        foreach (string outside in new[] { "../secret", "/tmp" })
        {
            File.WriteAllText(folder["in/modules.json"], $$"""[{"path": "{{outside}}"}]""");
            Assert.Contains($"it names the folder '{outside}', which is not in that of the model.", Assert.Throws<CheckpointException>(() => CheckpointConverter.CopyCompanions(folder["in"], folder["out"])).Message);
        }
        File.WriteAllText(folder["in/modules.json"], "[");
        Assert.Contains("it is not valid JSON", Assert.Throws<CheckpointException>(() => CheckpointConverter.CopyCompanions(folder["in"], folder["out"])).Message);
    }

    [Theory]
    [InlineData("out.safetensors")]
    [InlineData("out")]
    public void Convert_Stopped_LeavesNothing(string target)
    {
        Directory.CreateDirectory(folder["in"]);
        CheckpointWriter.Write(folder["in"], [("w", ones(3, 5))]);

        Assert.Throws<OperationCanceledException>(() => CheckpointConverter.Convert(folder["in"], folder[target], cancellationToken: new CancellationToken(true)));

        Assert.DoesNotContain(Directory.GetFiles(folder.Root, "*", SearchOption.AllDirectories), path => Path.GetFileName(path) != "model.safetensors" || !path.Contains("/in/", StringComparison.Ordinal));
    }

    [Fact]
    public void Convert_ValueTooLargeForTheType_NamesTensorAndValue()
    {
        using var scope = NewDisposeScope();
        var path = folder["in.safetensors"];
        SafetensorsWriter.Write(path, [("fine", tensor(new[] { 65504f, float.PositiveInfinity, float.NaN })), ("large", tensor(new[] { 1f, -70000f, float.PositiveInfinity }))]);

        var e = Assert.Throws<CheckpointException>(() => CheckpointConverter.Convert(path, folder["out.safetensors"], new() { DataType = ScalarType.Float16 }, cancellationToken: TestContext.Current.CancellationToken));

        Assert.Equal($"{path}: tensor 'large': it holds values that are too large for Float16, up to 70000. Convert it to BFloat16 or Float32.", e.Message);
        Assert.Equal(["in.safetensors"], folder.Entries);
    }

    [Theory]
    [InlineData(CheckpointFormat.PyTorch, CheckpointFormat.Safetensors, "pytorch_model.bin")]
    [InlineData(CheckpointFormat.Safetensors, CheckpointFormat.PyTorch, "model.safetensors")]
    public void Convert_FolderWithTheOtherFormat_LeavesNoneOfIt(CheckpointFormat format, CheckpointFormat other, string file)
    {
        using Tensor one = ones(1), two = ones(2);
        CheckpointWriter.Write(folder["out"], [("old", one), ("older", two)], new() { Format = other, MaxShardBytes = 4 });
        SafetensorsWriter.Write(folder["x.safetensors"], [("w", one)]);

        CheckpointConverter.Convert(folder["x.safetensors"], folder["out"], new() { Format = format });

        Assert.Equal([file], Directory.GetFiles(folder["out"]).Select(Path.GetFileName));
        using CheckpointTensors read = CheckpointTensors.Open(folder["out"]);
        Assert.Equal(["w"], read.Names);
    }

    [Fact]
    public void Convert_IntoTheFolderOfTheWeights_IsRefused()
    {
        using var one = ones(1);
        CheckpointWriter.Write(folder["in"], [("w", one)]);

        Assert.Contains("is the source. Choose another one.", Assert.Throws<ArgumentException>(() => CheckpointConverter.Convert(folder["in/model.safetensors"], folder["in"], new() { Format = CheckpointFormat.PyTorch })).Message);

        Assert.Equal(["model.safetensors"], Directory.GetFiles(folder["in"]).Select(Path.GetFileName));
    }

    [Fact]
    public void Convert_Cancelled_LeavesTheOldFile()
    {
        using Tensor one = ones(1), two = ones(2);
        CheckpointWriter.Write(folder["in"], [("w", one)]);
        CheckpointWriter.Write(folder["out"], [("v", two)]);
        byte[] before = File.ReadAllBytes(folder["out/model.safetensors"]);

        Assert.Throws<OperationCanceledException>(() => CheckpointConverter.Convert(folder["in"], folder["out"], cancellationToken: new CancellationToken(canceled: true)));

        Assert.Equal(["model.safetensors"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName));
        Assert.Equal(before, File.ReadAllBytes(folder["out/model.safetensors"]));
    }

    [Theory]
    [InlineData("x.safetensors")]
    [InlineData("./x.safetensors")]
    public void Convert_OntoItself_IsRefused(string target)
    {
        using var one = ones(1);
        SafetensorsWriter.Write(folder["x.safetensors"], [("w", one)]);

        var e = Assert.Throws<ArgumentException>(() => CheckpointConverter.Convert(folder["x.safetensors"], Path.Combine(folder.Root, target), cancellationToken: TestContext.Current.CancellationToken));

        Assert.Contains("is the source. Choose another one.", e.Message);
    }

    [Fact]
    public void Validate_WrongOptions_NamesThemAll()
    {
        var e = Assert.Throws<ArgumentException>(() => new CheckpointConverterOptions { Format = (CheckpointFormat)7, DataType = ScalarType.Int8, MaxShardBytes = -1 }.Validate());

        Assert.Equal("Format (7) must be Safetensors or PyTorch. DataType (Int8) must be Float32, BFloat16, Float16 or null. MaxShardBytes (-1) must be at least 1.", e.Message);
    }
}
