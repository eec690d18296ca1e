using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class PrefetcherTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // Place n is batch n; workers finish in another order than they begin.
    private static int Make(int place)
    {
        Thread.Sleep(place * 7 % 5);
        return place;
    }

    private static (int After, Func<int> Make) Draw(int place) => (place + 1, () => Make(place));

    private static int Wait(ManualResetEventSlim gate, int place)
    {
        gate.Wait(Patience);
        return place;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Fail(int place) => throw new InvalidDataException($"Batch {place} is broken.");

    [Fact]
    public void Next_AnyWorkersAndCapacity_IsTheOrderOfDrawing() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(20), Prop.ForAll(Gen.Choose(0, 62).ToArbitrary(), way =>
        {
            using var prefetcher = new Prefetcher<int, int>(3, Draw, 1 + way % 7, 1 + way / 7);
            for (var place = 3; place < 30; place++)
            {
                if (prefetcher.State != place || prefetcher.Next(Cancellation) != place)
                    return false;
            }
            return prefetcher.State == 30;
        }));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 5)]
    public void State_WhileBatchesAreMadeAhead_IsThatOfTheTaken(int workers, int capacity)
    {
        var drawn = 0;
        using var made = new SemaphoreSlim(0);
        using var prefetcher = new Prefetcher<int, int>(0, place =>
        {
            drawn++;
            return (place + 1, () => MakeKnown(place));
        }, workers, capacity);
        for (var taken = 0; taken < 4; taken++)
        {
            for (var i = taken == 0 ? 0 : capacity - 1; i < capacity; i++)
                Assert.True(made.Wait(Patience, Cancellation));
            Assert.Equal((taken, taken + capacity), (prefetcher.State, drawn));
            prefetcher.Next(Cancellation);
        }

        using var resumed = new Prefetcher<int, int>(prefetcher.State, Draw);
        Assert.Equal(4, resumed.Next(Cancellation));

        int MakeKnown(int place)
        {
            made.Release();
            return place;
        }
    }

    [Fact]
    public void Next_SeveralWorkers_WorkAtOnceAndNoMore()
    {
        using var met = new Barrier(3);
        using var alone = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        int atWork = 0, most = 0;
        using var prefetcher = new Prefetcher<int, bool>(0, place => (place + 1, Meet), workers: 3, capacity: 6);

        Assert.True(prefetcher.Next(Cancellation), "Three workers were never at work together.");
        for (var i = 1; i < 6; i++)
            Assert.True(prefetcher.Next(Cancellation));
        Assert.Equal(3, most);
        alone.Cancel();   // what is under way now may go on alone

        bool Meet()
        {
            var now = Interlocked.Increment(ref atWork);
            for (var seen = most; now > seen; seen = most)
                Interlocked.CompareExchange(ref most, now, seen);
            try
            {
                return met.SignalAndWait(Patience, alone.Token);
            }
            catch (OperationCanceledException) when (!Cancellation.IsCancellationRequested)
            {
                return false;
            }
            finally
            {
                Interlocked.Decrement(ref atWork);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Next_ABatchFails_ThrowsItsErrorWithItsStackInItsTurn(bool inDrawing)
    {
        using var prefetcher = new Prefetcher<int, int>(0, place => place != 5 ? Draw(place) : inDrawing ? (Fail(place), () => 0) : (place + 1, () => Fail(place)), workers: 3, capacity: 8);
        for (var place = 0; place < 5; place++)
            Assert.Equal(place, prefetcher.Next(Cancellation));

        for (var attempt = 0; attempt < 3; attempt++)
        {
            var e = Assert.Throws<InvalidDataException>(() => prefetcher.Next(Cancellation));
            Assert.Equal("Batch 5 is broken.", e.Message);
            Assert.Contains($"{nameof(PrefetcherTests)}.{nameof(Fail)}", e.StackTrace);
        }
        Assert.Equal(5, prefetcher.State);
    }

    [Fact]
    public async Task Next_CancelledBeforeOrWhileItWaits_LosesNoBatch()
    {
        using var gate = new ManualResetEventSlim();
        using var prefetcher = new Prefetcher<int, int>(0, place => (place + 1, () => Wait(gate, place)));
        Assert.ThrowsAny<OperationCanceledException>(() => prefetcher.Next(new CancellationToken(canceled: true)));
        using var source = new CancellationTokenSource();
        var waiting = Task.Run(() => prefetcher.Next(source.Token), Cancellation);
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Task.Delay(50, Cancellation)));

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(0, prefetcher.State);
        gate.Set();
        Assert.Equal(0, prefetcher.Next(Cancellation));
        Assert.Equal(1, prefetcher.Next(Cancellation));
    }

    [Fact]
    public async Task Dispose_WhileBatchesAreMade_WaitsForThemAndBeginsNoOther()
    {
        using var gate = new ManualResetEventSlim();
        using var begun = new CountdownEvent(2);
        int finished = 0, started = 0;
        var prefetcher = new Prefetcher<int, int>(0, place => (place + 1, () => MakeSlowly(place)), workers: 2, capacity: 6);
        Assert.True(begun.Wait(Patience, Cancellation));

        var disposing = Task.Run(prefetcher.Dispose, Cancellation);
        Assert.NotSame(disposing, await Task.WhenAny(disposing, Task.Delay(50, Cancellation)));
        gate.Set();
        await disposing.WaitAsync(Patience, Cancellation);

        Assert.Equal((2, 2), (started, finished));
        prefetcher.Dispose();
        Assert.Throws<ObjectDisposedException>(() => prefetcher.Next(Cancellation));

        int MakeSlowly(int place)
        {
            Interlocked.Increment(ref started);
            begun.Signal();
            Wait(gate, place);
            return Interlocked.Increment(ref finished);
        }
    }

    [Fact]
    public async Task Dispose_ABatchFailedThatNobodyTook_LeavesNoErrorBehind()
    {
        var unobserved = new List<string>();
        void Note(object? sender, UnobservedTaskExceptionEventArgs e)
        {
            lock (unobserved)
                unobserved.Add(e.Exception.ToString());
        }
        TaskScheduler.UnobservedTaskException += Note;
        try
        {
            (WeakReference Batch, WeakReference Prefetcher) left = await Leave();
            for (var i = 0; i < 20 && left.Prefetcher.IsAlive | left.Batch.IsAlive; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                await Task.Delay(10, Cancellation);
            }
            Assert.False(left.Prefetcher.IsAlive || left.Batch.IsAlive, "Something holds on to the prefetcher or its batches.");
            lock (unobserved)
                Assert.DoesNotContain(unobserved, error => error.Contains("Batch 1 is broken."));
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Note;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static async Task<(WeakReference Batch, WeakReference Prefetcher)> Leave()
        {
            var failed = new TaskCompletionSource();
            var prefetcher = new Prefetcher<int, object>(0, place => (place + 1, () => MakeFirst(place)), capacity: 2);
            var batch = new WeakReference(prefetcher.Next(Cancellation));
            await failed.Task.WaitAsync(Patience, Cancellation);
            prefetcher.Dispose();
            return (batch, new WeakReference(prefetcher));

            object MakeFirst(int place)
            {
                if (place == 0)
                    return new object();
                failed.TrySetResult();
                return Fail(place);
            }
        }
    }

    [Fact]
    public void Constructor_NotPositive_Throws()
    {
        Assert.StartsWith("workers (0) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => new Prefetcher<int, int>(0, Draw, workers: 0)).Message);
        Assert.StartsWith("capacity (-2) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => new Prefetcher<int, int>(0, Draw, capacity: -2)).Message);
    }
}
