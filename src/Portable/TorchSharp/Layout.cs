namespace TorchSharp;

/// <summary>How a tensor's elements are stored.</summary>
public enum layout
{
    strided,
    sparse_coo,
}
