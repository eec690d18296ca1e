namespace TorchSharp.Tests;

/// <summary>
/// The tests describe what TorchSharp does, and run over the portable assembly and over the package alike. In some places the package
/// departs from PyTorch, or ends the process; there the portable assembly does what PyTorch does.
/// </summary>
internal static class Package
{
    private static readonly bool s_inUse = typeof(torch).Assembly.GetType("TorchSharp.Interop.Native") is null;

    /// <summary>Skips the rest of the test over the package.</summary>
    internal static void Skip(string fault) => Assert.SkipWhen(s_inUse, "TorchSharp 0.107.0: " + fault);
}
