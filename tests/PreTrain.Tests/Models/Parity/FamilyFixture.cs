using System.Globalization;
using System.Text;
using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Parity;

/// <summary>What transformers computed for a small model; see <c>make_fixtures.py</c>. Weights come from a formula of the tensor's name.</summary>
internal sealed class FamilyFixture : IDisposable
{
    private readonly JsonDocument _json;

    private FamilyFixture(JsonDocument json) => _json = json;

    internal JsonElement Json => _json.RootElement;

    internal string Head => Json.GetProperty("head").GetString()!;

    internal double[] Losses => [.. Json.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble())];

    internal Dictionary<string, double[]> Gradients =>
        Json.GetProperty("gradients").EnumerateObject().ToDictionary(g => g.Name, g => g.Value.EnumerateArray().Select(e => e.GetDouble()).ToArray());

    /// <summary>The names and shapes of the tensors that transformers saves.</summary>
    internal Dictionary<string, long[]> Tensors =>
        Json.GetProperty("tensors").EnumerateObject().ToDictionary(t => t.Name, t => t.Value.EnumerateArray().Select(e => e.GetInt64()).ToArray());

    internal static FamilyFixture Open(string family, string name) =>
        new(JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Models", family, "fixtures", name + ".json"))));

    /// <summary>The fixtures of a family.</summary>
    internal static IEnumerable<string> NamesOf(string family) =>
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Models", family, "fixtures"), "*.json").Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal);

    /// <summary>Writes the configuration as a model folder has it.</summary>
    internal void WriteConfig(string folder) => File.WriteAllText(Path.Combine(folder, "config.json"), Json.GetProperty("config").GetRawText());

    /// <summary>Writes the folder that transformers saves, with its names and shapes.</summary>
    internal void WriteFolder(string folder)
    {
        WriteConfig(folder);
        using DisposeScope scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), Tensors.Select(t => (t.Key, Weight(t.Key, t.Value))), new Dictionary<string, string> { ["format"] = "pt" });
    }

    internal ModelInput Input()
    {
        JsonElement inputs = Json.GetProperty("inputs");
        return new ModelInput
        {
            Ids = Whole(inputs, "input_ids"),
            AttentionMask = Whole(inputs, "attention_mask"),
            TokenTypeIds = Whole(inputs, "token_type_ids"),
            PrefixLengths = inputs.TryGetProperty("prefix_lengths", out JsonElement prefixes) ? [.. prefixes.EnumerateArray().Select(e => e.GetInt32())] : null,
            DecoderIds = Whole(inputs, "decoder_input_ids"),
            DecoderAttentionMask = Whole(inputs, "decoder_attention_mask"),
            PixelValues = Numbers(inputs, "pixel_values"),
            MaskNoise = Numbers(inputs, "noise"),
        };
    }

    internal Tensor? Target(string name)
    {
        JsonElement targets = Json.GetProperty("targets");
        return name == "states" ? Numbers(targets, name) : Whole(targets, name);
    }

    internal Tensor Logits => tensor(Json.GetProperty("logits").EnumerateArray().Select(e => e.GetSingle()).ToArray(), [.. Json.GetProperty("logits_shape").EnumerateArray().Select(e => e.GetInt64())]);

    internal double[]? SecondLogits =>
        Json.GetProperty("second_logits") is { ValueKind: JsonValueKind.Array } second ? [.. second.EnumerateArray().Select(e => e.GetDouble())] : null;

    /// <summary>The patches that a masked autoencoder hid; null of other models.</summary>
    internal double[]? Mask => Json.TryGetProperty("mask", out JsonElement mask) ? [.. mask.EnumerateArray().Select(e => e.GetDouble())] : null;

    /// <summary>Numbers in [−1, 1) from a tensor's name: splitmix64 of FNV-1a of the name plus the index.</summary>
    internal static double[] Values(string name, long count)
    {
        ulong seed = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name)) seed = (seed ^ b) * 0x100000001B3;
        var values = new double[count];
        for (long i = 0; i < count; i++)
        {
            ulong x = seed + (ulong)(i + 1) * 0x9E3779B97F4A7C15;
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            x ^= x >> 31;
            values[i] = (x >> 40) / 8388608.0 - 1;
        }
        return values;
    }

    /// <summary>The weight of this name: around 0, gains around 1.</summary>
    internal static Tensor Weight(string name, long[] shape)
    {
        double[] values = Values(name, shape.Aggregate(1L, (a, b) => a * b));
        double scale = shape.Length >= 2 ? 0.25 : 0.1, centre = shape.Length == 1 && name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0;
        return tensor(Array.ConvertAll(values, v => (float)(centre + scale * v)), shape);
    }

    public void Dispose() => _json.Dispose();

    private static Tensor? Whole(JsonElement parent, string name) => Read(parent, name) is { } read ? tensor(read.Values.Select(v => long.Parse(v, CultureInfo.InvariantCulture)).ToArray(), read.Shape) : null;

    private static Tensor? Numbers(JsonElement parent, string name) => Read(parent, name) is { } read ? tensor(read.Values.Select(v => float.Parse(v, CultureInfo.InvariantCulture)).ToArray(), read.Shape) : null;

    private static (List<string> Values, long[] Shape)? Read(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out JsonElement element)) return null;
        var shape = new List<long>();
        for (JsonElement at = element; at.ValueKind == JsonValueKind.Array; at = at[0]) shape.Add(at.GetArrayLength());
        var values = new List<string>();
        Flatten(element);
        return (values, [.. shape]);

        void Flatten(JsonElement at)
        {
            if (at.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement child in at.EnumerateArray()) Flatten(child);
            }
            else
            {
                values.Add(at.GetRawText());
            }
        }
    }
}
