using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>The initial values that BERT introduced and most models kept: normal matrices, no biases, gains of one (Devlin et al. 2019; Radford et al. 2018).</summary>
internal static class InitialValues
{
    /// <summary>Sets parameters.</summary>
    /// <param name="model">The model.</param>
    /// <param name="deviation">Of matrices.</param>
    /// <param name="chosen">Which parameters are set.</param>
    /// <param name="generator">Where values are drawn from; torch's default generator if null.</param>
    internal static void Set(nn.Module model, double deviation, Func<string, bool> chosen, Generator? generator) => Set(model, _ => deviation, chosen, generator);

    /// <summary>Sets parameters.</summary>
    /// <param name="model">The model.</param>
    /// <param name="deviation">Of the matrix of a name.</param>
    /// <param name="chosen">Which parameters are set.</param>
    /// <param name="generator">Where values are drawn from; torch's default generator if null.</param>
    internal static void Set(nn.Module model, Func<string, double> deviation, Func<string, bool> chosen, Generator? generator)
    {
        using IDisposable mode = no_grad();
        foreach (var (name, p) in model.named_parameters())
        {
            if (!chosen(name)) continue;
            if (p.ndim >= 2) p.normal_(0, deviation(name), generator);
            else if (name.EndsWith("norm.weight", StringComparison.Ordinal)) p.fill_(1);
            else p.zero_();
        }
    }

    /// <summary>Sets one row of an embedding to zero: that of padding, which stands for no token.</summary>
    internal static void ClearRow(Parameter embedding, long row)
    {
        using IDisposable mode = no_grad();
        using Tensor view = embedding.narrow(0, row, 1);
        view.zero_();
    }
}
