using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Marks modules that hold no tensors, so that moving them is no work.</summary>
internal interface IParameterLessModule
{
    internal static InvalidOperationException Refusal(string kind) => new($"Cannot register a {kind} on a module that is declared 'parameter-less.'");

    internal static void Check(nn.Module submodule)
    {
        if (submodule is not IParameterLessModule) throw new InvalidOperationException("Submodules of a parameter-less module must also be parameter-less.");
    }
}
