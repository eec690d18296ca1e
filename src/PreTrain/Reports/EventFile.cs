using System.Globalization;
using Google.Protobuf;
using PreTrain.Checkpoints;

namespace PreTrain.Reports;

/// <summary>
/// A file of TensorBoard's events: scalars and texts by step. Each event is written by one call of the system, so that a process that is killed leaves whole ones.
/// </summary>
public sealed class EventFile : IDisposable
{
    private const string Prefix = "events.out.tfevents.";

    // Field numbers of TensorFlow's event.proto, summary.proto, tensor.proto and tensor_shape.proto.
    private const int EventTime = 1, EventStep = 2, EventVersion = 3, EventSummary = 5, EventSession = 7;
    private const int SessionStatus = 1, SessionStart = 1;
    private const int SummaryValue = 1, ValueTag = 1, ValueNumber = 2, ValueTensor = 8, ValueMetadata = 9;
    private const int MetadataPlugin = 1, PluginName = 1;
    private const int TensorType = 1, TensorShape = 2, TensorString = 8, StringType = 7, ShapeDimension = 2, DimensionSize = 1;

    private readonly FileStream _stream;
    private readonly TimeProvider _time;

    /// <summary>Begins a file in a folder. TensorBoard shows the files of a folder as one run, in the order of their names.</summary>
    /// <param name="folder">Created where it is missing.</param>
    /// <param name="firstStep">The first step to be written: of a run that goes on from a checkpoint, the one behind it. TensorBoard drops what earlier files hold from there on.</param>
    /// <param name="time">The clock; the system's if null.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="firstStep"/> is negative.</exception>
    public EventFile(string folder, long firstStep = 0, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        if (firstStep < 0) throw new ArgumentOutOfRangeException(nameof(firstStep), firstStep, "The first step must be 0 or later.");
        Directory.CreateDirectory(folder);
        _time = time ?? TimeProvider.System;
        // A later file must have a later name, also after a restart within one second or with a clock that was set back.
        long seconds = Math.Max(_time.GetUtcNow().ToUnixTimeSeconds(), Of(folder).Select(SecondsOf).DefaultIfEmpty(-1).Max() + 1);
        Path = System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{seconds:D10}.{Environment.MachineName}"));
        _stream = new FileStream(Path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Begin(firstStep);
    }

    /// <summary>Begins a file that is open already, and is closed with it.</summary>
    internal EventFile(FileStream stream, long firstStep)
    {
        (_stream, _time, Path) = (stream, TimeProvider.System, stream.Name);
        Begin(firstStep);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The files of a folder.</summary>
    /// <param name="folder">A folder that exists.</param>
    internal static IEnumerable<string> Of(string folder) => Directory.EnumerateFiles(folder, Prefix + "*");

    /// <summary>Adds numbers.</summary>
    /// <param name="step">The step that they belong to.</param>
    /// <param name="values">Name and number; names with the same beginning before a slash are shown together.</param>
    /// <exception cref="IOException">They cannot be written; the file is as it was.</exception>
    public void AddScalars(long step, params ReadOnlySpan<(string Tag, double Value)> values)
    {
        (string Tag, double Value)[] all = values.ToArray();
        Write(step, output => output.WriteMessage(EventSummary, summary =>
        {
            foreach (var (tag, value) in all)
            {
                summary.WriteMessage(SummaryValue, entry =>
                {
                    entry.WriteText(ValueTag, tag);
                    entry.WriteSingle(ValueNumber, (float)value);
                });
            }
        }));
    }

    /// <summary>Adds a text.</summary>
    /// <param name="step">The step that it belongs to.</param>
    /// <param name="tag">Its name.</param>
    /// <param name="markdown">The text, which TensorBoard shows as Markdown.</param>
    /// <exception cref="IOException">It cannot be written; the file is as it was.</exception>
    public void AddText(long step, string tag, string markdown)
    {
        ArgumentNullException.ThrowIfNull(markdown);
        Write(step, output => output.WriteMessage(EventSummary, summary => summary.WriteMessage(SummaryValue, entry =>
        {
            entry.WriteText(ValueTag, tag);
            entry.WriteMessage(ValueMetadata, metadata => metadata.WriteMessage(MetadataPlugin, plugin => plugin.WriteText(PluginName, "text")));
            entry.WriteMessage(ValueTensor, tensor =>
            {
                tensor.WriteWhole(TensorType, StringType);
                tensor.WriteMessage(TensorShape, shape => shape.WriteMessage(ShapeDimension, dimension => dimension.WriteWhole(DimensionSize, 1)));
                tensor.WriteText(TensorString, markdown);
            });
        })));
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    private void Begin(long firstStep)
    {
        try
        {
            Write(0, output => output.WriteText(EventVersion, "brain.Event:2"));
            Write(firstStep, output => output.WriteMessage(EventSession, session => session.WriteWhole(SessionStatus, SessionStart)));
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    /// <summary>Where an event cannot be written, nothing of it stays.</summary>
    private void Write(long step, Action<CodedOutputStream> what)
    {
        long before = _stream.Position;
        try
        {
            _stream.Write(RecordFraming.Frame(ProtocolBuffer.Message(output =>
            {
                output.WriteTag(EventTime, WireFormat.WireType.Fixed64);
                output.WriteDouble(_time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
                output.WriteWhole(EventStep, step);
                what(output);
            })));
        }
        catch (IOException)
        {
            if (_stream.Length > before) _stream.SetLength(before);
            _stream.Seek(before, SeekOrigin.Begin);
            throw;
        }
    }

    private static long SecondsOf(string path)
    {
        string rest = System.IO.Path.GetFileName(path)[Prefix.Length..];
        return long.TryParse(rest.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) ? seconds : -1;
    }
}
