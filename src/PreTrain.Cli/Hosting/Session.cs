using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;

namespace PreTrain.Cli.Hosting;

/// <summary>One call of the tool: where it writes, what the global options say, and whether it is to stop.</summary>
internal sealed class Session
{
    private readonly DeviceChoice _device;

    private readonly GlobalOptions _options;

    private readonly CancellationToken _cancellation;

    private readonly Action? _heeds;

    public Session(ParseResult parsed, GlobalOptions options, IReadOnlyList<string> arguments, TextWriter output, TextWriter error, CancellationToken cancellation, Action? heeds = null)
    {
        (_options, Arguments) = (options, arguments);
        Output = output;
        _device = parsed.GetValue(options.Device) ?? DeviceChoice.Auto;
        Error = error;
        (_cancellation, _heeds) = (cancellation, heeds);
        Json = parsed.GetValue(options.Json);
        Quiet = parsed.GetValue(options.Quiet);
        Verbose = parsed.GetValue(options.Verbose);
        Seed = parsed.GetValue(options.Seed) ?? 0;
        SeedIsGiven = parsed.GetValue(options.Seed) is not null;
        Threads = parsed.GetValue(options.Threads) ?? Environment.ProcessorCount;
    }

    /// <summary>The command line as it was given.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>Values of options that were not given. Threads are the machine's, and do not belong here.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective => [(_options.Seed, Seed), (_options.Device, _device.ToString().ToLowerInvariant())];

    /// <summary>Standard output.</summary>
    public TextWriter Output { get; }

    /// <summary>Where progress and logs go.</summary>
    public TextWriter Error { get; }

    public bool Json { get; }

    public bool Quiet { get; }

    public bool Verbose { get; }

    public long Seed { get; }

    public bool SeedIsGiven { get; }

    public int Threads { get; }

    /// <summary>Whether the command is to stop. A command that has once asked for it is not ended by the first signal, and has to go on looking at it.</summary>
    public CancellationToken Cancellation
    {
        get
        {
            _heeds?.Invoke();
            return _cancellation;
        }
    }

    /// <summary>Whether a person watches standard error, so that a display may redraw itself there.</summary>
    public bool IsInteractive => !Quiet && ReferenceEquals(Error, Console.Error) && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>Writes a line of the log.</summary>
    public void Log(string line)
    {
        if (!Quiet) Error.WriteLine(line);
    }

    /// <summary>Writes a line of the log that <c>--verbose</c> asks for.</summary>
    public void Detail(string line)
    {
        if (Verbose) Log(line);
    }

    /// <summary>Sets torch's threads and chooses the device.</summary>
    /// <exception cref="EnvironmentException">CUDA is asked for, and there is none.</exception>
    public torch.Device Start()
    {
        torch.set_num_threads(Threads);
        if (_device == DeviceChoice.Cpu) return torch.CPU;
        bool cuda = torch.cuda.is_available();
        if (cuda || _device == DeviceChoice.Auto) return cuda ? torch.CUDA : torch.CPU;
        throw new EnvironmentException(
            $"--device cuda: libtorch {torch.__version__} finds no CUDA device here. Use --device cpu; or, on a machine with an NVIDIA driver, run ./bootstrap.sh with a "
            + "libtorch that was built for CUDA (LIBTORCH=FOLDER, or PYTHON=COMMAND for that of a Python environment).");
    }

    /// <summary>Writes the result of the command: as JSON where that was asked for, else as text.</summary>
    /// <param name="json">Writes the members of the JSON object.</param>
    /// <param name="text">Writes the same for a person.</param>
    public void Result(Action<Utf8JsonWriter> json, Action<TextWriter> text)
    {
        if (!Json)
        {
            text(Output);
            Output.Flush();
            return;
        }
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            json(writer);
            writer.WriteEndObject();
        }
        // In pieces that do not cut a character: standard output may be a writer of characters.
        using var reader = new StreamReader(new MemoryStream(buffer.GetBuffer(), 0, (int)buffer.Length, writable: false));
        char[] piece = new char[1 << 14];
        for (int read; (read = reader.Read(piece)) > 0;) Output.Write(piece, 0, read);
        Output.Write('\n');
        Output.Flush();
    }
}
