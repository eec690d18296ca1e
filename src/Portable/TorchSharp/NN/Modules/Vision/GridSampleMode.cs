namespace TorchSharp;

public static partial class torch
{
    /// <summary>How grid_sample finds values between the given ones.</summary>
    public enum GridSampleMode
    {
        Nearest = 0,
        Bilinear = 2,
    }
}
