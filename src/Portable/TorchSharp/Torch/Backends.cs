using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static class backends
    {
        public static class cuda
        {
            public static class matmul
            {
                /// <summary>Whether float32 matrix products may run on tensor cores, with 10 bits of mantissa.</summary>
                public static bool allow_tf32
                {
                    get => Native.pt_get_tf32(0) != 0;
                    set => Errors.Check(Native.pt_set_tf32(0, value ? 1 : 0));
                }
            }
        }

        public static class cudnn
        {
            /// <summary>Whether float32 convolutions may run on tensor cores, with 10 bits of mantissa.</summary>
            public static bool allow_tf32
            {
                get => Native.pt_get_tf32(1) != 0;
                set => Errors.Check(Native.pt_set_tf32(1, value ? 1 : 0));
            }
        }
    }

    public static bool cuda_is_available() => cuda.is_available();

    public static bool mps_is_available() => false;
}
