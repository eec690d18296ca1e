namespace TorchSharp;

/// <summary>How a tensor is printed.</summary>
public enum TensorStringStyle
{
    /// <summary>Shape, element type and device alone.</summary>
    Metadata,
    Julia,
    Numpy,
    CSharp,

    /// <summary>What torch.TensorStringStyle says.</summary>
    Default,
}
