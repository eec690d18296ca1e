using PreTrain.Checkpoints;

namespace PreTrain.Tests.Checkpoints;

public sealed class AtomicFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_NewFolder_HasTheFilesAndNothingBeside()
    {
        AtomicFolder.Write(folder["step-000500"], partial =>
        {
            File.WriteAllText(Path.Combine(partial, "state.json"), "1");
            Directory.CreateDirectory(Path.Combine(partial, "model"));
            File.WriteAllText(Path.Combine(partial, "model", "config.json"), "2");
            Assert.False(Directory.Exists(folder["step-000500"]));
        });

        Assert.Equal("1", File.ReadAllText(Path.Combine(folder["step-000500"], "state.json")));
        Assert.Equal("2", File.ReadAllText(Path.Combine(folder["step-000500"], "model", "config.json")));
        Assert.Equal(["step-000500"], folder.Entries);
    }

    [Fact]
    public void Write_OverAFolder_ReplacesAllOfIt()
    {
        Put("model", "old.json");

        AtomicFolder.Write(folder["model"] + Path.DirectorySeparatorChar, partial =>
        {
            Assert.True(File.Exists(Path.Combine(folder["model"], "old.json")));
            File.WriteAllText(Path.Combine(partial, "new.json"), "");
        });

        Assert.Equal(["new.json"], Directory.GetFiles(folder["model"]).Select(Path.GetFileName));
        Assert.Equal(["model"], folder.Entries);
    }

    [Fact]
    public void Write_DiskFullHalfway_LeavesTheOldFolderAndNothingBeside()
    {
        Put("model", "old.json");

        Assert.Throws<IOException>(() => AtomicFolder.Write(folder["model"], partial =>
        {
            File.WriteAllText(Path.Combine(partial, "new.json"), "");
            throw new IOException("No space left on device");
        }));

        Assert.Equal(["old.json"], Directory.GetFiles(folder["model"]).Select(Path.GetFileName));
        Assert.Equal(["model"], folder.Entries);
    }

    [Fact]
    public void Write_OverALeftover_StartsWithAnEmptyFolder()
    {
        Put(".model.partial", "half.json");

        AtomicFolder.Write(folder["model"], partial => Assert.Empty(Directory.EnumerateFileSystemEntries(partial)));

        Assert.Equal(["model"], folder.Entries);
    }

    [Fact]
    public void Write_TwoAtOnce_TheSecondIsRefusedAndTheFirstEnds()
    {
        AtomicFolder.Write(folder["model"], partial =>
        {
            File.WriteAllText(Path.Combine(partial, "first.json"), "");
            Assert.Throws<IOException>(() => AtomicFolder.Write(folder["model"], _ => { }));
            Assert.Empty(AtomicFolder.Recover(folder.Root));
            Assert.True(File.Exists(Path.Combine(partial, "first.json")));
        });

        Assert.True(File.Exists(Path.Combine(folder["model"], "first.json")));
        Assert.Equal(["model"], folder.Entries);
    }

    [Fact]
    public void Write_OntoAFile_IsRefused()
    {
        File.WriteAllText(folder["model"], "");

        Assert.Throws<IOException>(() => AtomicFolder.Write(folder["model"], _ => { }));
        Assert.Equal(["model"], folder.Entries);
    }

    [Fact]
    public void Recover_CrashWhileFilling_RemovesTheHalf()
    {
        Put("step-000100", "state.json");
        Put(".step-000200.partial", "state.json");
        File.WriteAllText(folder[".step-000200.partial.lock"], "");
        File.WriteAllText(folder[".metrics.json.partial"], "");

        AtomicFolder.Recover(folder.Root);

        Assert.Equal(["step-000100"], folder.Entries);
    }

    [Fact]
    public void Recover_CrashBetweenTheTwoRenames_PutsTheOldFolderBack()
    {
        Put(".model.replaced", "old.json");
        Put(".model.partial", "new.json");

        AtomicFolder.Recover(folder.Root);

        Assert.Equal(["old.json"], Directory.GetFiles(folder["model"]).Select(Path.GetFileName));
        Assert.Equal(["model"], folder.Entries);
    }

    [Fact]
    public void Recover_CrashAfterTheTwoRenames_RemovesTheOldFolder()
    {
        Put(".model.replaced", "old.json");
        Put("model", "new.json");

        AtomicFolder.Recover(folder.Root);

        Assert.Equal(["new.json"], Directory.GetFiles(folder["model"]).Select(Path.GetFileName));
        Assert.Equal(["model"], folder.Entries);
    }

    private void Put(string name, string file)
    {
        Directory.CreateDirectory(folder[name]);
        File.WriteAllText(Path.Combine(folder[name], file), "");
    }
}
