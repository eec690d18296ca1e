using System.Runtime.InteropServices;

namespace PreTrain.Cli.Hosting;

/// <summary>
/// Turns SIGINT and SIGTERM into a cancelled token, so that a command can save its state. The second signal ends the process at once, and so does the first one while no command heeds the token.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private volatile bool _isHeeded;

    public Interruption() => _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, Handle))];

    public CancellationToken Token => _source.Token;

    /// <summary>Says that the command looks at the token from now on.</summary>
    public void Heed() => _isHeeded = true;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _source.Dispose();
    }

    internal void Handle(PosixSignalContext context)
    {
        if (!_isHeeded || _source.IsCancellationRequested) return;
        context.Cancel = true;   // the process goes on, until the command has saved what it must
        _source.Cancel();
    }
}
