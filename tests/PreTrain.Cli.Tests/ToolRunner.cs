using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace PreTrain.Cli.Tests;

/// <summary>Calls the tool: in this process, or as the process that users start.</summary>
internal static partial class ToolRunner
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    /// <summary>Calls the tool in this process.</summary>
    public static ToolResult Run(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int code = Tool.Run(arguments, output, error, TestContext.Current.CancellationToken);
        return new ToolResult(code, output.ToString(), error.ToString());
    }

    /// <summary>Starts the built tool as a process and waits for its end.</summary>
    public static async Task<ToolResult> RunProcess(params string[] arguments)
    {
        using ToolProcess process = Start(arguments);
        return await process.WaitForExit();
    }

    /// <summary>Starts the built tool as a process.</summary>
    public static ToolProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "PreTrain.Cli.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        return new ToolProcess(Process.Start(start)!);
    }

    /// <summary>The running tool.</summary>
    internal sealed partial class ToolProcess : IDisposable
    {
        private readonly Process _process;
        private readonly Task<string> _output;
        private readonly Task _errorEnd;
        private readonly StringBuilder _error = new();

        public ToolProcess(Process process)
        {
            _process = process;
            _output = process.StandardOutput.ReadToEndAsync();
            _errorEnd = Task.Run(async () =>
            {
                while (await process.StandardError.ReadLineAsync() is { } line)
                {
                    lock (_error) _error.AppendLine(line);
                }
            });
        }

        /// <summary>Standard error so far.</summary>
        public string Error
        {
            get
            {
                lock (_error) return _error.ToString();
            }
        }

        public bool HasExited => _process.HasExited;

        /// <summary>Waits until something holds, or the tool ends.</summary>
        public async Task WaitUntil(Func<bool> condition)
        {
            var watch = Stopwatch.StartNew();
            while (!condition() && !_process.HasExited)
            {
                Assert.True(watch.Elapsed < s_limit, $"Nothing happened for {s_limit}. {Error}");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        }

        public void Signal(PosixSignal signal) => _ = Kill(_process.Id, signal == PosixSignal.SIGINT ? 2 : 15);

        public void Kill() => _process.Kill();

        public async Task<ToolResult> WaitForExit()
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            limit.CancelAfter(s_limit);
            await _process.WaitForExitAsync(limit.Token);
            await _errorEnd;
            return new ToolResult(_process.ExitCode, await _output, Error);
        }

        public void Dispose()
        {
            if (!_process.HasExited) _process.Kill();
            _process.Dispose();
        }

        [LibraryImport("libc", EntryPoint = "kill")]
        private static partial int Kill(int process, int signal);
    }
}
