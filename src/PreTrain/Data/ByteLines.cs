namespace PreTrain.Data;

/// <summary>The lines of a file as bytes, without their ends; one is held at a time.</summary>
internal sealed class ByteLines(SourceFile file)
{
    private byte[] buffer = new byte[1 << 16];
    private int start, end, searched;
    private bool isFinished;

    /// <summary>The number of the current line, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>The current line; valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Current { get; private set; }

    public bool Next()
    {
        while (true)
        {
            var found = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
            if (found >= 0)
                return Take(searched + found, searched + found + 1);
            searched = end;
            if (isFinished)
                return end > start && Take(end, end);
            if (end == buffer.Length)
                MakeRoom();
            var read = file.Read(buffer.AsSpan(end));
            isFinished = read == 0;
            end += read;
        }
    }

    private bool Take(int lineEnd, int next)
    {
        var line = buffer.AsMemory(start, lineEnd - start);
        if (Number++ == 0 && line.Span.StartsWith("\uFEFF"u8))
            line = line[3..];
        if (line.Span is [.., (byte)'\r'])
            line = line[..^1];
        Current = line;
        start = searched = next;
        return true;
    }

    private void MakeRoom()
    {
        var target = buffer;
        if (start < buffer.Length / 2)
        {
            if (buffer.Length == Array.MaxLength)
                throw new CorpusException($"Line {Number + 1} of the file '{file.Path}' is longer than {Array.MaxLength} bytes. Is it a file of lines?", file.Path, Number + 1, null);
            target = new byte[(int)Math.Min(2L * buffer.Length, Array.MaxLength)];
        }
        buffer.AsSpan(start, end - start).CopyTo(target);
        (end, start, searched, buffer) = (end - start, 0, searched - start, target);
    }
}
