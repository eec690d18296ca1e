using System.Collections;
using System.Numerics.Tensors;
using System.Security.Cryptography;
using PreTrain.Tokenization;

namespace PreTrain.Data;

/// <summary>
/// A tokenized corpus on disk: a folder with the token ids (<c>tokens.bin</c>, 16 or 32 bits each), the start of each document (<c>documents.bin</c>,
/// 64 bits each) and a description with checksums (<c>store.json</c>), all little-endian. The files are memory-mapped, so that a store may be larger than
/// memory and opens at once.
/// </summary>
/// <remarks>Every document is followed by the tokenizer's end-of-text token. Reading is safe for several threads. Disposing unmaps the files.</remarks>
public sealed class TokenStore : IDisposable
{
    private readonly TokenStoreHeader header;
    private readonly MappedFile tokens;
    private readonly MappedFile documents;

    private TokenStore(string folder, TokenStoreHeader header)
    {
        Folder = folder;
        this.header = header;
        tokens = Map(TokenStoreHeader.TokensFileName, header.TokenCount, header.IdBits / 8);
        try
        {
            documents = Map(TokenStoreHeader.DocumentsFileName, header.DocumentCount, sizeof(long));
        }
        catch
        {
            tokens.Dispose();
            throw;
        }
        DocumentStarts = new StartList(this);
        All = new TokenRange(this, 0, Count);
    }

    /// <summary>The folder that holds the files, as a full path.</summary>
    public string Folder { get; }

    /// <summary>The number of tokens, with one end-of-text token for each document.</summary>
    public long Count => header.TokenCount;

    /// <summary>The number of documents.</summary>
    public long DocumentCount => header.DocumentCount;

    /// <summary>The number of different tokens that the tokenizer knows; every stored id is less.</summary>
    public int VocabSize => header.VocabSize;

    /// <summary>The token that follows every document.</summary>
    public int EndOfTextId => header.EndOfTextId;

    /// <summary>Bits of a stored token: 16 or 32.</summary>
    public int IdBits => header.IdBits;

    /// <summary>The <see cref="TextTokenizer.Fingerprint"/> of the tokenizer that made the tokens.</summary>
    public string TokenizerFingerprint => header.TokenizerFingerprint;

    /// <summary>The SHA-256 of the tokens, which says whether two stores hold the same ones.</summary>
    public string Sha256 => header.TokensSha256;

    /// <summary>All tokens.</summary>
    public TokenRange All { get; }

    /// <summary>The position of each document's first token, ascending. Read from the file when asked for.</summary>
    /// <remarks>It has at most 2^31 − 1 items; <see cref="DocumentStart"/> reaches all.</remarks>
    public IReadOnlyList<long> DocumentStarts { get; }

    /// <summary>
    /// Tokenizes a corpus into a new store, in one pass and with bounded memory. Several threads tokenize; the order is the corpus'. The files are written
    /// beside, flushed and renamed, so that a failed, cancelled or killed build leaves no store behind.
    /// </summary>
    /// <param name="corpus">The documents. Those without any token are left out.</param>
    /// <param name="tokenizer">Makes the tokens.</param>
    /// <param name="folder">The folder to create. It must not exist, be empty, or hold a store and <see cref="TokenStoreOptions.Overwrite"/> be set.</param>
    /// <param name="options">How to work.</param>
    /// <param name="cancellationToken">Ends the build.</param>
    /// <returns>The opened store.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or the folder holds something already.</exception>
    /// <exception cref="CorpusException">The corpus cannot be read, or holds no token.</exception>
    /// <exception cref="IOException">The store cannot be written, for example because the disk is full.</exception>
    /// <exception cref="OperationCanceledException">The build was cancelled.</exception>
    public static TokenStore Build(
        IEnumerable<string> corpus, TextTokenizer tokenizer, string folder, TokenStoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        options ??= new TokenStoreOptions();
        options.Validate();
        new TokenStoreBuilder(corpus, tokenizer, Path.GetFullPath(folder), options).Run(cancellationToken);
        return Open(folder, tokenizer);
    }

