using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class PyTorchFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Read_EveryTypeOfTheReferenceImplementation_GivesItsValues()
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(SafetensorsBytes.Fixture("torch-types.bin"));
        using var types = SafetensorsFile.Open(SafetensorsBytes.Fixture("every-dtype.safetensors"));
        using var narrow = SafetensorsFile.Open(SafetensorsBytes.Fixture("narrow-types.safetensors"));
        var c128 = file.Read("c128");

        foreach (var (expected, names) in new[] { (types, types.Names), (narrow, narrow.Names) })
        {
            foreach (var name in names)
            {
                Assert.Equal(expected.Info(name).StoredType, file.Info(name).StoredType);
                Assert.Equal(expected.Info(name).Shape, file.Info(name).Shape);
                Assert.Equal(expected.Read(name).dtype, file.Read(name).dtype);
                Assert.Equal(expected.Read(name).bytes, file.Read(name).bytes);
                Assert.Equal(expected.Read(name).bytes, file.View(name).bytes);
            }
        }
        Assert.Equal(types.Names.Count + narrow.Names.Count + 1, file.Names.Count);
        Assert.Equal((ScalarType.ComplexFloat64, "C128"), (c128.dtype, file.Info("c128").StoredType));
        Assert.Equal([0.5, 1, -1.25, -2.5], view_as_real(c128).view(-1).data<double>().ToArray()[..4]);
    }

    [Theory]
    [InlineData("torch-views.bin")]
    [InlineData("torch-legacy.pt")]
    public void Read_ViewsOfTheReferenceImplementation_GivesTheirValues(string fixture)
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(SafetensorsBytes.Fixture(fixture));
        var matrix = Enumerable.Range(0, 35).Select(i => (float)i).ToArray();

        Assert.Equal(["matrix", "tied", "transposed", "column", "row", "steps", "expanded", "number", "empty", "weight", "bias", "parameter"], file.Names);
        Check("matrix", [5, 7], matrix);
        Check("tied", [5, 7], matrix);
        Check("transposed", [7, 5], [.. Enumerable.Range(0, 35).Select(i => (float)(i % 5 * 7 + i / 5))]);
        Check("column", [5], [3, 10, 17, 24, 31]);
        Check("row", [7], [14, 15, 16, 17, 18, 19, 20]);
        Check("steps", [3, 2], [1, 4, 15, 18, 29, 32]);
        Check("expanded", [11], [.. Enumerable.Repeat(2.5f, 11)]);
        Check("number", [], [2.5f]);
        Check("empty", [3, 0, 2], []);
        Check("weight", [2, 3], [0, 1, 2, 3, 4, 5]);
        Check("bias", [2], [7, 8]);
        Check("parameter", [2], [1.5f, 2.5f]);
        Assert.Equal("matrix", file.Info("tied").SharedWith);
        Assert.All(file.Names.Where(name => name != "tied"), name => Assert.Null(file.Info(name).SharedWith));

        void Check(string name, long[] shape, float[] values)
        {
            Assert.Equal(shape, file.Info(name).Shape);
            foreach (var tensor in new[] { file.Read(name), file.View(name) })
            {
                Assert.Equal(shape, tensor.shape);
                Assert.Equal(values, Elements<float>(tensor));
                Assert.False(tensor.requires_grad);
            }
            var target = full(shape, -1, ScalarType.Float64);
            file.ReadInto(name, target);
            Assert.Equal(values.Select(v => (double)v), Elements<double>(target));
        }

        // TorchSharp makes no array of no elements.
        static T[] Elements<T>(Tensor t) where T : unmanaged => t.numel() == 0 ? [] : t.data<T>().ToArray();
    }

    [Theory]
    [InlineData("torch-plain.pt")]
    [InlineData("torch-protocol-4.pt")]
    public void Open_ContainersOfTheReferenceImplementation_TakesTheModelAmongThem(string fixture)
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(SafetensorsBytes.Fixture(fixture));

        Assert.Equal(["w"], file.Names);
        Assert.Equal([1f, 2], file.Read("w").data<float>().ToArray());
    }

    [Fact]
    public void Open_NestedContainers_NamesTensorsByTheirPath()
    {
        var tensor = PickleBytes.Tensor([2, 3], [3, 1]);
        byte[] inner = [(byte)'}', .. PickleBytes.Text("b"), (byte)']', .. tensor, (byte)'a', .. tensor, (byte)'a', (byte)'s', .. PickleBytes.Integer(7), .. tensor, (byte)'s'];
        var path = Save(PickleBytes.Dictionary(inner));

        using var file = PyTorchFile.Open(path);

        Assert.Equal(["w.b.0", "w.b.1", "w.7"], file.Names);
        Assert.Equal("w.b.0", file.Info("w.7").SharedWith);
    }

    [Fact]
    public void Open_TensorAlone_IsCalledTensor()
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(Save(PickleBytes.Of(PickleBytes.Tensor([2, 3], [1, 2]), ".")));

        Assert.Equal(["tensor"], file.Names);
        Assert.Equal([0f, 2, 4, 1, 3, 5], file.Read("tensor").data<float>().ToArray());
    }

    [Fact]
    public void Read_BigEndianFile_TurnsTheBytes()
    {
        using var scope = NewDisposeScope();
        var content = Enumerable.Range(0, 6).SelectMany(i => BitConverter.GetBytes((float)i).Reverse()).ToArray();
        var path = folder["big.bin"];
        File.WriteAllBytes(path, PickleBytes.Zip(PickleBytes.Dictionary(PickleBytes.Tensor([2, 3], [3, 1])), ("data/0", content), ("byteorder", "big"u8.ToArray())));

        using var file = PyTorchFile.Open(path);

        Assert.Equal([0f, 1, 2, 3, 4, 5], file.Read("w").data<float>().ToArray());
        Assert.Equal([0f, 1, 2, 3, 4, 5], file.View("w").data<float>().ToArray());
    }

    [Fact]
    public void Open_ShardsOfPickles_GivesAllTensors()
    {
        using var checkpoint = CheckpointTensors.Open(SafetensorsBytes.Fixture("sharded-bin"));

        Assert.Equal(CheckpointFormat.PyTorch, checkpoint.Format);
        Assert.Equal(3, checkpoint.Files.Count);
        CheckpointTensorsTests.CheckLayers(checkpoint);
    }

    [Fact]
    public void ReadInto_OtherShape_NamesBoth()
    {
        using var file = PyTorchFile.Open(SafetensorsBytes.Fixture("torch-views.bin"));
        using var target = zeros(7, 5);

        var e = Assert.Throws<CheckpointException>(() => file.ReadInto("matrix", target));

        Assert.Contains("the file has the shape [5, 7], and [7, 5] is wanted", e.Message);
    }

    [Fact]
    public void Open_ManyTensors_LeavesNoneBehind()
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(SafetensorsBytes.Fixture("torch-views.bin"));

        foreach (var name in file.Names)
        {
            file.Read(name).Dispose();
            file.View(name).Dispose();
        }

        Assert.Equal(0, scope.DisposablesCount);
    }

    private string Save(byte[] pickle)
    {
        var path = folder["file.bin"];
        File.WriteAllBytes(path, PickleBytes.Zip(pickle, ("data/0", [.. Enumerable.Range(0, 6).SelectMany(i => BitConverter.GetBytes((float)i))])));
        return path;
    }
}
