// M positions of a row, V classes, K of them that are kept
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// A teacher's scores on disk, so that it reads each row of the data once and other students, other losses and further epochs need it no more. A row is found by what it holds (tokens, segments and
/// targets), in whatever batch and order it comes. Of each position the highest scores are kept in half precision, and what the others come to together at the temperature that they are learned at:
/// there the kept classes have the probabilities that the teacher gives them, and the others an equal share each of what it gives them together.
/// </summary>
/// <remarks>
/// The folder holds <c>cache.json</c>, which says whose scores of what data they are, and <c>logits.bin</c>, to which each row is added behind the others with checksums. What a killed process has half
/// written at its end is cut off. A student is given what was kept from the first time on, so that runs do not depend on what the cache held before.
/// </remarks>
public sealed class LogitCache : IDisposable
{
    private const string DescriptionFile = "cache.json", ScoresFile = "logits.bin";
    private const int Format = 2;

    private readonly string _file;
    private readonly LogitCacheOptions _options;
    private readonly FileStream _stream;
    private readonly Dictionary<UInt128, Entry> _entries = [];
    private long _end;

    private LogitCache(string folder, string fingerprint, LogitCacheOptions options)
    {
        (_file, Fingerprint, _options) = (Path.Combine(folder, ScoresFile), fingerprint, options);
        try
        {
            _stream = new FileStream(_file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"The cache '{folder}' cannot be opened; another training may be at work on it. {e.Message}", e);
        }
    }

    private readonly record struct Entry(long Offset, int Positions, int Classes, int Kept);

