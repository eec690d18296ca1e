using System.Runtime.InteropServices;
using PreTrain.Cli.Hosting;
using PreTrain.Models;

namespace PreTrain.Cli.Tests.Hosting;

public class InterruptionTests
{
    [Theory]
    [InlineData(PosixSignal.SIGINT)]
    [InlineData(PosixSignal.SIGTERM)]
    public void Handle_CommandThatHeedsNothing_LetsTheSignalEndTheProcess(PosixSignal signal)
    {
        using var interruption = new Interruption();
        var context = new PosixSignalContext(signal);
        interruption.Handle(context);
        Assert.False(context.Cancel);
    }

    [Fact]
    public void Handle_CommandThatHeedsTheToken_IsStoppedByTheFirstAndEndedByTheSecond()
    {
        using var interruption = new Interruption();
        interruption.Heed();
        PosixSignalContext first = new(PosixSignal.SIGINT), second = new(PosixSignal.SIGINT);
        interruption.Handle(first);
        Assert.True(first.Cancel && interruption.Token.IsCancellationRequested);
        interruption.Handle(second);
        Assert.False(second.Cancel);
    }

    [Theory]
    [InlineData("evaluate", "classify", "--model", "bert", "--data", "classes.csv")]
    [InlineData("predict", "--model", "bert", "--text", "A stream")]
    [InlineData("convert", "--model", "bert", "--output", "converted")]
    [InlineData("evaluate", "perplexity", "--model", "gpt", "--data", "text.txt")]
    public void Run_Stopped_HeedsItAndEndsWith130(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"], ModelHead.SequenceClassification);
        TinyModel.Save(folder["gpt"]);
        folder.Write("classes.csv", "text,label\nA stream,LABEL_0\n");
        folder.Write("text.txt", TinyModel.Text(9));
        bool heeds = false;
        using StringWriter output = new(), error = new();

        int code = Tool.Run([.. arguments.Select(argument => Path.Exists(folder[argument]) || argument == "converted" ? folder[argument] : argument)], output, error, new CancellationToken(true), () => heeds = true);

        Assert.True(code == 130 && heeds, $"{code}: {error}");
        Assert.Equal("", output.ToString());
        Assert.False(File.Exists(folder["converted/model.safetensors"]));
    }

    [Fact]
    public void Run_StoppedWhileAFinetunedModelIsMeasured_SaysWhereItIs()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"]);
        string data = TinyTasks.Write(folder, "classify");
        using var stop = new CancellationTokenSource();
        using StringWriter output = new(), error = new();

        int code = Tool.Run(["finetune", "classify", "--model", folder["bert"], "--data", data, "--output", folder["run"], "--steps", "2", "--batch", "4", "--context", "16", "--adapter", "lora"], output, error, stop.Token, () =>
        {
            if (Directory.Exists(folder["run/model"])) stop.Cancel();
        });

        Assert.True(code == 130, $"{code}: {error}");
        Assert.Contains($"Interrupted after the last step; the model is saved in '{folder["run/model"]}'. Measure it with: pretrain finetune classify", error.ToString());
        Assert.True(File.Exists(folder["run/merged/model.safetensors"]));
    }
}
