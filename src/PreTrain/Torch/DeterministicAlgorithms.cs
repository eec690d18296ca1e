using System.Reflection;
using TorchSharp;

namespace PreTrain.Torch;

/// <summary>
/// While it lives, libtorch uses deterministic algorithms, and an operator that has none is an error (<c>torch.use_deterministic_algorithms</c> of PyTorch). TorchSharp declares that function
/// and refuses its use, so that this asks the provider: the portable one has the switch; with the package there is none.
/// </summary>
internal sealed class DeterministicAlgorithms : IDisposable
{
    // The portable provider's own, which is not part of TorchSharp's API.
    private static readonly Type? s_provider = typeof(torch).Assembly.GetType("TorchSharp.Interop.DeterministicAlgorithms");
    private readonly bool _before = AreEnabled;

    private DeterministicAlgorithms() => Enable(true);

    /// <summary>Whether the switch can be set.</summary>
    internal static bool IsSupported => s_provider is not null;

    /// <summary>Whether it is set.</summary>
    internal static bool AreEnabled => IsSupported && Call<Func<bool>>("IsEnabled")();

    /// <summary>Requires that the switch can be set.</summary>
    /// <exception cref="ArgumentException">The provider has none.</exception>
    internal static void Require()
    {
        if (!IsSupported)
            throw new ArgumentException("Deterministic (true) needs libtorch's switch for deterministic algorithms, which the package TorchSharp does not reach. Leave it false, or build with -p:TorchProvider=System, over a libtorch of the machine.");
    }

    /// <summary>Sets the switch until the result is disposed.</summary>
    /// <exception cref="ArgumentException">The provider has none.</exception>
    internal static DeterministicAlgorithms Use()
    {
        Require();
        return new DeterministicAlgorithms();
    }

    public void Dispose() => Enable(_before);

    private static void Enable(bool on) => Call<Action<bool>>("Enable")(on);

    private static T Call<T>(string name) where T : Delegate => s_provider!.GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<T>();
}
