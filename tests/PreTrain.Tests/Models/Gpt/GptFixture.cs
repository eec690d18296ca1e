using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Gpt;

/// <summary>What the reference implementation computed for one shape; see <c>fixtures/make_fixtures.py</c>.</summary>
internal sealed class GptFixture : IDisposable
{
    internal const string ThreeLayers = "three-layers", TwoLayers = "two-layers", OneWideLayer = "one-wide-layer";

    private readonly SafetensorsFile _tensors;
    private readonly JsonDocument _facts;

    internal GptFixture(string name)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Models", "Gpt", "fixtures", name);
        ModelFolder = Path.Combine(folder, "model");
        _tensors = SafetensorsFile.Open(Path.Combine(folder, "parity.safetensors"));
        _facts = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "parity.json")));
    }

    internal string ModelFolder { get; }

    internal JsonElement Facts => _facts.RootElement;

    internal double ValidTargets => Facts.GetProperty("valid_targets").GetDouble();

    internal Tensor Read(string name) => _tensors.Read(name);

    /// <summary>
    /// How far two computations in 32 bits may be apart: each is about as far from 64 bits as the reference is, and the order of sums is another.
    /// A value known to a few roundings may also differ by those.
    /// </summary>
    internal double Tolerance(string quantity, double scale) =>
        Math.Max(8 * Facts.GetProperty("float64_distance").GetProperty(quantity).GetDouble(), 4 * scale / (1 << 24));

    /// <summary>The values of a tensor in the file's layout, brought into the model's.</summary>
    internal Tensor ReadAsOurs(string prefix, WeightRow row)
    {
        Tensor t = Read(prefix + row.Theirs);
        return row.Transposed ? t.t() : t;
    }

    internal int[][] Prompts => [.. Facts.GetProperty("generation").EnumerateArray().Select(g => Ints(g.GetProperty("prompt")))];

    internal int[][] Continuations => [.. Facts.GetProperty("generation").EnumerateArray().Select(g => Ints(g.GetProperty("new")))];

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    public void Dispose()
    {
        _tensors.Dispose();
        _facts.Dispose();
    }
}
