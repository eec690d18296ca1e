using System.Buffers.Binary;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_EveryType_IsTheReferenceImplementationsFile()
    {
        var reference = SafetensorsBytes.Fixture("every-dtype.safetensors");
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(reference);
        var path = folder["copy.safetensors"];

        SafetensorsWriter.Write(path, file.Names.Reverse().Select(name => (name, file.Read(name))));

        Assert.Equal(File.ReadAllBytes(reference), File.ReadAllBytes(path));
        Assert.Equal(["copy.safetensors"], folder.Entries);
    }

    [Fact]
    public void Write_EdgeCases_AreReadBack()
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(SafetensorsBytes.Fixture("edge-cases.safetensors"));
        var path = folder["copy.safetensors"];

        SafetensorsWriter.Write(path, file.Names.Select(name => (name, file.Read(name))), file.Metadata);

        using var copy = SafetensorsFile.Open(path);
        Assert.Equal(file.Metadata, copy.Metadata);
        Assert.Equal(file.Names.Order(), copy.Names.Order());
        foreach (var name in file.Names)
        {
            Assert.Equal(file.Info(name).Shape, copy.Info(name).Shape);
            Assert.Equal(file.Info(name).DataType, copy.Info(name).DataType);
            Assert.Equal(file.Bytes(name), copy.Bytes(name));
        }
    }

    [Fact]
    public void Write_AnyNumberOfNames_AlignsHeaderAndData()
    {
        using var one = ones(1);
        for (var length = 1; length <= 17; length++)
        {
            var path = folder[$"{length}.safetensors"];
            SafetensorsWriter.Write(path, [(new string('n', length), one)]);

            var bytes = File.ReadAllBytes(path);
            var header = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            Assert.Equal(0u, header % 8);
            Assert.Equal(8 + (int)header + 4, bytes.Length);
        }
    }

    [Fact]
    public void Write_NonContiguousTensors_WritesThemRowMajor()
    {
        using var scope = NewDisposeScope();
        var matrix = arange(35, dtype: ScalarType.Float32).view(5, 7);
        var path = folder["views.safetensors"];

        SafetensorsWriter.Write(path, [("transposed", matrix.t()), ("column", matrix[.., 3]), ("row", matrix[2]), ("gradient", ones(3).requires_grad_()), ("one", ones(1).expand(11))]);

        using var file = SafetensorsFile.Open(path);
        Assert.Equal([7, 5], file.Info("transposed").Shape);
        Assert.Equal(Enumerable.Range(0, 35).Select(i => (float)(i % 5 * 7 + i / 5)), file.Read("transposed").data<float>().ToArray());
        Assert.Equal([3f, 10, 17, 24, 31], file.Read("column").data<float>().ToArray());
        Assert.Equal([14f, 15, 16, 17, 18, 19, 20], file.Read("row").data<float>().ToArray());
        Assert.Equal([1f, 1, 1], file.Read("gradient").data<float>().ToArray());
        Assert.Equal(Enumerable.Repeat(1f, 11), file.Read("one").data<float>().ToArray());
    }

    [Fact]
    public void Write_NothingAtAll_IsAReadableFile()
    {
        var path = folder["empty.safetensors"];

        SafetensorsWriter.Write(path, []);

        using var file = SafetensorsFile.Open(path);
        Assert.Empty(file.Names);
    }

    [Fact]
    public void Write_OverAnExistingFile_ReplacesItAndKeepsOpenReaders()
    {
        var path = folder["weights.safetensors"];
        using var before = ones(3);
        using var after = zeros(5);
        SafetensorsWriter.Write(path, [("w", before)]);
        using var open = SafetensorsFile.Open(path);

        SafetensorsWriter.Write(path, [("w", after)]);

        using var old = open.Read("w");
        Assert.Equal([1f, 1, 1], old.data<float>().ToArray());
        using var reopened = SafetensorsFile.Open(path);
        Assert.Equal([5], reopened.Info("w").Shape);
    }

    [Fact]
    public void Write_DisposedTensor_LeavesTheOldFileAndNothingElse()
    {
        var path = folder["weights.safetensors"];
        using var good = ones(3);
        SafetensorsWriter.Write(path, [("w", good)]);
        var content = File.ReadAllBytes(path);
        var disposed = ones(3);
        disposed.Dispose();

        Assert.ThrowsAny<Exception>(() => SafetensorsWriter.Write(path, [("w", good), ("x", disposed)]));

        Assert.Equal(content, File.ReadAllBytes(path));
        Assert.Equal(["weights.safetensors"], folder.Entries);
    }

    [Fact]
    public void Write_SameNameTwice_IsRefused()
    {
        using var one = ones(1);

        var e = Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["x"], [("w", one), ("w", one)]));

        Assert.StartsWith("The name 'w' appears twice; each tensor needs its own.", e.Message);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Write_NameThatTheFormatKeepsForItself_IsRefused()
    {
        using var one = ones(1);

        var e = Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["x"], [("__metadata__", one)]));

        Assert.StartsWith("A tensor cannot be named '__metadata__': the format keeps that name for itself. Rename it.", e.Message);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Write_NameThatIsNoText_IsRefused()
    {
        using var one = ones(1);

        var e = Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["x"], [("half \ud800 pair", one)]));

        Assert.Contains("half a surrogate pair", e.Message);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Write_ComplexNumbers_AreRefusedWhereTheFormatLacksThem()
    {
        using var wide = zeros(1, dtype: ScalarType.ComplexFloat64);
        using var narrow = zeros(1, dtype: ScalarType.ComplexFloat32);

        SafetensorsWriter.Write(folder["y"], [("w", narrow)]);
        var e = Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder["x"], [("w", wide)]));

        Assert.StartsWith("The tensor 'w' has elements of the type ComplexFloat64, which safetensors cannot hold; it holds BOOL, U8,", e.Message);
        Assert.Equal(["y"], folder.Entries);
    }

    [Fact]
    public void Write_ManyTensors_LeavesNoneBehind()
    {
        using var scope = NewDisposeScope();
        var tensors = Enumerable.Range(0, 13).Select(i => ($"w{i}", ones(3, 5).t())).ToArray();
        var before = scope.DisposablesCount;

        SafetensorsWriter.Write(folder["x"], tensors);

        Assert.Equal(before, scope.DisposablesCount);
    }
}
