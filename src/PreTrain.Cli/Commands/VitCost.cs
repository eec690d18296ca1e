using PreTrain.Models.Vit;
using PreTrain.Reports;

namespace PreTrain.Cli.Commands;

/// <summary>What a Vision Transformer computes for a patch of training.</summary>
internal static class VitCost
{
    /// <summary>The encoder meets the visible patches alone, the decoder all.</summary>
    public static TransformerCost Masked(VitConfig config)
    {
        double seen = (double)config.VisibleCount / config.PatchCount;
        double encoder = Blocks(config), decoder = Blocks(config.DecoderLayerCount, config.DecoderEmbeddingDim, config.DecoderInnerDim);
        return new TransformerCost
        {
            LayerCount = 1,
            AttentionDim = config.DecoderLayerCount * config.DecoderEmbeddingDim + (int)(seen * seen * config.LayerCount * config.EmbeddingDim),   // of all layers together
            ContextLength = config.PatchCount,
            ParameterShare = (seen * encoder + decoder) / (encoder + decoder),
        };
    }

    /// <summary>The momentum encoder goes forward as the encoder does, a third of what forward and backward take; the heads meet a view, not a patch.</summary>
    public static TransformerCost Contrast(VitConfig config, VitMomentumConfig momentum)
    {
        double hidden = momentum.HiddenDim, encoder = Blocks(config), projection = (config.EmbeddingDim + hidden + momentum.ProjectionDim) * hidden, prediction = 2 * hidden * momentum.ProjectionDim;
        return new TransformerCost
        {
            LayerCount = 1,
            AttentionDim = config.LayerCount * config.EmbeddingDim * 4 / 3,
            ContextLength = config.PatchCount,
            ParameterShare = (4.0 / 3 * (encoder + projection / config.PatchCount) + prediction / config.PatchCount) / (encoder + projection + prediction),
        };
    }

    private static double Blocks(VitConfig config) => Blocks(config.LayerCount, config.EmbeddingDim, config.InnerDim);

    /// <summary>The parameters of blocks.</summary>
    private static double Blocks(double layers, double width, double inner) => layers * width * (4 * width + 2 * inner);
}
