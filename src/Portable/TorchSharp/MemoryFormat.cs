namespace TorchSharp;

/// <summary>The order of a dense tensor's axes in memory.</summary>
public enum memory_format
{
    preserve_format,
    contiguous_format,
    channels_last,
}
