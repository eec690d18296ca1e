using System.Runtime.InteropServices;
using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Cli.Hosting;

/// <summary>What an exception means to the tool's user: an exit code and a sentence.</summary>
internal static class Faults
{
    public static (int ExitCode, string Message) Explain(Exception fault) => fault switch
    {
        InterruptedException => (ExitCode.Interrupted, fault.Message),
        OperationCanceledException => (ExitCode.Interrupted, "Interrupted."),
        UsageException => (ExitCode.Usage, fault.Message),
        // A checkpoint that cannot be written is not at fault itself; what is read and broken is.
        CheckpointException { IsUnwritten: true } => (ExitCode.Environment, fault.Message),
        CorpusException or CheckpointException or TokenizerException => (ExitCode.BadInput, fault.Message),
        NotFiniteException or NotFiniteNumberException or NumericalException => (ExitCode.NumericalStop, fault.Message),
        EnvironmentException or DllNotFoundException => (ExitCode.Environment, fault.Message),
        TypeInitializationException { InnerException: { } inner } => Explain(inner),
        AggregateException { InnerExceptions: [{ } only] } => Explain(only),
        ArgumentException argument => (ExitCode.Usage, WithoutParameter(argument)),
        // A full disk, a folder that may not be written to: what is read reports its faults itself.
        IOException or UnauthorizedAccessException => (ExitCode.Environment, fault.Message),
        InsufficientMemoryException => (ExitCode.Environment, fault.Message),
        OutOfMemoryException => (ExitCode.Environment, $"{OutOfMemory} ({fault.Message})"),
        ExternalException when MemoryFaults.IsOutOfMemory(fault) => (ExitCode.Environment, $"{OutOfMemory} ({fault.Message})"),
        _ => (ExitCode.InternalError, $"{fault.GetType().Name}: {fault.Message} This is a fault of the tool; --verbose shows where."),
    };

    private const string OutOfMemory = "There is not enough memory. Use a smaller --batch with --accumulate, a shorter --context (in a recipe batch and context) or a smaller model.";

    /// <summary>The message without the name of the parameter, which is one of a program.</summary>
    public static string WithoutParameter(ArgumentException fault)
    {
        string suffix = $" (Parameter '{fault.ParamName}')";
        int at = fault.ParamName is null ? -1 : fault.Message.IndexOf(suffix, StringComparison.Ordinal);
        return at < 0 ? fault.Message : fault.Message.Remove(at, suffix.Length);
    }
}
