using PreTrain.Checkpoints.Gguf;
using PreTrain.Models;

namespace PreTrain.Export;

/// <summary>Which type each tensor gets: what llama.cpp's own quantizer chooses without an importance matrix.</summary>
internal static class GgufMixture
{
    /// <summary>llama.cpp's number of a precision, <c>general.file_type</c>.</summary>
    internal static uint FileType(GgufPrecision precision) => precision switch
    {
        GgufPrecision.Float32 => 0,
        GgufPrecision.Float16 => 1,
        GgufPrecision.Q40 => 2,
        GgufPrecision.Q80 => 7,
        _ => 15,
    };

    /// <summary>The type of a tensor.</summary>
    /// <param name="content">The model.</param>
    /// <param name="name">The tensor's name in the file.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="precision">What is asked for.</param>
    internal static GgmlType TypeOf(GgufContent content, string name, IReadOnlyList<long> shape, GgufPrecision precision)
    {
        if (shape.Count < 2 || name == "position_embd.weight" || precision == GgufPrecision.Float32) return GgmlType.F32;
        long width = shape[^1];
        GgmlType wanted = precision switch
        {
            GgufPrecision.Float16 => GgmlType.F16,
            GgufPrecision.Q80 => GgmlType.Q80,
            _ when IsHead(content, name) => GgmlType.Q6K,
            GgufPrecision.Q40 => GgmlType.Q40,
            _ => Mixed(name, content.LayerCount),
        };
        // Rows that are not of whole blocks get the next type whose blocks are shorter.
        if (!wanted.Fits(width) && wanted.BlockLength == 256) wanted = wanted == GgmlType.Q6K ? GgmlType.Q80 : GgmlType.Q50;
        return wanted.Fits(width) ? wanted : GgmlType.F16;
    }

    /// <summary>The head, or the token embedding that is the head.</summary>
    private static bool IsHead(GgufContent content, string name) =>
        name == "output.weight" || (name == "token_embd.weight" && content.Weights.All(weight => weight.Theirs != "output.weight"));

    /// <summary>Q4_K_M: more bits for the values of attention and the ends of feed-forward layers, in the first and last eighth of the layers and in every third between.</summary>
    private static GgmlType Mixed(string name, int layers)
    {
        if (name.Split('.') is not ["blk", var number, var part, "weight"]) return GgmlType.Q4K;
        int layer = int.Parse(number, System.Globalization.CultureInfo.InvariantCulture), eighth = layers / 8;
        bool hasMore = layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
        return hasMore && part is ("attn_v" or "attn_qkv" or "ffn_down") ? GgmlType.Q6K : GgmlType.Q4K;
    }
}