    /// <summary>Opens a store and checks that its files are complete. <see cref="Verify"/> also checks their contents.</summary>
    /// <param name="folder">The store's folder.</param>
    /// <param name="tokenizer">Where given, the tokenizer that must have made the tokens.</param>
    /// <param name="verify">Whether the contents are compared with their checksums too, which reads all of them.</param>
    /// <returns>The store.</returns>
    /// <exception cref="CorpusException">A file is missing, damaged, or of another length than it should be, or another tokenizer made the tokens.</exception>
    public static TokenStore Open(string folder, TextTokenizer? tokenizer = null, bool verify = false)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        folder = Path.GetFullPath(folder);
        var header = TokenStoreHeader.Load(folder);
        if (tokenizer is not null && tokenizer.Fingerprint != header.TokenizerFingerprint)
        {
            throw new CorpusException(
                $"The token store '{folder}' was made by another tokenizer (fingerprint {header.TokenizerFingerprint}, {header.VocabSize} tokens) than the one given "
                + $"(fingerprint {tokenizer.Fingerprint}, {tokenizer.VocabSize} tokens). Use that tokenizer, or build the store again.", folder);
        }
        var store = new TokenStore(folder, header);
        try
        {
            if (verify)
                store.Verify();
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Copies tokens.</summary>
    /// <param name="offset">The position of the first.</param>
    /// <param name="destination">Receives as many tokens as it holds.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tokens are not all inside the store.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public void Read(long offset, Span<long> destination)
    {
        Check(offset, destination.Length);
        if (IdBits == 16)
            tokens.Read<ushort, long>(offset, destination, static (source, target) => TensorPrimitives.ConvertTruncating(LittleEndian.Fix(source), target));
        else
            tokens.Read<int, long>(offset, destination, static (source, target) => TensorPrimitives.ConvertTruncating(LittleEndian.Fix(source), target));
    }

    /// <inheritdoc cref="Read(long, Span{long})"/>
    public void Read(long offset, Span<int> destination)
    {
        Check(offset, destination.Length);
        if (IdBits == 16)
            tokens.Read<ushort, int>(offset, destination, static (source, target) => TensorPrimitives.ConvertTruncating(LittleEndian.Fix(source), target));
        else
            tokens.Read<int, int>(offset, destination, static (source, target) => LittleEndian.Fix(source).CopyTo(target));
    }

    /// <summary>The position of a document's first token.</summary>
    /// <param name="document">The document, from 0 to <see cref="DocumentCount"/> − 1.</param>
    /// <returns>The position.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such document.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public long DocumentStart(long document)
    {
        if ((ulong)document >= (ulong)DocumentCount)
        {
            throw new ArgumentOutOfRangeException(nameof(document), document,
                $"document ({document}) must be at least 0 and less than DocumentCount ({DocumentCount}).");
        }
        long start = 0;
        documents.Read<long, long>(document, new Span<long>(ref start), static (source, target) => LittleEndian.Fix(source).CopyTo(target));
        return start;
    }

    /// <summary>The tokens of one document, without the end-of-text token that follows it.</summary>
    /// <param name="document">The document, from 0 to <see cref="DocumentCount"/> − 1.</param>
    /// <returns>A range of the store.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such document.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public TokenRange Document(long document)
    {
        var start = DocumentStart(document);
        var next = document + 1 < DocumentCount ? DocumentStart(document + 1) : Count;
        return All.Slice(start, next - 1 - start);
    }

    /// <summary>Holds the store's end out for validation; see <see cref="TokenRange.Split"/>.</summary>
    /// <param name="validationFraction">The share of the tokens that is held out, more than 0 and less than 1.</param>
    /// <returns>Two ranges without a common token that together are the store.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="validationFraction"/> is not between 0 and 1.</exception>
    public (TokenRange Train, TokenRange Validation) Split(double validationFraction) => All.Split(validationFraction);

    /// <summary>Reads all files and compares them with their checksums.</summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="CorpusException">A file is damaged; the exception names it.</exception>
    /// <exception cref="OperationCanceledException">The reading was cancelled.</exception>
    public void Verify(CancellationToken cancellationToken = default)
    {
        TokenStoreHeader.Load(Folder);
        VerifyFile(tokens.Path, header.TokensSha256, cancellationToken);
        VerifyFile(documents.Path, header.DocumentsSha256, cancellationToken);
    }

    /// <summary>Unmaps the files. Ranges of the store cannot be read any more.</summary>
    public void Dispose()
    {
        tokens.Dispose();
        documents.Dispose();
    }

    private static void VerifyFile(string path, string sha256, CancellationToken cancellationToken)
    {
        string actual;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[1 << 20];
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }
            actual = Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Utf8File.Unreadable(path, e);
        }
        if (actual != sha256)
            throw new CorpusException($"The file '{path}' is damaged: its SHA-256 is {actual}, and {sha256} was written. Build the store again.", path);
    }

    private MappedFile Map(string name, long count, int width)
    {
        var path = Path.Combine(Folder, name);
        try
        {
            var actual = new FileInfo(path).Length;
            if (actual != count * width)
            {
                throw new CorpusException(
                    $"The file '{path}' is {(actual < count * width ? "truncated" : "damaged")}: it has {actual} bytes, and {count} entries of {width} bytes "
                    + $"take {count * width}. Build the store again.", path);
            }
            return new MappedFile(path);
        }
        catch (FileNotFoundException e)
        {
            throw new CorpusException($"The token store '{Folder}' is incomplete: the file '{path}' is missing. Build the store again.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Utf8File.Unreadable(path, e);
        }
    }

    private void Check(long offset, int count)
    {
        if (offset < 0 || offset > Count - count)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset,
                $"{count} tokens from offset {offset} do not lie within the {Count} tokens of the store.");
        }
    }

    private sealed class StartList(TokenStore store) : IReadOnlyList<long>
    {
        public int Count => checked((int)store.DocumentCount);

        public long this[int index] => store.DocumentStart(index);

        public IEnumerator<long> GetEnumerator()
        {
            for (long document = 0; document < store.DocumentCount; document++)
                yield return store.DocumentStart(document);
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
