namespace PreTrain.Cli.Hosting;

/// <summary>The values of <c>--device</c>.</summary>
internal enum DeviceChoice
{
    /// <summary>CUDA where there is a device, else the processor.</summary>
    Auto,

    Cpu,

    Cuda,
}
