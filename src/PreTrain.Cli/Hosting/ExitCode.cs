namespace PreTrain.Cli.Hosting;

/// <summary>The exit codes of the tool.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>A fault of the tool itself.</summary>
    public const int InternalError = 1;

    /// <summary>Wrong usage or configuration.</summary>
    public const int Usage = 2;

    /// <summary>A missing, empty, truncated or corrupt file.</summary>
    public const int BadInput = 3;

    /// <summary>A value that is not finite.</summary>
    public const int NumericalStop = 4;

    /// <summary>The machine lacks something: a CUDA device, a libtorch, memory, room on the disk.</summary>
    public const int Environment = 5;

    /// <summary>Interrupted by a signal; the state was saved.</summary>
    public const int Interrupted = 130;
}
