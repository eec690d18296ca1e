// N rows of a batch
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// The head of contrastive learning: maps without biases, each with a batch norm behind it and all but the last with a ReLU behind that (Chen et al. 2020, "SimCLR", section 4.2; Chen,
/// Xie and He 2021, section 4). The last norm has no gain.
/// </summary>
internal sealed class ProjectionMlp : nn.Module<Tensor, Tensor>
{
    internal readonly ModuleList<Projection> maps;
    internal readonly ModuleList<BatchwiseNorm> norms;

    /// <param name="widths">Of the input, of the layers between, and of the output.</param>
    internal ProjectionMlp(params long[] widths) : base(nameof(ProjectionMlp))
    {
        int count = widths.Length - 1;
        maps = new ModuleList<Projection>([.. Enumerable.Range(0, count).Select(i => new Projection(widths[i], widths[i + 1], hasBias: false))]);
        norms = new ModuleList<BatchwiseNorm>([.. Enumerable.Range(0, count).Select(i => new BatchwiseNorm(widths[i + 1], hasGain: i + 1 < count))]);
        RegisterComponents();
    }

    /// <summary>Draws the maps, evenly up to the root of 1 ÷ inputs on either side.</summary>
    internal void Initialize(Generator? generator)
    {
        using IDisposable mode = no_grad();
        foreach (Projection map in maps)
        {
            double bound = 1 / Math.Sqrt(map.weight.size(1));
            map.weight.uniform_(-bound, bound, generator);
        }
    }

    /// <summary>(N, inputs) → (N, outputs) in 32 bits.</summary>
    public override Tensor forward(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        for (int i = 0; i < maps.Count; i++)
        {
            x = norms[i].forward(maps[i].forward(x.to(maps[i].weight.dtype)));
            if (i + 1 < maps.Count) x = nn.functional.relu(x);
        }
        return scope.MoveToOuter(x);
    }
}
