using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

/// <summary>Folders whose <c>config.json</c> says things in an older, a shorter or a contradictory way, as <c>Parity/make_edited.py</c> made them.</summary>
[Collection(nameof(RunsAlone))]
public sealed class EditedFolderTests
{
    private static readonly JsonElement s_fixture = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Models", "Parity", "fixtures", "edited.json"))).RootElement;

    public static TheoryData<string> Cases => [.. s_fixture.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_EditedFolder_GivesTheReferencesLogitsAndIsSavedAsThat(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using var folder = new TemporaryFolder();
        JsonElement edited = s_fixture.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        File.WriteAllText(folder["config.json"], edited.GetProperty("config").GetRawText());
        SafetensorsWriter.Write(folder["model.safetensors"], edited.GetProperty("tensors").EnumerateObject().Select(t => (t.Name, FamilyFixture.Weight(t.Name, [.. t.Value.EnumerateArray().Select(e => e.GetInt64())]))));
        Tensor ids = tensor(s_fixture.GetProperty("ids")[0].EnumerateArray().Select(e => e.GetInt64()).ToArray()).unsqueeze(0);
        double[] expected = [.. edited.GetProperty("logits").EnumerateArray().Select(e => e.GetDouble())];

        using ITransformerModel model = AutoModel.FromPretrained(folder.Root);
        Tensor logits = Logits(model);
        model.SavePretrained(folder["saved"]);
        using ITransformerModel again = AutoModel.FromPretrained(folder["saved"]);

        AssertClose(expected, Doubles(logits), expected.Length, 1024 * Float32Rounding, "logits", least: 0.1);
        Assert.Equal(Bytes(logits), Bytes(Logits(again)));

        Tensor Logits(ITransformerModel of)
        {
            ((nn.Module)of).eval();
            return of.Forward(new ModelInput { Ids = ids, DecoderIds = of.ModelType == "t5" ? ids.flip(1) : null }).Logits;
        }
    }
}
