using PreTrain.Models.Bert;
using PreTrain.Tests.Models.Parity;

namespace PreTrain.Tests.Models.Bert;

[Collection(nameof(RunsAlone))]
public sealed class BertModelTests
{
    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Bert")];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("Bert", fixture, folder => BertModel.FromPretrained(folder), model => BertWeights.Table(model.Config, model.Head));
}
