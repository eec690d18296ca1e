namespace TorchSharp;

/// <summary>How a convolution is padded: not at all, or so that the size stays.</summary>
public enum Padding
{
    Valid = 0,
    Same = 1,
}
