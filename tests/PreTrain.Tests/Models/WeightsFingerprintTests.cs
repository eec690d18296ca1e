using System.Security.Cryptography;
using System.Text;
using PreTrain.Models;
using PreTrain.Models.Bert;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

public sealed class WeightsFingerprintTests
{
    [Theory]
    [InlineData(1L)]
    [InlineData(101L)]
    [InlineData(1L << 24)]
    public void Of_PiecesOfAnySize_IsTheSumOfAllNamesAndValues(long pieceBytes)
    {
        using var generator = new Generator(3);
        using var model = new BertModel(new BertConfig { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23 }, generator: generator);
        using DisposeScope scope = NewDisposeScope();
        byte[] all = [.. model.state_dict().OrderBy(p => p.Key, StringComparer.Ordinal).SelectMany(p => Encoding.UTF8.GetBytes(p.Key).Concat(Bytes(p.Value)))];
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        string actual = WeightsFingerprint.Of(model, pieceBytes);

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(all)), actual);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
