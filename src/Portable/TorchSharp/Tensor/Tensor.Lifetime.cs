using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A multi-dimensional array on a device, with a place in the autograd graph.</summary>
    public partial class Tensor : IDisposable
    {
        private static long s_total;
        private static long s_peak;

        internal nint handle;
        internal DisposeScope? OwningDisposeScope;
        internal int PlaceInScope;

        /// <summary>Takes over one reference to a native tensor.</summary>
        internal Tensor(nint handle)
        {
            this.handle = handle;
            long total = Interlocked.Increment(ref s_total);
            if (total > s_peak) s_peak = total;   // a diagnostic; a lost race costs at most a few counts
            Register();
        }

        private Tensor() => GC.SuppressFinalize(this);

        /// <summary>What stands for a tensor that does not exist, such as the gradient of an unused input: invalid, and nothing to dispose.</summary>
        internal static Tensor Undefined() => new();

        /// <summary>Takes the place of another tensor, which is invalid afterwards: its native tensor, its scope and its count in the statistics.</summary>
        internal Tensor(Tensor original)
        {
            handle = original.Handle;
            original.handle = 0;
            GC.SuppressFinalize(original);
            DisposeScope.Replace(original, this);
        }

        private void Register()
        {
            DisposeScopeManager manager = DisposeScopeManager.Current;
            if (manager.Scope is { } scope)
            {
                manager.ThreadStatistics.TensorStatistics.CreatedInside++;
                scope.Add(this);
            }
            else
            {
                manager.ThreadStatistics.TensorStatistics.CreatedOutside++;
            }
        }

        public static Tensor UnsafeCreateTensor(nint handle) => new(handle);

        /// <summary>A label for people; nothing depends on it.</summary>
        public string? name { get; set; }

        /// <summary>The live tensors of managed code, on all threads.</summary>
        public static long TotalCount => Interlocked.Read(ref s_total);

        public static long PeakCount => s_peak;

        public bool IsInvalid => handle == 0;

        /// <exception cref="InvalidOperationException">The tensor was disposed.</exception>
        public nint Handle
        {
            get
            {
                if (handle == 0) ThrowInvalid();
                return handle;
            }
        }

        [System.Diagnostics.CodeAnalysis.DoesNotReturn]
        private static void ThrowInvalid() => throw new InvalidOperationException("Tensor invalid -- empty handle.");

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            nint h = Interlocked.Exchange(ref handle, 0);
            if (h == 0) return;
            if (disposing) CountDisposal();
            Interlocked.Decrement(ref s_total);
            Native.pt_release(h);
        }

        ~Tensor() => Dispose(false);

        private void CountDisposal()
        {
            LifetimeStatistics statistics = DisposeScopeManager.Statistics.TensorStatistics;
            if (OwningDisposeScope is { } scope)
            {
                statistics.DisposedInside++;
                scope.Remove(this);
            }
            else
            {
                statistics.DisposedOutside++;
            }
        }

        /// <summary>Gives the native reference away; this object is invalid afterwards.</summary>
        public nint DecoupleFromNativeHandle()
        {
            nint h = Handle;
            GC.SuppressFinalize(this);
            CountDisposal();
            Interlocked.Decrement(ref s_total);
            handle = 0;
            return h;
        }

        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningDisposeScope);

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (OwningDisposeScope is { } scope) scope.MoveToOther(other, this);
            else other?.Attach(this);
            return this;
        }

        /// <summary>Another object over the same native tensor; each is disposed on its own.</summary>
        public Tensor alias()
        {
            nint h = Handle;
            Native.pt_retain(h);
            GC.KeepAlive(this);
            return new Tensor(h);
        }
    }
}
