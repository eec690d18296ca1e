using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static class cuda
    {
        public static bool is_available() => Native.pt_cuda_count() > 0;

        public static bool is_cudnn_available() => Native.pt_cudnn_available() != 0;

        public static int device_count() => Native.pt_cuda_count();

        public static void manual_seed(long seed)
        {
            if (is_available()) Generator.Own(Errors.Check(Native.pt_generator_default((int)DeviceType.CUDA, -1))).manual_seed(seed);
        }

        public static void manual_seed_all(long seed)
        {
            for (int i = 0; i < device_count(); i++)
                Generator.Own(Errors.Check(Native.pt_generator_default((int)DeviceType.CUDA, i))).manual_seed(seed);
        }

        /// <summary>Waits until the device has done all work that was given to it.</summary>
        public static void synchronize(Device? device = null)
        {
            InitializeDeviceType(DeviceType.CUDA);
            Errors.Check(Native.pt_cuda_synchronize(device?.index ?? -1));
        }
    }
}
