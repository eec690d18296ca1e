using System.Runtime.InteropServices;

namespace PreTrain.Tokenization;

/// <summary>
/// Word counts that do not fit into memory: sorted runs in temporary files, which are merged at the end. Of the merged words those stay that
/// occur most often, as many as fit; so the result is the same whatever the runs were. Safe for concurrent use.
/// </summary>
internal sealed class WordRuns(long memoryLimit) : IDisposable
{
    private readonly List<string> _files = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("pretrain-words-").FullName;

    /// <summary>Writes what a counter has counted; it is not used after that.</summary>
    public void Spill(WordCounter words)
    {
        if (words.Count == 0)
            return;
        int[] order = [.. Enumerable.Range(0, words.Count)];
        Array.Sort(order, (a, b) => words.Word(a).SequenceCompareTo(words.Word(b)));
        string path;
        lock (_files)
        {
            path = Path.Combine(_folder, $"{_files.Count}.run");
            _files.Add(path);
        }

        using var writer = new BinaryWriter(File.Create(path));
        foreach (int i in order)
        {
            ReadOnlySpan<char> word = words.Word(i);
            writer.Write7BitEncodedInt(word.Length);
            writer.Write(MemoryMarshal.AsBytes(word));
            writer.Write7BitEncodedInt64(words.CountOf(i));
        }
    }

    /// <summary>Merges all runs. Where not all words fit, the rarest ones are left out and, of the last count that has room, the last in order.</summary>
    public WordCounter Merge(CancellationToken cancellation)
    {
        var bytesByCount = new SortedDictionary<long, long>();
        ForEachWord((word, count) => bytesByCount[count] = bytesByCount.GetValueOrDefault(count) + WordCounter.BytesOf(word.Length), cancellation);
        long least = 0, above = 0, here = 0;   // bytes of the words above that count, and of those with it
        foreach ((long count, long bytes) in bytesByCount.Reverse())
        {
            (least, above, here) = (count, above + here, bytes);
            if (above + here > memoryLimit)
                break;
        }

        long room = memoryLimit - above;
        var words = new WordCounter();
        ForEachWord(
            (word, count) =>
            {
                if (count > least || (count == least && (room -= WordCounter.BytesOf(word.Length)) >= 0))
                    words.Add(word, count);
            },
            cancellation);
        return words;
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void ForEachWord(WordAction action, CancellationToken cancellation)
    {
        List<Run> runs = [.. _files.Select(file => new Run(file))];
        try
        {
            var queue = new PriorityQueue<Run, string>(StringComparer.Ordinal);
            foreach (Run run in runs.Where(run => run.Next()))
                queue.Enqueue(run, run.Word);
            for (long done = 0; queue.TryDequeue(out Run? first, out string? word); done++)
            {
                if (done % 65536 == 0)
                    cancellation.ThrowIfCancellationRequested();
                long count = first.Count;
                if (first.Next())
                    queue.Enqueue(first, first.Word);
                while (queue.TryPeek(out Run? other, out string? same) && same == word)
                {
                    count += other.Count;
                    queue.Dequeue();
                    if (other.Next())
                        queue.Enqueue(other, other.Word);
                }

                action(word, count);
            }
        }
        finally
        {
            runs.ForEach(run => run.Dispose());
        }
    }

    private delegate void WordAction(ReadOnlySpan<char> word, long count);

    private sealed class Run(string path) : IDisposable
    {
        private readonly BinaryReader _reader = new(new BufferedStream(File.OpenRead(path), 1 << 16));
        private readonly long _length = new FileInfo(path).Length;

        public string Word { get; private set; } = "";

        public long Count { get; private set; }

        public bool Next()
        {
            if (_reader.BaseStream.Position == _length)
                return false;
            char[] word = new char[_reader.Read7BitEncodedInt()];
            _reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(word.AsSpan()));
            (Word, Count) = (new string(word), _reader.Read7BitEncodedInt64());
            return true;
        }

        public void Dispose() => _reader.Dispose();
    }
}
