using TorchSharp;

namespace PreTrain.Cli.Hosting;

/// <summary>
/// Loads libtorch on a second thread while the command line is read: it takes most of a second, and reading takes a part of one. Disposing waits for the
/// thread, since a process must not end while a library is being loaded.
/// </summary>
internal sealed class LibtorchLoading : IDisposable
{
    // They work on files alone.
    private static readonly string[] s_commandsWithoutTorch = ["convert", "data", "inspect", "schedule", "tokenizer"];

    private readonly Task? _loading;

    /// <param name="arguments">The command line without the program's name.</param>
    public LibtorchLoading(string[] arguments)
    {
        bool runs = arguments is [not ['-', ..], ..] && !s_commandsWithoutTorch.Contains(arguments[0]) && !arguments.Any(IsHelp);
        // What goes wrong goes wrong again, and is reported, where torch is used.
        if (runs) _loading = Task.Run(() => torch.__version__).ContinueWith(load => _ = load.Exception, TaskScheduler.Default);
    }

    public void Dispose() => _loading?.Wait();

    private static bool IsHelp(string argument) => argument is "--help" or "-h" or "-?" or "/?" or "/h";
}
