namespace PreTrain.Cli.Tests.Scripts;

public class BootstrapTests
{
    [Fact]
    public void Libtorch_GivenFromElsewhere_IsTakenAsSystemAndRememberedUntilForgotten()
    {
        using var scripts = new ScriptFolder();
        scripts.WriteLibtorch("torch");

        ToolResult first = scripts.Run(".", ["clone/bootstrap.sh"], ("LIBTORCH", "torch/"), ("CXX", "compiler"));

        Assert.True(first.ExitCode == 0, first.Error);
        Assert.StartsWith($"bootstrap: System, because LIBTORCH names a libtorch; built against libtorch 2.3.1, LIBTORCH, in {scripts["torch"]}/lib.", first.Output);
        Assert.Contains(">System</TorchProvider>", File.ReadAllText(scripts["clone/TorchProvider.props"]));

        ToolResult second = scripts.Run("clone", ["bootstrap.sh"]);

        Assert.Equal($"bootstrap: remembered from an earlier run: LIBTORCH={scripts["torch"]} CXX=compiler; ./bootstrap.sh --forget drops it.\nbootstrap: System with libtorch 2.3.1, LIBTORCH: up to date.\n", second.Output);

        // What names another provider replaces what is remembered.
        ToolResult third = scripts.Run("clone", ["bootstrap.sh"], ("PRETRAIN_TORCH_PROVIDER", "NuGet"));
        Assert.StartsWith("bootstrap: NuGet, because PRETRAIN_TORCH_PROVIDER asks for it", third.Output);
        Assert.Contains("NuGet: up to date.", scripts.Run("clone", ["bootstrap.sh"]).Output);

        ToolResult forgotten = scripts.Run("clone", ["bootstrap.sh", "--forget"], ("PRETRAIN_TORCH_PROVIDER", "NuGet"), ("PRETRAIN_TORCH_RUNTIME", "none"));
        Assert.EndsWith("programs bring the libtorch of TorchRuntime=none.\n", forgotten.Output);
    }

    [Fact]
    public void Python_Given_IsTakenAsSystem()
    {
        using var scripts = new ScriptFolder();
        scripts.WriteLibtorch("site/torch");
        scripts.WriteCommand("python", $"echo '{scripts["site/torch"]}'");

        ToolResult result = scripts.Run("clone", ["bootstrap.sh"], ("PYTHON", "../python"), ("CXX", "compiler"));

        Assert.StartsWith("bootstrap: System, because PYTHON names one with a torch; built against libtorch 2.3.1", result.Output);
    }

    [Fact]
    public void Libtorch_WithNuGet_IsRefused()
    {
        using var scripts = new ScriptFolder();
        ToolResult result = scripts.Run("clone", ["bootstrap.sh"], ("LIBTORCH", "/opt/libtorch"), ("PRETRAIN_TORCH_PROVIDER", "NuGet"));
        Assert.Equal((2, "bootstrap.sh: PRETRAIN_TORCH_PROVIDER is NuGet, which takes no LIBTORCH or PYTHON: unset them, or ask for System.\n"), (result.ExitCode, result.Error));
    }
}
