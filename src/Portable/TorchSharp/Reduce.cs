namespace TorchSharp;

/// <summary>How elements that meet in one place are combined.</summary>
public enum Reduce
{
    prod = 0,
    mean = 1,
    amax = 2,
    amin = 3,
}
