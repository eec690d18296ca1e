namespace TorchSharp;

public static partial class torch
{
    /// <summary>What becomes of a quotient: it stays as it is, or is rounded towards zero or towards negative infinity.</summary>
    public enum RoundingMode
    {
        None = 0,
        trunc = 1,
        floor = 2,
    }
}
