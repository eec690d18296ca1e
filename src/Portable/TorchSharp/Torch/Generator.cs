using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A stream of pseudo-random numbers.</summary>
    public class Generator : IDisposable
    {
        private nint _handle;

        public nint Handle => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(Generator));

        // Private, or a whole number as a seed would be taken for a handle.
        private Generator(nint handle) => _handle = handle;

        internal static Generator Own(nint handle) => new(handle);

        public Generator(ulong seed = 0, Device? device = null)
        {
            Device d = device ?? CPU;
            nint source = Errors.Check(Native.pt_generator_default((int)d.type, d.index));
            try
            {
                _handle = Errors.Check(Native.pt_generator_clone(source));
            }
            finally
            {
                Native.pt_generator_release(source);
            }
            Errors.Check(Native.pt_generator_set_seed(_handle, unchecked((long)seed)));
        }

        /// <summary>The generator that operators use where none is given.</summary>
        public static Generator Default => Own(Errors.Check(Native.pt_generator_default((int)DeviceType.CPU, -1)));

        public unsafe Device device
        {
            get
            {
                int index;
                int type = Native.pt_generator_device(Handle, &index);
                GC.KeepAlive(this);
                return new Device((DeviceType)type, index);
            }
        }

        public Generator manual_seed(long seed)
        {
            Errors.Check(Native.pt_generator_set_seed(Handle, seed));
            GC.KeepAlive(this);
            return this;
        }

        /// <summary>Seeds from the operating system, and returns that seed.</summary>
        public long seed()
        {
            long seed = Native.pt_generator_new_seed(Handle);
            GC.KeepAlive(this);
            return seed;
        }

        public long initial_seed()
        {
            long seed = Native.pt_generator_get_seed(Handle);
            GC.KeepAlive(this);
            return seed;
        }

        public Tensor get_state()
        {
            nint state = Errors.Check(Native.pt_generator_get_state(Handle));
            GC.KeepAlive(this);
            return new Tensor(state);
        }

        public void set_state(Tensor value)
        {
            Errors.Check(Native.pt_generator_set_state(Handle, value.Handle));
            GC.KeepAlive(this);
            GC.KeepAlive(value);
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (_handle == 0) return;
            Native.pt_generator_release(_handle);
            _handle = 0;
        }

        ~Generator() => Dispose(false);
    }

    public static class random
    {
        public static Generator manual_seed(long seed) => torch.manual_seed(seed);

        public static long seed() => Generator.Default.seed();

        public static long initial_seed() => Generator.Default.initial_seed();

        public static Tensor get_rng_state() => Generator.Default.get_state();

        public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);
    }

    /// <summary>Seeds the default generators of the CPU and of every CUDA device.</summary>
    public static Generator manual_seed(long seed)
    {
        Errors.Check(Native.pt_manual_seed(seed));
        return Generator.Default;
    }

    public static long seed() => random.seed();

    public static long initial_seed() => random.initial_seed();

    public static Tensor get_rng_state() => random.get_rng_state();

    public static void set_rng_state(Tensor new_state) => random.set_rng_state(new_state);
}
