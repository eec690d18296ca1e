using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Threading.Channels;
using PreTrain.Tokenization;

namespace PreTrain.Data;

/// <summary>
/// Builds a token store: one task reads documents and groups them into batches, several tokenize, and the caller's writes in the order of reading.
/// </summary>
/// <remarks>
/// <code>
/// corpus ── read ──► batches ──► tokenize × N ─┐
///             │                                ▼ ids
///             └────► the same, in order ──► write ──► folder.building ── rename ──► folder
/// </code>
/// A reader holds one permit for every <see cref="BatchCharacters"/> characters that are not yet written; the permits bound the memory and both channels.
/// </remarks>
internal sealed class TokenStoreBuilder
{
    /// <summary>The characters that make a batch full, and that one permit stands for.</summary>
    public const int BatchCharacters = 64 * 1024;

    private const string LockFileName = "building.lock";
    private static readonly string[] ownFiles = [TokenStoreHeader.TokensFileName, TokenStoreHeader.DocumentsFileName, TokenStoreHeader.FileName, LockFileName];

    private readonly IEnumerable<string> corpus;
    private readonly TextTokenizer tokenizer;
    private readonly string folder;
    private readonly string beside;
    private readonly string previous;
    private readonly TokenStoreOptions options;
    private readonly int idBits;
    private readonly int endOfTextId;

    // Lists of ids that were written: large ones would otherwise be garbage that is collected late.
    private readonly ConcurrentBag<List<int>> spareLists = [];

    public TokenStoreBuilder(IEnumerable<string> corpus, TextTokenizer tokenizer, string folder, TokenStoreOptions options)
    {
        (this.corpus, this.tokenizer, this.options) = (corpus, tokenizer, options);
        this.folder = Path.TrimEndingDirectorySeparator(folder);
        beside = this.folder + ".building";
        previous = this.folder + ".previous";
        endOfTextId = tokenizer.DocumentEndId ?? throw new ArgumentException(
            "The tokenizer has no end-of-text token and no separator, and a token store ends every document with it. Add one to the vocabulary, such as '<|endoftext|>'.", nameof(tokenizer));
        var fits = tokenizer.VocabSize <= ushort.MaxValue + 1;
        idBits = options.IdWidth switch
        {
            TokenIdWidth.Bits32 => 32,
            TokenIdWidth.Auto => fits ? 16 : 32,
            _ => fits ? 16 : throw new ArgumentException(
                $"IdWidth (Bits16) holds at most 65536 tokens, and the tokenizer has VocabSize ({tokenizer.VocabSize}). Use Auto or Bits32.", nameof(options)),
        };
    }

    /// <summary>Writes the store. On return it is complete; on any exception there is none, or the one from before.</summary>
    public void Run(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckFolder();
        Directory.CreateDirectory(beside);
        FileStream guard;
        try
        {
            guard = new FileStream(Path.Combine(beside, LockFileName), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e)
        {
            throw new IOException($"Another build of the token store '{folder}' is running; it holds '{beside}'. Wait for its end, or use another folder.", e);
        }
        try
        {
            // What a killed build left behind goes first.
            foreach (var name in ownFiles.Where(name => name != LockFileName))
                File.Delete(Path.Combine(beside, name));
            WriteAsync(cancellationToken).GetAwaiter().GetResult();
            guard.Dispose();
            Replace();
        }
        catch (Exception e)
        {
            guard.Dispose();
            if (Directory.Exists(beside)) Directory.Delete(beside, recursive: true);
            if (e is OperationCanceledException)
                cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
    }

    private void CheckFolder()
    {
        // A build that was killed between the two renames of Replace left the former store here; without a successor it is still the store.
        if (!Directory.Exists(folder) && File.Exists(Path.Combine(previous, TokenStoreHeader.FileName)))
            Directory.Move(previous, folder);
        RequireOwn(beside, "The token store would be built in");
        if (File.Exists(folder))
            throw new ArgumentException($"'{folder}' is a file; a token store is a folder. Choose another name.", nameof(folder));
        if (!Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any())
            return;
        if (!File.Exists(Path.Combine(folder, TokenStoreHeader.FileName)))
        {
            throw new ArgumentException(
                $"The folder '{folder}' holds other files, and a token store takes a folder of its own. Choose an empty or a new folder.", nameof(folder));
        }
        if (!options.Overwrite)
        {
            throw new ArgumentException(
                $"The folder '{folder}' already holds a token store. Open it with TokenStore.Open, set Overwrite, or choose another folder.", nameof(folder));
        }
        RequireOwn(previous, "The former token store would be put aside as");
    }

    /// <summary>Requires that a folder that will be removed holds nothing of somebody else's.</summary>
    private static void RequireOwn(string path, string use)
    {
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName).FirstOrDefault(name => !ownFiles.Contains(name)) is { } other)
            throw new ArgumentException($"{use} '{path}', which holds other files, such as '{other}'. Rename that folder, or choose another one for the store.", nameof(folder));
    }

