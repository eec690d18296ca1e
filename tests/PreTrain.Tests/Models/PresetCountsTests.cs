using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;

namespace PreTrain.Tests.Models;

/// <summary>Presets without head have as many parameters as transformers' models of those sizes.</summary>
public sealed class PresetCountsTests
{
    [Theory]
    [InlineData("bert-base", 109_482_240)]
    [InlineData("bert-large", 335_141_888)]
    [InlineData("roberta-base", 124_645_632)]
    [InlineData("roberta-large", 355_359_744)]
    [InlineData("xlm-roberta-base", 278_043_648)]
    [InlineData("xlm-roberta-large", 559_890_432)]
    [InlineData("ernie-2.0-en", 109_486_080)]
    [InlineData("electra-small", 13_483_008)]
    [InlineData("electra-base", 108_891_648)]
    [InlineData("electra-large", 334_092_288)]
    [InlineData("modernbert-base", 149_014_272)]
    [InlineData("modernbert-large", 394_781_696)]
    public void Table_OfAPreset_CountsTheReferencesParameters(string preset, long expected)
    {
        IEnumerable<WeightRow> rows = preset.Split('-')[0] switch
        {
            "bert" => BertWeights.Table(BertPresets.All[preset], ModelHead.None),
            "roberta" or "xlm" => RobertaWeights.Table(RobertaPresets.All[preset], ModelHead.None),
            "ernie" => ErnieWeights.Table(ErniePresets.All[preset], ModelHead.None),
            "electra" => ElectraWeights.Table(ElectraPresets.All[preset], ModelHead.None),
            _ => ModernBertWeights.Table(ModernBertPresets.All[preset], ModelHead.None),
        };

        Assert.Equal(expected, rows.Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));
    }
}