    /// <summary>What stands before the scores of a row.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private readonly record struct Header(UInt128 Key, int Positions, int Classes, int Kept, uint ScoresSum, uint Sum)
    {
        internal uint Expected()
        {
            Header blank = this with { Sum = 0 };
            return SumOf(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(in blank)));
        }
    }

    /// <summary>The rows that are kept.</summary>
    public int Count => _entries.Count;

    /// <summary>The rows that were asked for and found, since it was opened.</summary>
    public long Hits { get; private set; }

    /// <summary>The rows that the teacher had to read, since it was opened.</summary>
    public long Misses { get; private set; }

    /// <summary>The highest scores of a position that are kept.</summary>
    public int TopK => _options.TopK;

    /// <summary>The temperature that the scores are learned at.</summary>
    public double Temperature => _options.Temperature;

    /// <summary>What tells the weights of the teacher apart whose scores they are.</summary>
    internal string Fingerprint { get; }

    /// <summary>Opens a cache, or begins one.</summary>
    /// <param name="folder">Created where it is missing.</param>
    /// <param name="teacher">Whose scores they are.</param>
    /// <param name="data">What the rows are made of: the objective's <see cref="Objectives.IObjective{TModel}.Describe"/>, which names the data and the tokenizer.</param>
    /// <param name="options">What is kept.</param>
    /// <exception cref="ArgumentException">The cache was made for another teacher, other data, another tokenizer, another number of scores or another temperature; the message says which.</exception>
    /// <exception cref="CheckpointException">A file is damaged.</exception>
    /// <exception cref="IOException">It cannot be written, or another process is at work on it.</exception>
    public static LogitCache Open(string folder, ITransformerModel teacher, JsonObject data, LogitCacheOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(teacher);
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        options.Validate();
        string fingerprint = WeightsFingerprint.Of(teacher);
        JsonObject description = new()
        {
            ["format"] = Format,
            ["topK"] = options.TopK,
            ["temperature"] = options.Temperature,
            ["teacher"] = new JsonObject { ["config"] = teacher.ToConfigJson(), ["sha256"] = fingerprint },
            ["data"] = data.DeepClone(),
        };
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, DescriptionFile);
        if (File.Exists(file)) Compare(folder, file, description);
        else if (File.Exists(Path.Combine(folder, ScoresFile))) throw new CheckpointException(file, $"it is missing beside {ScoresFile}; delete the folder to begin a new cache.");
        var cache = new LogitCache(folder, fingerprint, options);
        try
        {
            cache.Scan();
            if (!File.Exists(file)) AtomicFile.WriteAllText(file, description.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    /// <summary>How many classes the scores of a row have, V; null if they are not kept. It is counted as found or as missed.</summary>
    internal int? Find(UInt128 key)
    {
        bool isKept = _entries.TryGetValue(key, out Entry entry);
        if (isKept) Hits++;
        else Misses++;
        return isKept ? entry.Classes : null;
    }

    /// <summary>Reads scores of a row that is kept, which give the teacher's probabilities at the temperature.</summary>
    /// <param name="key">Which row.</param>
    /// <param name="scores">Where to, (M, V) in 32 bits on the processor.</param>
    internal void Read(UInt128 key, Tensor scores)
    {
        Entry entry = _entries[key];
        if (entry.Positions != scores.size(0) || entry.Classes != scores.size(1))
            throw new CheckpointException(_file, $"the row at byte {entry.Offset} has {entry.Positions} positions of {entry.Classes} scores where the data have {scores.size(0)} of {scores.size(1)}; delete the folder to begin a new cache.");
        byte[] bytes = new byte[TopScores.ByteCount(entry.Positions, entry.Classes, entry.Kept)];
        _stream.Position = entry.Offset;
        Header header = default;
        _stream.ReadExactly(MemoryMarshal.AsBytes(new Span<Header>(ref header)));
        _stream.ReadExactly(bytes);
        if (SumOf(bytes) != header.ScoresSum) throw Damaged(entry.Offset);
        TopScores.Read(bytes, scores, entry.Kept, _options.Temperature);
    }

    /// <summary>Keeps the scores of a row, (M, V).</summary>
    internal void Add(UInt128 key, Tensor scores)
    {
        if (_entries.ContainsKey(key)) return;   // a batch may hold a row twice
        int classes = (int)scores.size(1), kept = Math.Min(_options.TopK, classes);
        byte[] bytes = TopScores.Write(scores, kept, _options.Temperature);
        var header = new Header(key, (int)scores.size(0), classes, kept, SumOf(bytes), 0);
        header = header with { Sum = header.Expected() };
        _stream.Position = _end;
        _stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(in header)));
        _stream.Write(bytes);
        _entries[key] = new Entry(_end, header.Positions, classes, kept);
        _end = _stream.Position;
    }

    /// <summary>Writes what is not on the disk yet, and closes the files.</summary>
    public void Dispose() => _stream.Dispose();

    /// <summary>Finds out where each row lies.</summary>
    private void Scan()
    {
        int size = Unsafe.SizeOf<Header>();
        while (_end + size <= _stream.Length)
        {
            Header header = default;
            _stream.Position = _end;
            _stream.ReadExactly(MemoryMarshal.AsBytes(new Span<Header>(ref header)));
            if (header.Sum != header.Expected() || header.Positions < 0 || header.Classes < 1 || header.Kept < 1 || header.Kept > header.Classes) throw Damaged(_end);
            long next = _end + size + TopScores.ByteCount(header.Positions, header.Classes, header.Kept);
            if (next > _stream.Length) break;
            _entries[header.Key] = new Entry(_end, header.Positions, header.Classes, header.Kept);
            _end = next;
        }
        _stream.SetLength(_end);   // the rest was being written when its process ended
    }

    private CheckpointException Damaged(long offset) => new(_file, $"the row at byte {offset} does not fit its checksum; delete the folder to begin a new cache.");

    private static uint SumOf(ReadOnlySpan<byte> bytes)
    {
        var sum = new Crc32C();
        sum.Append(bytes);
        return sum.Value;
    }

    private static void Compare(string folder, string file, JsonObject now)
    {
        JsonObject stored;
        try
        {
            stored = JsonNode.Parse(File.ReadAllText(file)) as JsonObject ?? throw new JsonException("it is not an object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException(file, $"it is damaged ({e.Message}); delete the folder to begin a new cache.", e);
        }
        List<string> differences = CheckpointState.Differences(stored, now, "cache");
        if (differences.Count > 0)
            throw new ArgumentException($"The cache '{folder}' was made for something else: {string.Join(", ", differences)}. Use another folder, or delete this one.", nameof(folder));
    }
}
