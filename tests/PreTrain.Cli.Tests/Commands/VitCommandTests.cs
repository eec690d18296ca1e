using PreTrain.Models;
using PreTrain.Models.Vit;

namespace PreTrain.Cli.Tests.Commands;

public class VitCommandTests
{
    private static readonly string[] s_masked = ["--preset", "mae-base", "--objective", "mae", "--decoder-layers", "1", "--decoder-heads", "5", "--decoder-embedding", "20", "--mask-rate", "0.6"];
    private static readonly string[] s_contrast = ["--objective", "moco", "--projection", "11", "--projection-hidden", "29"];

    private static ToolResult Run(TemporaryFolder folder, params string[] more) => Run(folder, s_masked, more);

    private static ToolResult Run(TemporaryFolder folder, string[] objective, params string[] more)
    {
        for (int i = 0; i < 11; i++)
        {
            string file = folder[$"images/{i}.ppm"];
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, [.. "P6 17 13 255\n"u8, .. Enumerable.Range(0, 17 * 13 * 3).Select(p => (byte)(p * (i + 3)))]);
        }
        string[] usual =
        [
            "--data", folder["images"], "--output", folder["run"], "--device", "cpu", .. objective, "--image-size", "15", "--patch-size", "5", "--layers", "2", "--heads", "3", "--embedding", "24",
            "--batch", "3", "--checkpoint-every", "2", "--evaluate-every", "2", "--log-every", "1", "--validation-fraction", "0.2",
        ];
        return ToolRunner.Run(["vit", .. usual.Chunk(2).Where(pair => !more.Contains(pair[0])).SelectMany(pair => pair), .. more]);
    }

    [Fact]
    public void Vit_AFolderOfImages_SavesAMaskedAutoencoderThatResumes()
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, "--steps", "4", "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal((4, 4 * 3 * 6), (result.Json().GetProperty("steps").GetInt32(), result.Json().GetProperty("tokens").GetInt32()));
        Assert.True(result.Json().GetProperty("validationLoss").GetDouble() > 0);
        using (var model = (VitModel)AutoModel.FromPretrained(folder["run/model"]))
            Assert.Equal((ModelHead.MaskedAutoencoder, 15, 0.6, true), (model.Head, model.Config.ImageSize, model.Config.MaskRatio, model.Config.NormalizesPixels));
        Assert.True(File.Exists(folder["run/report.html"]));
        ToolResult resumed = Run(folder, "--steps", "6", "--resume");
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("steps              6", resumed.Output);
        ToolResult again = Run(folder, "--steps", "4");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("already holds a run", again.Error);
    }

    [Theory]
    [InlineData(2, "--image-size (16) must be divisible by --patch-size (5).", "--image-size", "16")]
    [InlineData(2, "--embedding (27) must be divisible by 4, for positions of rows and columns.", "--embedding", "27")]
    [InlineData(2, "--mask-rate (0.95) must leave some of the 9 patches of an image and hide some.", "--mask-rate", "0.95")]
    [InlineData(2, "--objective (gpt) must be mae or moco.", "--objective", "gpt")]
    [InlineData(2, "--temperature belongs to --objective moco, and the objective is mae.", "--temperature", "0.5")]
    [InlineData(3, "does not exist. Check the name", "--data", "nowhere")]
    public void Vit_WrongInput_NamesIt(int exitCode, string message, string option, string value)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, option, value);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    [Fact]
    public void Vit_AFileThatIsNoImage_EndsWith3()
    {
        using var folder = new TemporaryFolder();
        folder.Write("images/notes.txt", "no image");

        ToolResult result = Run(folder);

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("notes.txt' is no image of a known format", result.Error);
    }

    [Fact]
    public void Vit_PrintConfig_IsAConfigurationThatGivesTheSameRun()
    {
        using var folder = new TemporaryFolder();
        ToolResult printed = Run(folder, "--steps", "2", "--print-config");
        Assert.Equal("0.2", printed.Json().GetProperty("images").GetProperty("min-crop-area").GetRawText());
        Assert.Equal(20, printed.Json().GetProperty("model").GetProperty("decoder-embedding").GetInt32());

        ToolResult result = ToolRunner.Run("vit", "--config", folder.Write("run.json", printed.Output), "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(2, result.Json().GetProperty("steps").GetInt32());
    }

    [Fact]
    public void Vit_Contrast_SavesAVitThatResumes()
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, s_contrast, "--steps", "4", "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal((4, 4 * 3), (result.Json().GetProperty("steps").GetInt32(), result.Json().GetProperty("tokens").GetInt32()));
        Assert.True(result.Json().GetProperty("validationLoss").GetDouble() > 0);
        using (var model = (VitModel)AutoModel.FromPretrained(folder["run/model"]))
            Assert.Equal((ModelHead.None, 15, 24), (model.Head, model.Config.ImageSize, model.Config.EmbeddingDim));
        ToolResult resumed = Run(folder, s_contrast, "--steps", "6", "--resume");
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("steps              6", resumed.Output);
        ToolResult other = Run(folder, s_contrast, "--steps", "6", "--resume", "--encoder-momentum", "0.5");
        Assert.Equal(2, other.ExitCode);
        Assert.Contains("architecture.momentum (checkpoint: 0.99, now: 0.5)", other.Error);
    }

    [Theory]
    [InlineData("--batch (1) must be at least 2 with --objective moco, which compares images with each other.", "--batch", "1")]
    [InlineData("--mask-rate belongs to --objective mae, and the objective is moco.", "--mask-rate", "0.5")]
    [InlineData("MicroBatchSize (2) would cut batches of 3 rows", "--micro-batch", "2")]
    public void Vit_ContrastOfWhatDoesNotFit_SaysSo(string message, string option, string value)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, s_contrast, option, value);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    [Fact]
    public void Vit_PrintConfigOfContrast_IsAConfigurationThatGivesTheSameRun()
    {
        using var folder = new TemporaryFolder();
        ToolResult printed = Run(folder, s_contrast, "--steps", "2", "--print-config");
        Assert.Equal(("vit-base", "0.08"), (printed.Json().GetProperty("model").GetProperty("preset").GetString(), printed.Json().GetProperty("images").GetProperty("min-crop-area").GetRawText()));
        Assert.Equal("0.2", printed.Json().GetProperty("objective").GetProperty("temperature").GetRawText());

        ToolResult result = ToolRunner.Run("vit", "--config", folder.Write("run.json", printed.Output), "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(2, result.Json().GetProperty("steps").GetInt32());
    }
}
