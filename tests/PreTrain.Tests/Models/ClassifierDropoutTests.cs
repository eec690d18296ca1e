using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

/// <summary>Dropout before a classifier, which <c>config.json</c> names apart from that of the other layers.</summary>
[Collection(nameof(RunsAlone))]
public sealed class ClassifierDropoutTests
{
    public static TheoryData<string, string> Classifiers
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string family in new[] { "Bert", "Roberta", "Electra", "Ernie" })
            {
                foreach (string head in new[] { "classify", "tokens" }) data.Add(family, head);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void FromPretrained_DropoutOfTheClassifierAlone_DropsThereAndIsSaved(string family, string head)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using var folder = new TemporaryFolder();
        using FamilyFixture fixture = FamilyFixture.Open(family, head + "-two-layers");
        fixture.WriteFolder(folder.Root);

        Assert.False(Drops(null));
        Assert.True(Drops(0.5));
        Edit(json => (json["hidden_dropout_prob"], json["classifier_dropout"]) = (0.5, null));
        using ITransformerModel usual = AutoModel.FromPretrained(folder.Root);
        Assert.Null(usual.ToConfigJson()["classifier_dropout"]);

        bool Drops(double? dropout)
        {
            Edit(json => json["classifier_dropout"] = dropout);
            using ITransformerModel model = AutoModel.FromPretrained(folder.Root);
            Assert.Equal(dropout, (double?)model.ToConfigJson()["classifier_dropout"]);
            ((nn.Module)model).train();
            return !Bytes(model.Forward(fixture.Input()).Logits).SequenceEqual(Bytes(model.Forward(fixture.Input()).Logits));
        }

        void Edit(Action<JsonNode> edit)
        {
            JsonNode json = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!;
            edit(json);
            File.WriteAllText(folder["config.json"], json.ToJsonString());
        }
    }
}
