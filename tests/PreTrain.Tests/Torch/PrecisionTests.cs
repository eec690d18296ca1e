using PreTrain.Torch;
using static TorchSharp.torch;

namespace PreTrain.Tests.Torch;

public sealed class PrecisionTests
{
    [Theory]
    [InlineData(Precision.Float32, ScalarType.Float32)]
    [InlineData(Precision.BFloat16, ScalarType.BFloat16)]
    public void ToScalarType_Precision_IsItsElementType(Precision precision, ScalarType expected) => Assert.Equal(expected, precision.ToScalarType());

    [Fact]
    public void ToScalarType_Unknown_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => ((Precision)17).ToScalarType());
}
