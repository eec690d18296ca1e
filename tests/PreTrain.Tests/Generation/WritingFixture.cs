using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Generation;

/// <summary>What transformers' <c>generate</c> wrote with a small random model; see <c>fixtures/make_fixtures.py</c>.</summary>
internal sealed class WritingFixture : IDisposable
{
    private readonly JsonDocument _json;

    internal WritingFixture(string name) => _json = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Generation", "fixtures", name + ".json")));

    internal int EndId => _json.RootElement.GetProperty("end").GetInt32();

    internal int[][] Prompts => [.. _json.RootElement.GetProperty("prompts").EnumerateArray().Select(Ints)];

    internal int CaseCount => _json.RootElement.GetProperty("cases").GetArrayLength();

    /// <summary>The options of a case in our terms, and for each prompt its texts.</summary>
    internal (GenerationOptions Options, int[][][] New) Case(int index)
    {
        JsonElement item = _json.RootElement.GetProperty("cases")[index], given = item.GetProperty("options");
        var options = new GenerationOptions { MaxNewTokens = _json.RootElement.GetProperty("max_new_tokens").GetInt32(), Temperature = 0 };
        foreach (JsonProperty option in given.EnumerateObject())
        {
            options = option.Name switch
            {
                "num_beams" => options with { BeamCount = option.Value.GetInt32() },
                "num_return_sequences" => options with { SequenceCount = option.Value.GetInt32() },
                "length_penalty" => options with { LengthPenalty = option.Value.GetDouble() },
                "repetition_penalty" => options with { RepetitionPenalty = option.Value.GetDouble() },
                "no_repeat_ngram_size" => options with { NoRepeatNGramSize = option.Value.GetInt32() },
                "min_new_tokens" => options with { MinNewTokens = option.Value.GetInt32() },
                "early_stopping" => options with { BeamStopping = option.Value.ValueKind == JsonValueKind.True ? BeamStopping.AtOnce : BeamStopping.WhenImpossible },
                _ => throw new InvalidDataException(option.Name),
            };
        }
        return (options, [.. item.GetProperty("new").EnumerateArray().Select(texts => texts.EnumerateArray().Select(Ints).ToArray())]);
    }

    internal ITransformerModel LoadModel()
    {
        string folder = Directory.CreateTempSubdirectory("writing-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), _json.RootElement.GetProperty("config").GetRawText());
            if (_json.RootElement.TryGetProperty("generation", out JsonElement generation) && generation.ValueKind == JsonValueKind.Object)
                File.WriteAllText(Path.Combine(folder, "generation_config.json"), generation.GetRawText());
            float scale = _json.RootElement.GetProperty("scale").GetSingle();
            using (NewDisposeScope()) SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), _json.RootElement.GetProperty("tensors").EnumerateObject().Select(t =>
            {
                Tensor weight = FamilyFixture.Weight(t.Name, [.. t.Value.EnumerateArray().Select(size => size.GetInt64())]);
                return (t.Name, weight.ndim >= 2 ? weight * scale : weight);
            }), new Dictionary<string, string> { ["format"] = "pt" });
            return AutoModel.FromPretrained(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public void Dispose() => _json.Dispose();

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];
}
