using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

/// <summary>Both kernels of causal attention, whichever of them this processor's <see cref="CausalAttention"/> takes.</summary>
[Collection(nameof(RunsAlone))]
public sealed class CausalAttentionKernelsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Func<Tensor[], Tensor> Apply(bool blocked, long batch, int heads) => t =>
        t[0].dtype == ScalarType.Float64 ? CausalAttention.Apply(t[0], t[1], batch, heads)   // torch's own operators
        : blocked ? BlockedCausalAttention.apply(t[0], t[1], batch, heads) : BatchedCausalAttention.apply(t[0], t[1], batch, heads);

    private static Tensor[] Inputs(long batch, long length, int heads, long head, double deviation = 1) =>
        [Normal([batch * length, 3 * heads * head], 3, deviation), Normal([3 * heads * head], 5, deviation / 2)];

    [Theory]
    [CombinatorialShapes]
    public void Apply_Float32_MatchesFloat64(bool blocked, int batch, int length, int heads, int head)
    {
        Kernels.SkipWithoutKernels();
        Kernels.AssertMatchesFloat64(Apply(blocked, batch, heads), Inputs(batch, length, heads, head), 64);
    }

    [Theory]
    [CombinatorialShapes]
    public void Apply_BFloat16_IsFloat32Rounded(bool blocked, int batch, int length, int heads, int head) =>
        Kernels.AssertBFloat16IsRoundedFloat32(Apply(blocked, batch, heads), Inputs(batch, length, heads, head, 0.5), 4 * BFloat16Rounding);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Apply_TwoThreads_GivesTheSameBits(bool blocked) => Kernels.AssertSameOnAnyNumberOfThreads(Apply(blocked, 3, 2), Inputs(3, 67, 2, 32));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Apply_ForwardAndBackward_LeavesNoTensor(bool blocked)
    {
        Kernels.SkipWithoutKernels();
        Kernels.AssertLeavesNoTensor(Apply(blocked, 2, 3), Inputs(2, 19, 3, 16));
    }

    private sealed class CombinatorialShapesAttribute : Xunit.v3.DataAttribute
    {
        private static readonly (int Batch, int Length, int Heads, int Head)[] s_shapes = [(1, 1, 1, 16), (5, 1, 3, 16), (3, 17, 2, 32), (2, 67, 3, 16), (1, 131, 1, 48)];

        public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(System.Reflection.MethodInfo testMethod, Xunit.Sdk.DisposalTracker disposalTracker) =>
            new([.. new[] { false, true }.SelectMany(blocked => s_shapes.Select(s => new TheoryDataRow(blocked, s.Batch, s.Length, s.Heads, s.Head)))]);

        public override bool SupportsDiscoveryEnumeration() => true;
    }
}
