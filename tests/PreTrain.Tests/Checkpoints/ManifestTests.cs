using System.Text;
using PreTrain.Checkpoints;

namespace PreTrain.Tests.Checkpoints;

public sealed class ManifestTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public ManifestTests()
    {
        File.WriteAllBytes(folder["model.safetensors"], Enumerable.Range(0, 1009).Select(i => (byte)(i * 7)).ToArray());
        File.WriteAllText(folder["state.json"], "{}");
        File.WriteAllText(folder["empty.txt"], "");
        Directory.CreateDirectory(folder["optimizer"]);
        File.WriteAllText(Path.Combine(folder["optimizer"], "moments.bin"), "moments");
        Manifest.Create(folder.Root, TestContext.Current.CancellationToken).Save(folder.Root);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Verify_UntouchedFolder_Passes()
    {
        var manifest = Manifest.Load(folder.Root);

        manifest.Verify(folder.Root, TestContext.Current.CancellationToken);

        Assert.Equal(["empty.txt", "model.safetensors", "optimizer/moments.bin", "state.json"], manifest.Files);
    }

    [Fact]
    public void Create_Again_LeavesTheManifestOut()
    {
        var before = File.ReadAllText(folder[Manifest.FileName]);

        Manifest.Create(folder.Root, TestContext.Current.CancellationToken).Save(folder.Root);

        Assert.Equal(before, File.ReadAllText(folder[Manifest.FileName]));
    }

    [Fact]
    public void Verify_AnyFlippedBit_NamesTheFile()
    {
        var manifest = Manifest.Load(folder.Root);
        var path = folder["model.safetensors"];
        var content = File.ReadAllBytes(path);
        for (var at = 0; at < content.Length; at += 101)
        {
            var flipped = content.ToArray();
            flipped[at] ^= (byte)(1 << at % 8);
            File.WriteAllBytes(path, flipped);

            var e = Assert.Throws<CheckpointException>(() => manifest.Verify(folder.Root, TestContext.Current.CancellationToken));

            Assert.StartsWith($"{path}: the file is damaged: its CRC-32C is ", e.Message);
            Assert.Equal(path, e.File);
        }
    }

    [Fact]
    public void Verify_TruncatedFile_NamesItAndBothLengths()
    {
        var path = folder["model.safetensors"];
        using (var stream = new FileStream(path, FileMode.Open))
            stream.SetLength(1008);

        var e = Assert.Throws<CheckpointException>(() => Manifest.Load(folder.Root).Verify(folder.Root, TestContext.Current.CancellationToken));

        Assert.Equal($"{path}: the file has 1008 bytes, and the manifest says 1009: it is truncated.", e.Message);
    }

    [Fact]
    public void Verify_MissingFile_NamesIt()
    {
        File.Delete(Path.Combine(folder["optimizer"], "moments.bin"));

        var e = Assert.Throws<CheckpointException>(() => Manifest.Load(folder.Root).Verify(folder.Root, TestContext.Current.CancellationToken));

        Assert.Contains("moments.bin: the file is missing; the manifest lists it with 7 bytes.", e.Message);
    }

    [Fact]
    public void Verify_Cancelled_Stops() =>
        Assert.Throws<OperationCanceledException>(() => Manifest.Load(folder.Root).Verify(folder.Root, new CancellationToken(canceled: true)));

    [Fact]
    public void Load_NoManifest_SaysSo()
    {
        File.Delete(folder[Manifest.FileName]);

        var e = Assert.Throws<CheckpointException>(() => Manifest.Load(folder.Root));

        Assert.Equal($"{folder[Manifest.FileName]}: the file does not exist.", e.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"version":2,"files":[]}""")]
    [InlineData("""{"version":1,"files":{}}""")]
    [InlineData("""{"version":1,"files":[3]}""")]
    [InlineData("""{"version":1,"files":[{"path":"a","bytes":1}]}""")]
    [InlineData("""{"version":1,"files":[{"path":"a","bytes":1,"crc32c":"xyz"}]}""")]
    [InlineData("""{"version":1,"files":[{"path":"a","bytes":1,"crc32c":"123456789"}]}""")]
    [InlineData("""{"version":1,"files":[{"path":"../a","bytes":1,"crc32c":"0"}]}""")]
    [InlineData("""{"version":1,"files":[{"path":"/etc/passwd","bytes":1,"crc32c":"0"}]}""")]
    [InlineData("""{"version":1,"files":[{"path":"a","bytes":1,"crc32c":"0"},{"path":"a","bytes":1,"crc32c":"0"}]}""")]
    public void Load_DamagedManifest_IsACheckpointException(string content)
    {
        File.WriteAllText(folder[Manifest.FileName], content);

        var e = Assert.Throws<CheckpointException>(() => Manifest.Load(folder.Root));

        Assert.Equal(folder[Manifest.FileName], e.File);
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xE3069283u)]   // the check value of CRC-32C in RFC 3720 and the CRC catalogue
    public void Crc32C_KnownText_HasTheKnownValue(string text, uint expected)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        for (var split = 0; split <= bytes.Length; split++)
        {
            var crc = new Crc32C();
            crc.Append(bytes.AsSpan(0, split));
            crc.Append(bytes.AsSpan(split));
            Assert.Equal(expected, crc.Value);
        }
    }
}