    private void Replace()
    {
        if (!Directory.Exists(folder))
        {
            Directory.Move(beside, folder);
            return;
        }
        if (Directory.Exists(previous))
            Directory.Delete(previous, recursive: true);
        Directory.Move(folder, previous);
        try
        {
            Directory.Move(beside, folder);
        }
        catch
        {
            Directory.Move(previous, folder);
            throw;
        }
        try
        {
            Directory.Delete(previous, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The new store is complete. What somebody still reads of the old one goes with the next.
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var permits = Math.Max(2, options.BufferedCharacters / BatchCharacters);
        using var room = new SemaphoreSlim(permits, permits);
        var toEncode = Channel.CreateBounded<Batch>(new BoundedChannelOptions(permits) { SingleWriter = true });
        var toWrite = Channel.CreateBounded<Batch>(new BoundedChannelOptions(permits) { SingleWriter = true, SingleReader = true });

        // Each task runs until its channel ends or another task has failed.
        List<Task> tasks = [Task.Run(() => ReadAsync(room, permits, toEncode.Writer, toWrite.Writer, stop.Token), CancellationToken.None)];
        var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        for (var i = 0; i < threads; i++)
            tasks.Add(Task.Run(() => EncodeAsync(toEncode.Reader, stop.Token), CancellationToken.None));
        try
        {
            var header = await WriteFilesAsync(toWrite.Reader, room, stop.Token).ConfigureAwait(false);
            await Task.WhenAll(tasks).ConfigureAwait(false);
            WriteFlushed(TokenStoreHeader.FileName, header.ToJson());
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadAsync(SemaphoreSlim room, int permits, ChannelWriter<Batch> toEncode, ChannelWriter<Batch> toWrite, CancellationToken stop)
    {
        Exception? fault = null;
        try
        {
            var batch = new Batch();
            foreach (var document in corpus)
            {
                stop.ThrowIfCancellationRequested();
                batch.Add(document ?? throw new CorpusException("The corpus holds a document that is null; a document must be text."));
                if (batch.Characters < BatchCharacters)
                    continue;
                await HandOnAsync(batch).ConfigureAwait(false);
                batch = new Batch();
            }
            if (batch.Documents.Count > 0)
                await HandOnAsync(batch).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // It reaches the caller through the channel, after all that was read before it.
            fault = e;
        }
        toEncode.TryComplete();
        toWrite.TryComplete(fault);

        async Task HandOnAsync(Batch batch)
        {
            batch.Permits = (int)Math.Clamp(batch.Characters / BatchCharacters, 1, permits);
            for (var i = 0; i < batch.Permits; i++)
                await room.WaitAsync(stop).ConfigureAwait(false);
            await toEncode.WriteAsync(batch, stop).ConfigureAwait(false);
            await toWrite.WriteAsync(batch, stop).ConfigureAwait(false);
        }
    }

    private async Task EncodeAsync(ChannelReader<Batch> batches, CancellationToken stop)
    {
        await foreach (var batch in batches.ReadAllAsync(stop).ConfigureAwait(false))
        {
            try
            {
                batch.Ids = spareLists.TryTake(out var spare) ? spare : [];
                batch.Encode(tokenizer, endOfTextId, stop);
                batch.Encoded.SetResult();
            }
            catch (Exception e)
            {
                batch.Encoded.SetException(e);
            }
        }
    }

    private async Task<TokenStoreHeader> WriteFilesAsync(ChannelReader<Batch> batches, SemaphoreSlim room, CancellationToken stop)
    {
        using var tokens = new HashedFile(Path.Combine(beside, TokenStoreHeader.TokensFileName));
        using var documents = new HashedFile(Path.Combine(beside, TokenStoreHeader.DocumentsFileName));
        var vocabSize = tokenizer.VocabSize;
        long tokenCount = 0, documentCount = 0, characters = 0;
        await foreach (var batch in batches.ReadAllAsync(stop).ConfigureAwait(false))
        {
            await batch.Encoded.Task.WaitAsync(stop).ConfigureAwait(false);
            foreach (var start in batch.Starts)
                documents.WriteInt64(tokenCount + start);
            foreach (var id in batch.Ids)
            {
                if ((uint)id >= (uint)vocabSize)
                {
                    throw new InvalidOperationException(
                        $"The tokenizer made the token {id}; tokens must be at least 0 and less than its VocabSize ({vocabSize}). The tokenizer is at fault.");
                }
                if (idBits == 16)
                    tokens.WriteUInt16((ushort)id);
                else
                    tokens.WriteInt32(id);
            }
            tokenCount += batch.Ids.Count;
            documentCount += batch.Starts.Count;
            characters += batch.Characters;
            if (batch.Ids.Capacity <= 4 * BatchCharacters)
            {
                batch.Ids.Clear();
                spareLists.Add(batch.Ids);
            }
            room.Release(batch.Permits);
            options.Progress?.Report(new TokenStoreProgress(documentCount, characters, tokenCount));
        }
        if (tokenCount == 0)
            throw new CorpusException("The corpus holds no text; a token store needs at least one document that is not empty.");
        return new TokenStoreHeader
        {
            TokenCount = tokenCount,
            DocumentCount = documentCount,
            IdBits = idBits,
            VocabSize = vocabSize,
            EndOfTextId = endOfTextId,
            TokenizerFingerprint = tokenizer.Fingerprint,
            TokensSha256 = tokens.Finish(),
            DocumentsSha256 = documents.Finish(),
        };
    }

    private void WriteFlushed(string name, byte[] content)
    {
        using var stream = new FileStream(Path.Combine(beside, name), FileMode.CreateNew, FileAccess.Write);
        stream.Write(content);
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Documents that are tokenized together, so that many short ones cost little.</summary>
    private sealed class Batch
    {
        public List<string> Documents { get; } = [];
        public long Characters { get; private set; }
        public int Permits { get; set; }
        public List<int> Ids { get; set; } = [];
        public List<long> Starts { get; } = [];
        public TaskCompletionSource Encoded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Add(string document)
        {
            Documents.Add(document);
            Characters += document.Length;
        }

        public void Encode(TextTokenizer tokenizer, int endOfTextId, CancellationToken stop)
        {
            foreach (var document in Documents)
            {
                stop.ThrowIfCancellationRequested();
                var start = Ids.Count;
                tokenizer.Encode(document, Ids);
                if (Ids.Count == start)
                    continue;
                Ids.Add(endOfTextId);
                Starts.Add(start);
            }
            Documents.Clear();
        }
    }

    /// <summary>A little-endian file whose checksum is taken while it is written.</summary>
    private sealed class HashedFile(string path) : IDisposable
    {
        private readonly FileStream stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly byte[] buffer = new byte[1 << 20];
        private int used;

        public void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(sizeof(ushort)), value);

        public void WriteInt32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), value);

        public void WriteInt64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value);

        /// <summary>Forces everything to the disk and returns the checksum.</summary>
        public string Finish()
        {
            WriteBuffer();
            stream.Flush(flushToDisk: true);
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        public void Dispose()
        {
            stream.Dispose();
            hash.Dispose();
        }

        private Span<byte> Take(int size)
        {
            if (used + size > buffer.Length)
                WriteBuffer();
            used += size;
            return buffer.AsSpan(used - size, size);
        }

        private void WriteBuffer()
        {
            hash.AppendData(buffer, 0, used);
            stream.Write(buffer, 0, used);
            used = 0;
        }
    }
}
