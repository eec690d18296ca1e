using Microsoft.Extensions.Logging;

namespace PreTrain.Cli.Display;

/// <summary>Hands the library's messages on as lines: warnings always, the rest as <c>--quiet</c> and <c>--verbose</c> say.</summary>
internal sealed class SessionLogger(bool quiet, bool verbose, Action<string> write) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel is not LogLevel.None && logLevel >= (quiet ? LogLevel.Warning : verbose ? LogLevel.Trace : LogLevel.Information);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        string prefix = logLevel >= LogLevel.Error ? "error: " : logLevel == LogLevel.Warning ? "warning: " : "";
        write(prefix + formatter(state, exception));
        if (exception is not null && verbose) write(exception.ToString());
    }
}
