using System.Buffers.Binary;
using System.Text;

namespace PreTrain.Checkpoints;

/// <summary>The directory of a zip file whose entries are stored as they are, as <c>torch.save</c> writes it: where each entry's bytes lie.</summary>
/// <remarks>
/// Format: APPNOTE.TXT of PKWARE, with 64-bit sizes. Anything that would make two readers see different content is refused: entries that overlap, names that
/// appear twice, local headers that disagree with the directory. Checksums are not compared; PyTorch does not do so either, and may write none.
/// </remarks>
internal sealed class ZipDirectory
{
    private const uint LocalSignature = 0x04034b50, EntrySignature = 0x02014b50, EndSignature = 0x06054b50, End64Signature = 0x06064b50, Locator64Signature = 0x07064b50;
    private const int LocalBytes = 30, EntryBytes = 46, EndBytes = 22, End64Bytes = 56, Locator64Bytes = 20, MaxCommentBytes = ushort.MaxValue;
    private const int MaxDirectoryBytes = 100_000_000;

    private readonly string path;
    private readonly ElementReader reader;
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);

    private ZipDirectory(string path, ElementReader reader)
    {
        this.path = path;
        this.reader = reader;
    }

    /// <summary>One entry.</summary>
    /// <param name="Name">Its path inside the archive.</param>
    /// <param name="HeaderOffset">The place of its local header.</param>
    /// <param name="Offset">The place of its first byte in the file.</param>
    /// <param name="Bytes">Its length.</param>
    internal sealed record Entry(string Name, long HeaderOffset, long Offset, long Bytes);

    internal IReadOnlyDictionary<string, Entry> Entries => entries;

    /// <exception cref="CheckpointException">The file is no zip file of stored entries, or it is truncated or damaged.</exception>
    internal static ZipDirectory Read(string path, ElementReader reader)
    {
        var directory = new ZipDirectory(path, reader);
        var (offset, bytes, count) = directory.FindDirectory();
        directory.ReadEntries(offset, bytes, count);
        directory.CheckOverlap();
        return directory;
    }

    private (long Offset, int Bytes, long Count) FindDirectory()
    {
        var tail = new byte[(int)Math.Min(reader.Length, EndBytes + MaxCommentBytes)];
        var tailStart = reader.Length - tail.Length;
        reader.ReadExactly(tailStart, tail);
        for (var at = tail.Length - EndBytes; at >= 0; at--)
        {
            var end = tail.AsSpan(at);
            if (U32(end) != EndSignature || U16(end[20..]) != end.Length - EndBytes)
                continue;
            long count = U16(end[10..]), bytes = U32(end[12..]), offset = U32(end[16..]), limit = tailStart + at;
            if (U16(end[4..]) is not (0 or ushort.MaxValue))
                throw Fault("the zip file is one of several parts.");
            if (count == ushort.MaxValue || bytes == uint.MaxValue || offset == uint.MaxValue)
                (offset, bytes, count, limit) = FindDirectory64(limit);
            if (bytes > MaxDirectoryBytes)
                throw Fault($"the zip directory would be {bytes} bytes long, and at most {MaxDirectoryBytes} are allowed.");
            if (bytes < 0 || offset < 0 || offset > limit - bytes)
                throw Fault($"the zip directory would be at byte {offset} with {bytes} bytes, which reaches beyond its end at {limit}. The file is damaged.");
            return (offset, (int)bytes, count);
        }
        throw Fault("the end of the zip directory is missing: the file is truncated, or it is no zip file.");
    }

    private (long Offset, long Bytes, long Count, long Limit) FindDirectory64(long endOffset)
    {
        var locator = new byte[Locator64Bytes];
        var end = new byte[End64Bytes];
        if (endOffset < Locator64Bytes)
            throw Fault("the 64-bit zip directory is missing. The file is damaged.");
        reader.ReadExactly(endOffset - Locator64Bytes, locator);
        var offset = I64(locator.AsSpan(8));
        if (U32(locator) != Locator64Signature || offset < 0 || offset > endOffset - Locator64Bytes - End64Bytes)
            throw Fault("the 64-bit zip directory is missing. The file is damaged.");
        reader.ReadExactly(offset, end);
        if (U32(end) != End64Signature)
            throw Fault($"the end of the 64-bit zip directory is not at byte {offset}. The file is damaged.");
        return (I64(end.AsSpan(48)), I64(end.AsSpan(40)), I64(end.AsSpan(32)), offset);
    }

    private void ReadEntries(long offset, int bytes, long count)
    {
        var all = new byte[bytes];
        reader.ReadExactly(offset, all);
        ReadOnlySpan<byte> rest = all;
        while (!rest.IsEmpty)
        {
            if (rest.Length < EntryBytes || U32(rest) != EntrySignature)
                throw Fault($"the zip directory is damaged at byte {offset + bytes - rest.Length}.");
            int nameBytes = U16(rest[28..]), extraBytes = U16(rest[30..]), commentBytes = U16(rest[32..]);
            if (rest.Length < EntryBytes + nameBytes + extraBytes + commentBytes)
                throw Fault($"the zip directory is damaged at byte {offset + bytes - rest.Length}.");
            var name = Text(rest.Slice(EntryBytes, nameBytes));
            Add(name, rest[..EntryBytes], rest.Slice(EntryBytes + nameBytes, extraBytes), offset);
            rest = rest[(EntryBytes + nameBytes + extraBytes + commentBytes)..];
        }
        if (entries.Count != count)
            throw Fault($"the zip directory has {entries.Count} entries, and {count} are announced. The file is damaged.");
    }

    private void Add(string name, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> extra, long directoryOffset)
    {
        if ((U16(entry[8..]) & 1) != 0)
            throw Fault($"the entry '{name}' is encrypted.");
        if (U16(entry[10..]) is not 0 and var method)
            throw Fault($"the entry '{name}' is compressed (method {method}); PyTorch stores entries as they are. Unpack the file and save it again.");
        long packed = U32(entry[20..]), bytes = U32(entry[24..]), header = U32(entry[42..]);
        Widen(name, extra, ref bytes, ref packed, ref header);
        if (packed != bytes)
            throw Fault($"the entry '{name}' has {bytes} bytes, of which {packed} are stored. The file is damaged.");
        if (header < 0 || bytes < 0 || header > directoryOffset - LocalBytes)
            throw Fault($"the entry '{name}' would begin at byte {header}, behind the last place that is possible. The file is damaged.");

        var local = new byte[LocalBytes];
        reader.ReadExactly(header, local);
        if (U32(local) != LocalSignature)
            throw Fault($"the entry '{name}' does not begin at byte {header}, as the zip directory says. The file is damaged.");
        var nameBytes = new byte[U16(local.AsSpan(26))];
        var start = header + LocalBytes + nameBytes.Length + U16(local.AsSpan(28));
        if (start > directoryOffset - bytes)
            throw Fault($"the entry '{name}' of {bytes} bytes at byte {start} reaches into the zip directory at {directoryOffset}. The file is damaged.");
        reader.ReadExactly(header + LocalBytes, nameBytes);
        if (Text(nameBytes) != name)
            throw Fault($"the entry '{name}' is called '{Text(nameBytes)}' where it begins. The file is damaged.");
        if (!entries.TryAdd(name, new Entry(name, header, start, bytes)))
            throw Fault($"the entry '{name}' appears twice.");
    }

    /// <summary>Takes from the 64-bit extra field what does not fit into the entry itself.</summary>
    private void Widen(string name, ReadOnlySpan<byte> extra, ref long bytes, ref long packed, ref long header)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra), length = U16(extra[2..]);
            if (length > extra.Length - 4)
                break;
            if (id == 1)
            {
                var field = extra.Slice(4, length);
                bytes = Take(bytes, ref field);
                packed = Take(packed, ref field);
                header = Take(header, ref field);
                return;
            }
            extra = extra[(4 + length)..];
        }

        long Take(long value, ref ReadOnlySpan<byte> field)
        {
            if (value != uint.MaxValue)
                return value;
            if (field.Length < sizeof(long))
                throw Fault($"the entry '{name}' lacks its 64-bit sizes. The file is damaged.");
            value = I64(field);
            field = field[sizeof(long)..];
            return value;
        }
    }

    private void CheckOverlap()
    {
        Entry? before = null;
        foreach (var entry in entries.Values.OrderBy(e => e.HeaderOffset))
        {
            if (before is not null && entry.HeaderOffset < before.Offset + before.Bytes)
                throw Fault($"the entries '{before.Name}' and '{entry.Name}' overlap. The file is damaged.");
            before = entry;
        }
    }

    private string Text(ReadOnlySpan<byte> bytes) =>
        System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Fault("the name of a zip entry is not valid UTF-8. The file is damaged.");

    private CheckpointException Fault(string fault) => new(path, fault);

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long I64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
