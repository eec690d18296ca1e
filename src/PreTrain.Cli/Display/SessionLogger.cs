using Microsoft.Extensions.Logging;

namespace PreTrain.Cli.Display;

/// <summary>Hands the library's messages on as lines.</summary>
internal sealed class SessionLogger(LogLevel least, bool withStackTraces, Action<string> write) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel is not LogLevel.None && logLevel >= least;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        string prefix = logLevel >= LogLevel.Error ? "error: " : logLevel == LogLevel.Warning ? "warning: " : "";
        write(prefix + formatter(state, exception));
        if (exception is not null && withStackTraces) write(exception.ToString());
    }
}
