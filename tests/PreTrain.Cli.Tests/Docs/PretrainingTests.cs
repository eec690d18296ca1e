namespace PreTrain.Cli.Tests.Docs;

public class PretrainingTests
{
    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_LeadFromFilesToEachKindOfModel()
    {
        using var folder = new TemporaryFolder();
        folder.Write("crawl/a.txt", TinyModel.Text(900));
        folder.Write("crawl/more/b.txt", TinyModel.Text(300, seed: 5));
        folder.Write("notes.txt", TinyModel.Text(20));

        Directory.CreateDirectory(folder["photos"]);
        for (int i = 0; i < 5; i++) File.WriteAllBytes(folder[$"photos/{i}.ppm"], [.. "P6 9 7 255\n"u8, .. Enumerable.Range(0, 9 * 7 * 3).Select(p => (byte)(p * (i + 3)))]);

        DocumentedCommands.Run("docs/pretraining.md", folder.Path, ("--vocab-size", "300"));

        foreach (string run in new[] { "bert", "llama", "t5", "mae", "moco" }) Assert.True(File.Exists(folder[$"runs/{run}/model/model.safetensors"]), run);
    }
}
