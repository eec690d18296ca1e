using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PreTrain.Reports;

/// <summary>
/// What happened to a run, in <c>journal.jsonl</c> of its folder: starts, checkpoints, faults, ends, and what the model wrote. It outlives the process, and unlike the metrics it keeps what was
/// undone by going back to a checkpoint.
/// </summary>
internal sealed class RunJournal(string folder, TimeProvider? time = null)
{
    internal const string FileName = "journal.jsonl", Sample = "sample";
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string _path = Path.Combine(folder, FileName);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    internal sealed record Entry(string Time, int Step, string Kind, string Text);

    internal void Add(int step, string kind, string text)
    {
        string line = new JsonObject
        {
            ["time"] = _time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            ["step"] = step,
            ["kind"] = kind,
            ["text"] = text,
        }.ToJsonString(s_plain);
        using var stream = new FileStream(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        bool isTorn = false;
        if (stream.Length > 0)
        {
            stream.Seek(-1, SeekOrigin.End);
            isTorn = stream.ReadByte() != '\n';
        }
        stream.Write(Encoding.UTF8.GetBytes((isTorn ? "\n" : "") + line + "\n"));
    }

    internal List<Entry> Read() =>
        [.. JsonLines.Read(_path).Select(line => new Entry(line.Text("time"), (int)(line.Number("step") ?? 0), line.Text("kind"), line.Text("text")))];
}
