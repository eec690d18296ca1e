namespace PreTrain.Cli.Tests;

/// <summary>Stops the tool when it says something.</summary>
internal sealed class CancellingWriter(string said) : StringWriter
{
    /// <summary>What a run says when it begins, before its first step.</summary>
    public const string BeforeTheFirstStep = " parameters in ";

    private readonly CancellationTokenSource _stop = new();

    /// <summary>Runs the tool until it says that.</summary>
    public static ToolResult Run(string said, params string[] arguments)
    {
        using StringWriter output = new();
        using var error = new CancellingWriter(said);
        int code = Tool.Run(arguments, output, error, error._stop.Token);
        return new ToolResult(code, output.ToString(), error.ToString());
    }

    public override void Write(string? value)
    {
        base.Write(value);
        if (value?.Contains(said, StringComparison.Ordinal) == true) _stop.Cancel();
    }

    public override void WriteLine(string? value)
    {
        Write(value);
        base.WriteLine();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _stop.Dispose();
        base.Dispose(disposing);
    }
}
