using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Runs a loop body over ranges on torch's own worker threads where the provider offers them (a second set of threads would wait
/// for the first one's to stop spinning), else on .NET's thread pool. The split depends only on the count and the grain, so
/// that sums over it come out the same on any number of threads.
/// </summary>
internal static unsafe class ParallelLoop
{
    /// <summary>For loop bodies: full optimization at once. What the runtime's tiers make of a loop that is already running is about half as fast.</summary>
    internal const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    private static readonly delegate* unmanaged<long, delegate* unmanaged<nint, long, void>, nint, int> s_native = FindNative();

    /// <summary>Calls <paramref name="body"/> with every chunk number from 0 to <paramref name="chunks"/> − 1, each once, in any order. Throws what it throws.</summary>
    internal static void For(int chunks, Action<int> body)
    {
        if (chunks <= 1 || torch.get_num_threads() == 1)
        {
            for (int i = 0; i < chunks; i++) body(i);
            return;
        }
        if (s_native == null)
        {
            try
            {
                Parallel.For(0, chunks, new ParallelOptions { MaxDegreeOfParallelism = torch.get_num_threads() }, body);
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
            return;
        }

        var work = new Work(body);
        GCHandle handle = GCHandle.Alloc(work);
        try
        {
            _ = s_native(chunks, &Step, GCHandle.ToIntPtr(handle));
        }
        finally
        {
            handle.Free();
        }
        if (work.Fault is { } fault) ExceptionDispatchInfo.Throw(fault);
    }

    /// <summary>The number of chunks of at least <paramref name="grain"/> rows, at most 64.</summary>
    internal static int Chunks(long rows, long grain) => (int)Math.Clamp((rows + grain - 1) / grain, 1, 64);

    /// <summary>The rows of chunk <paramref name="chunk"/> out of <paramref name="chunks"/> nearly equal ones.</summary>
    internal static (long From, long To) Range(long rows, int chunks, int chunk) => (rows * chunk / chunks, rows * (chunk + 1) / chunks);

    private sealed class Work(Action<int> body)
    {
        internal readonly Action<int> Body = body;
        internal Exception? Fault;
    }

    [UnmanagedCallersOnly]
    private static void Step(nint context, long chunk)
    {
        var work = (Work)GCHandle.FromIntPtr(context).Target!;
        try
        {
            work.Body((int)chunk);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref work.Fault, e, null);
        }
    }

    private static delegate* unmanaged<long, delegate* unmanaged<nint, long, void>, nint, int> FindNative() =>
        NativeLibrary.TryLoad("pretrain_torch", typeof(torch).Assembly, null, out nint library)
        && NativeLibrary.TryGetExport(library, "pt_parallel_for", out nint entry)
            ? (delegate* unmanaged<long, delegate* unmanaged<nint, long, void>, nint, int>)entry
            : null;
}
