using System.IO.Compression;
using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Tests.Checkpoints;

public sealed class PyTorchWriterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_EveryType_IsReadBack()
    {
        using var scope = NewDisposeScope();
        using var file = PyTorchFile.Open(SafetensorsBytes.Fixture("torch-types.bin"));

        PyTorchWriter.Write(folder["copy.bin"], [.. file.Names.Select(name => TensorEntry.Of(name, file.Read(name)))]);

        using var copy = PyTorchFile.Open(folder["copy.bin"]);
        Assert.Equal(file.Names, copy.Names);
        Assert.All(file.Names, name =>
        {
            Assert.Equal(file.Info(name).DataType, copy.Info(name).DataType);
            Assert.Equal(file.Info(name).Shape, copy.Info(name).Shape);
            Assert.Equal(file.Read(name).bytes, copy.Read(name).bytes);
            Assert.Equal(0, copy.Info(name).Offset % 64);
        });
        Assert.Equal(["copy.bin"], folder.Entries);
    }

    /// <summary>Another reader of zip files, one that compares checksums, finds the entries in order.</summary>
    [Fact]
    public void Write_AnyTensors_IsAZipFileForOthers()
    {
        using var scope = NewDisposeScope();
        PyTorchWriter.Write(folder["x.bin"], [TensorEntry.Of("größe", arange(1000)), TensorEntry.Of("empty", zeros(3, 0)), TensorEntry.Of("one", ones(1))]);

        using var zip = ZipFile.OpenRead(folder["x.bin"]);

        Assert.Equal(["archive/data.pkl", "archive/byteorder", "archive/data/0", "archive/data/1", "archive/data/2", "archive/version"], zip.Entries.Select(entry => entry.FullName));
        foreach (var entry in zip.Entries)
        {
            using var stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            Assert.Equal(entry.Length, content.Length);
            var crc = new Crc32();
            crc.Append(content.ToArray());
            Assert.Equal(entry.Crc32, crc.Value);
        }
    }

    [Fact]
    public void Append_TheUsualCheck_IsTheStandardsValue()
    {
        var crc = new Crc32();
        crc.Append("1234"u8);
        crc.Append("56789"u8);

        Assert.Equal(0xCBF43926u, crc.Value);
    }

    [Fact]
    public void Write_SharedTensors_StoresThemOnce()
    {
        using var scope = NewDisposeScope();
        var first = TensorEntry.Of("a", arange(6));
        var second = TensorEntry.Of("b", arange(6)) with { SharedWith = first };

        PyTorchWriter.Write(folder["x.bin"], [first, second]);

        using var file = PyTorchFile.Open(folder["x.bin"]);
        Assert.Equal("a", file.Info("b").SharedWith);
        Assert.Equal(file.Info("a").Offset, file.Info("b").Offset);
    }

    [Fact]
    public void Write_NameTwice_IsRefused()
    {
        using var one = ones(1);

        var e = Assert.Throws<ArgumentException>(() => PyTorchWriter.Write(folder["x.bin"], [TensorEntry.Of("w", one), TensorEntry.Of("w", one)]));

        Assert.StartsWith("The name 'w' appears twice; each tensor needs its own.", e.Message);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Write_NameThatIsNoText_IsRefused()
    {
        using var one = ones(1);

        var e = Assert.Throws<ArgumentException>(() => PyTorchWriter.Write(folder["x.bin"], [TensorEntry.Of("half \ud800 pair", one)]));

        Assert.Contains("half a surrogate pair", e.Message);
        Assert.Empty(folder.Entries);
    }
}
