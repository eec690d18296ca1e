namespace TorchSharp;

public static partial class torch
{
    /// <summary>What grid_sample takes outside of the input.</summary>
    public enum GridSamplePaddingMode
    {
        Zeros = 0,
        Reflection = 1,
        Border = 2,
    }
}
