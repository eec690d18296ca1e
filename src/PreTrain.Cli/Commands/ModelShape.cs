using System.Text.Json.Nodes;
using PreTrain.Models;

namespace PreTrain.Cli.Commands;

/// <summary>The sizes of a model of whatever family, as its config.json has them.</summary>
internal sealed record ModelShape(int Layers, int Heads, int Width)
{
    private static readonly string[] s_layers = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"], s_heads = ["num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"],
        s_widths = ["hidden_size", "n_embd", "d_model", "dim"];

    public static ModelShape Of(ITransformerModel model)
    {
        JsonObject config = model.ToConfigJson();
        int Value(string[] names) => config[names.First(config.ContainsKey)]!.GetValue<int>();
        return new ModelShape(Value(s_layers), Value(s_heads), Value(s_widths));
    }
}
