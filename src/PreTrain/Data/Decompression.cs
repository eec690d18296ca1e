using System.Buffers;
using System.IO.Compression;

namespace PreTrain.Data;

/// <summary>Reads compressed bytes to their proper end: one that is missing is a fault, where .NET's streams take it for the end of the data.</summary>
internal abstract class Decompression : IDisposable
{
    /// <summary>Reads on; 0 at the end.</summary>
    /// <exception cref="InvalidDataException">The data are damaged, or end before their end.</exception>
    public abstract int Read(Span<byte> buffer);

    public abstract void Dispose();

    protected static InvalidDataException CutOff() => new("the data end before their end.");
}

/// <summary>gzip. A member with a known content is read after those of the file; whoever sees it has seen the end of the last one.</summary>
internal sealed class GzipDecompression : Decompression
{
    private static readonly byte[] Seal = [.. Enumerable.Range(0, 16).Select(i => (byte)(SplitMix.Mix((ulong)i) >> 7))];
    private static readonly byte[] SealMember = Compress(Seal);

    private readonly GZipStream stream;
    private readonly byte[] buffer = new byte[(1 << 16) + 16];
    private int start, end;
    private bool isOver;

    public GzipDecompression(Stream file) => stream = new GZipStream(new Sealed(file), CompressionMode.Decompress);

    public override int Read(Span<byte> target)
    {
        while (!isOver && end - start <= Seal.Length)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            var read = stream.Read(buffer, end, buffer.Length - end);
            end += read;
            if (read > 0)
                continue;
            isOver = true;
            if (!buffer.AsSpan(start, end - start).SequenceEqual(Seal))
                throw CutOff();
        }
        var size = Math.Min(target.Length, end - start - Seal.Length);
        if (isOver || size <= 0)
            return 0;
        buffer.AsSpan(start, size).CopyTo(target);
        start += size;
        return size;
    }

    public override void Dispose() => stream.Dispose();

    private static byte[] Compress(byte[] content)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
            gzip.Write(content);
        return memory.ToArray();
    }

    private sealed class Sealed(Stream file) : ReadOnlyStream
    {
        private int at;

        public override int Read(Span<byte> target)
        {
            var read = at == 0 ? file.Read(target) : 0;
            if (read > 0 || target.IsEmpty)
                return read;
            read = Math.Min(target.Length, SealMember.Length - at);
            SealMember.AsSpan(at, read).CopyTo(target);
            at += read;
            return read;
        }
    }
}

/// <summary>Brotli (RFC 7932).</summary>
internal sealed class BrotliDecompression(Stream file) : Decompression
{
    private readonly byte[] buffer = new byte[1 << 16];
    private BrotliDecoder decoder;
    private int start, end;
    private bool isOver;

    public override int Read(Span<byte> target)
    {
        while (!isOver && !target.IsEmpty)
        {
            var status = decoder.Decompress(buffer.AsSpan(start, end - start), target, out var consumed, out var written);
            start += consumed;
            isOver = status == OperationStatus.Done;
            if (status == OperationStatus.InvalidData)
                throw new InvalidDataException("the data are not Brotli's.");
            if (written > 0)
                return written;
            if (status != OperationStatus.NeedMoreData)
                continue;
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            var read = file.Read(buffer, end, buffer.Length - end);
            if (read == 0)
                throw CutOff();
            end += read;
        }
        return 0;
    }

    public override void Dispose() => decoder.Dispose();
}
