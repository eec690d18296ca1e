using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Reports;

namespace PreTrain.Cli.Commands;

/// <summary>The sizes of a model of any family, as its <c>config.json</c> names them.</summary>
internal sealed class ModelWidth(ITransformerModel model)
{
    private readonly JsonObject _config = model.ToConfigJson();

    /// <summary>Width of the residual stream.</summary>
    public int Embedding => Of("hidden_size", "n_embd", "dim", "d_model");

    /// <summary>What the model computes for a token of a row.</summary>
    public TransformerCost CostOf(int rowLength) => new() { LayerCount = Of("num_hidden_layers", "n_layer", "n_layers", "encoder_layers"), AttentionDim = Embedding, ContextLength = rowLength };

    private int Of(params string[] names) => names.Select(name => _config[name]).OfType<JsonValue>().First().GetValue<int>();
}
