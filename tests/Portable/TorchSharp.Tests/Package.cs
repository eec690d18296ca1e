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

    /// <summary>The portable assembly refuses a bad argument itself, by an exception that tells; the package often hands on libtorch's.</summary>
    internal static void Refuses<E>(Func<object?> call) where E : Exception
    {
        if (s_inUse) Assert.ThrowsAny<Exception>(call);
        else Assert.Throws<E>(call);
    }

    internal static void Refuses<E>(Action call) where E : Exception
    {
        if (s_inUse) Assert.ThrowsAny<Exception>(call);
        else Assert.Throws<E>(call);
    }
}
