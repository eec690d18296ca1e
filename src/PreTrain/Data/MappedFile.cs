using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace PreTrain.Data;

/// <summary>A whole file, mapped for reading. Safe for several threads, also while it is being disposed.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly SafeMemoryMappedViewHandle handle;

    public MappedFile(string path)
    {
        Path = path;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        Length = stream.Length;
        map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        view = map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        handle = view.SafeMemoryMappedViewHandle;
    }

    public delegate void Reader<TElement, TResult>(ReadOnlySpan<TElement> source, Span<TResult> destination);

    public string Path { get; }

    public long Length { get; }

    /// <summary>Hands the elements from a position on to a reader, as many as the destination holds. The caller checks the bounds.</summary>
    public void Read<TElement, TResult>(long index, Span<TResult> destination, Reader<TElement, TResult> read) where TElement : unmanaged
    {
        var held = false;
        try
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, typeof(TokenStore));
            handle.DangerousAddRef(ref held);
            var pointer = (byte*)handle.DangerousGetHandle() + view.PointerOffset + index * sizeof(TElement);
            read(new ReadOnlySpan<TElement>(pointer, destination.Length), destination);
        }
        finally
        {
            if (held)
                handle.DangerousRelease();
        }
    }

    public void Dispose()
    {
        view.Dispose();
        map.Dispose();
    }
}
