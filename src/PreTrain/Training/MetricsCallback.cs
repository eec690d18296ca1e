using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using PreTrain.Checkpoints;

namespace PreTrain.Training;

/// <summary>
/// Writes <c>metrics.jsonl</c>, which depends on the run's settings alone, so that two runs can be compared byte for byte, and
/// <c>timings.jsonl</c>, which does not. A resumed run cuts off the lines behind its checkpoint.
/// </summary>
internal sealed class MetricsCallback(RunFolder folder) : ITrainingCallback, IDisposable
{
    private FileStream? _metrics;
    private FileStream? _timings;
    private TrainingStep? _unwritten;   // the last step, where it has no line yet

    public void OnStart(TrainingRun run)
    {
        _metrics = Open(folder.Metrics, run.Step);
        _timings = Open(folder.Timings, run.Step);
    }

    public void OnStep(TrainingRun run, TrainingStep step)
    {
        _unwritten = step;
        if (step.Step % run.Options.LogEvery == 0 || run.IsLastStep) Write(run, step);
    }

    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
        if (run.IsLastStep && _unwritten is { } last && last.Step == run.Step) Write(run, last);   // it has become the last
        Write(run, _metrics!, json =>
        {
            json.WriteNumber("step", run.Step);
            WriteFinite(json, "validationLoss", evaluation.Loss);
            WriteFinite(json, "validationPerplexity", evaluation.Perplexity);
            if (evaluation.Accuracy is { } accuracy) json.WriteNumber("validationAccuracy", accuracy);
        });
    }

    private void Write(TrainingRun run, TrainingStep step)
    {
        _unwritten = null;
        Write(run, _metrics!, json =>
        {
            json.WriteNumber("step", step.Step);
            json.WriteNumber("tokens", step.Tokens);
            json.WriteNumber("loss", step.Loss);
            json.WriteNumber("gradientNorm", step.GradientNorm);
            json.WriteNumber("learningRate", step.LearningRate);
            if (step.GradientNoiseScale is { } noise) json.WriteNumber("gradientNoiseScale", noise);
        });
        Write(run, _timings!, json =>
        {
            json.WriteNumber("step", step.Step);
            json.WriteNumber("tokensPerSecond", Math.Round(step.TokensPerSecond, 1));
            json.WriteNumber("seconds", Math.Round(step.Seconds, 3));
            json.WriteNumber("memoryBytes", Environment.WorkingSet);
        });
    }

    /// <summary>The lines of steps that come again go.</summary>
    public void OnFault(TrainingRun run, TrainingFault fault)
    {
        if (fault.ReturnedTo is not { } step) return;
        CutAfter(_metrics!, step);
        CutAfter(_timings!, step);
    }

    /// <summary>Before a checkpoint is written: its metrics must not be lost when the machine stops.</summary>
    /// <exception cref="CheckpointException">The disk does not take them.</exception>
    internal void Flush()
    {
        try
        {
            _metrics?.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            throw Unwritten(_metrics!, e);
        }
    }

    public void Dispose()
    {
        _metrics?.Dispose();
        _timings?.Dispose();
    }

    private static FileStream Open(string path, int step)
    {
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            CutAfter(stream, step);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static void CutAfter(FileStream stream, int step)
    {
        CutTo(stream, LengthThrough(stream, step));
        stream.Seek(0, SeekOrigin.End);
    }

    private static void CutTo(FileStream stream, long length)
    {
        if (stream.Length > length) stream.SetLength(length);
    }

    /// <summary>The length of the whole lines up to a step; a torn line ends them.</summary>
    private static long LengthThrough(FileStream stream, int step)
    {
        byte[] content = new byte[stream.Length];
        stream.Seek(0, SeekOrigin.Begin);
        stream.ReadExactly(content);
        int kept = 0;
        while (kept < content.Length)
        {
            int length = content.AsSpan(kept).IndexOf((byte)'\n');
            if (length < 0 || StepOf(content.AsMemory(kept, length)) is not { } of || of > step) break;
            kept += length + 1;
        }
        return kept;
    }

    private static int? StepOf(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            return json.RootElement.TryGetProperty("step", out JsonElement step) ? step.GetInt32() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>JSON has no number for what is not finite.</summary>
    private static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }

    // One call of the system for a line, so that a killed process leaves whole ones.
    private static void Write(TrainingRun run, FileStream stream, Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        long before = stream.Position;
        try
        {
            stream.Write(buffer.WrittenSpan);
        }
        catch (IOException e)
        {
            CutTo(stream, before);
            stream.Seek(before, SeekOrigin.Begin);
            if (run.Options.RequireCheckpoints) throw Unwritten(stream, e);
            run.Options.Logger?.LogError("Step {Step}: {Fault} The training goes on without it.", run.Step, Unwritten(stream, e).Message);
        }
    }

    private static CheckpointException Unwritten(FileStream stream, IOException e) => new(stream.Name, $"a line could not be written: {e.Message}", e) { IsUnwritten = true };
}
