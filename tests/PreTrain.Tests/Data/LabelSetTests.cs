using System.Text.Json.Nodes;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public class LabelSetTests
{
    [Fact]
    public void WriteTo_Labels_AreAsTransformersWritesThemAndReadBack()
    {
        var labels = new LabelSet(["no", "perhaps", "yes"]);
        var config = new JsonObject { ["model_type"] = "bert", ["num_labels"] = 2 };

        labels.WriteTo(config);

        Assert.Equal("""{"model_type":"bert","num_labels":3,"id2label":{"0":"no","1":"perhaps","2":"yes"},"label2id":{"no":0,"perhaps":1,"yes":2}}""", config.ToJsonString());
        LabelSet read = LabelSet.FromConfig(config)!;
        Assert.Equal(labels.Names, read.Names);
        Assert.Equal((1, null), (read.Find("perhaps"), read.Find("Perhaps")));
        Assert.Null(LabelSet.FromConfig([]));
    }

    [Theory]
    [InlineData("""{"id2label":["a"]}""", "is not an object")]
    [InlineData("""{"id2label":{"0":"a","2":"b"}}""", "has no name for 1")]
    [InlineData("""{"id2label":{"0":"a","1":7}}""", "has no name for 1")]
    [InlineData("""{"id2label":{}}""", "needs at least one")]
    public void FromConfig_NoSetOfLabels_SaysWhatIsWrong(string config, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => LabelSet.FromConfig(JsonNode.Parse(config)!.AsObject())).Message);

    [Fact]
    public void FromConfig_NameThatOccursAgain_GetsItsNumber()
    {
        LabelSet labels = LabelSet.FromConfig(JsonNode.Parse("""{"id2label":{"0":"crane","1":"a","2":"crane","3":"crane (2)","4":"crane"}}""")!.AsObject())!;
        Assert.Equal(["crane", "a", "crane (2) (2)", "crane (2)", "crane (4)"], labels.Names);
        var config = new JsonObject();
        labels.WriteTo(config);
        Assert.Equal(labels, LabelSet.FromConfig(config));
        Assert.Contains("'a' occurs twice, as 0 and 1", Assert.Throws<ArgumentException>(() => new LabelSet(["a", "a"])).Message);
    }

    [Fact]
    public void Of_Names_AreInOrderOnceWithNumbersByValue()
    {
        Assert.Equal(["-1", "2", "10"], LabelSet.Of(["10", "2", "10", "-1"]).Names);
        Assert.Equal(["07", "10", "2"], LabelSet.Of(["2", "10", "07"]).Names);   // 07 is no number but a name
        Assert.Equal(["B", "a", "b"], LabelSet.Of(["b", "a", "B"]).Names);
    }
}
