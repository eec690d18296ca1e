using PreTrain.Checkpoints;

namespace PreTrain.Tests.Checkpoints;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_NewFile_HasTheContentAndNothingBeside()
    {
        AtomicFile.WriteAllText(folder["state.json"], "größe");

        Assert.Equal("größe"u8, File.ReadAllBytes(folder["state.json"]));
        Assert.Equal(["state.json"], folder.Entries);
    }

    [Fact]
    public void Write_WhileWriting_TheOldContentStays()
    {
        var path = folder["state.json"];
        AtomicFile.WriteAllText(path, "old");

        AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(path));
        });

        Assert.Equal("new", File.ReadAllText(path));
    }

    [Fact]
    public void Write_DiskFullHalfway_LeavesTheOldFileAndNothingBeside()
    {
        var path = folder["state.json"];
        AtomicFile.WriteAllText(path, "old");

        var e = Assert.Throws<IOException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[200_000]);
            throw new IOException("No space left on device");
        }));

        Assert.Equal("No space left on device", e.Message);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["state.json"], folder.Entries);
    }

    [Fact]
    public void Write_OverALeftover_ReplacesIt()
    {
        File.WriteAllText(folder[".state.json.partial"], "a longer text from a run that was killed");

        AtomicFile.WriteAllText(folder["state.json"], "new");

        Assert.Equal("new", File.ReadAllText(folder["state.json"]));
        Assert.Equal(["state.json"], folder.Entries);
    }

    [Fact]
    public void Write_TwoAtOnce_TheSecondIsRefusedAndTheFirstEnds()
    {
        var path = folder["state.json"];

        AtomicFile.Write(path, stream =>
        {
            Assert.Throws<IOException>(() => AtomicFile.WriteAllText(path, "second"));
            Assert.Empty(AtomicFile.RemoveLeftovers(folder.Root));
            stream.Write("first"u8);
        });

        Assert.Equal("first", File.ReadAllText(path));
    }

    [Fact]
    public void Write_OntoAFolder_IsRefused()
    {
        Directory.CreateDirectory(folder["state.json"]);

        Assert.Throws<IOException>(() => AtomicFile.WriteAllText(folder["state.json"], "x"));
        Assert.Equal(["state.json"], folder.Entries);
    }

    [Fact]
    public void Write_MissingFolder_IsAnIOException() =>
        Assert.Throws<DirectoryNotFoundException>(() => AtomicFile.WriteAllText(Path.Combine(folder["none"], "x"), "x"));

    [Fact]
    public void RemoveLeftovers_AfterACrash_RemovesThemOnly()
    {
        File.WriteAllText(folder[".state.json.partial"], "half");
        File.WriteAllText(folder["notes.partial"], "the user's own");
        File.WriteAllText(folder["state.json"], "whole");

        Assert.Equal([folder[".state.json.partial"]], AtomicFile.RemoveLeftovers(folder.Root));

        Assert.Equal(["notes.partial", "state.json"], folder.Entries);
    }
}
