using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Quantization;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Optimization.FlatParametersTests;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

/// <summary>Where the updates of an adapter begin.</summary>
[Collection(DefaultGenerator.Name)]
public sealed class LoraAlignmentTests
{
    private const int Rank = 3;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AlignToGradient_NewAdapter_StartsInTheDirectionsWithMostOfTheGradient(bool decomposed)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> gradients = Gradients(seed: 5, batchSize: 4, batches: 2);
        using GptModel model = Tiny.Model(Tiny.Even);
        using LoraAdapter adapter = new(model, new() { Rank = Rank, IsWeightDecomposed = decomposed, Trained = ["*norm*"] });
        Tensor ids = tensor([1L, 5, 9, 2, 30, 7], [2, 3]), before = Logits(model, ids);
        string[] learning = Learning(model);
        model.train();

        adapter.AlignToGradient(new RowsObjective(), batchSize: 4, batches: 2, seed: 5);

        Assert.True(model.training);
        Assert.Equal(learning, Learning(model));
        Assert.All(model.parameters(), p => Assert.Null(p.grad));
        Assert.Equal(Values(before), Values(Logits(model, ids)));
        Dictionary<string, Tensor> values = model.state_dict();
        Assert.Equal(8, adapter.Targets.Count);
        foreach (string target in adapter.Targets)
        {
            Tensor rows = values[target + ".transform.default.a"].to(ScalarType.Float64) * Math.Sqrt(3), gradient = gradients[target + ".weight"].to(ScalarType.Float64);
            Tensor products = matmul(rows, rows.t()) - eye(Rank, dtype: ScalarType.Float64);
            Assert.True(products.abs().max().item<double>() < 1e-5, $"The rows of {target} are no directions.");
            double kept = matmul(gradient, rows.t()).pow(2).sum().item<double>(), most = linalg.svdvals(gradient).narrow(0, 0, Rank).pow(2).sum().item<double>();
            Assert.Equal(1, kept / most, 1e-6);
        }
    }

    [Fact]
    public void AlignToGradient_WhatCannotBe_ThrowsAndChangesNothing()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        using (var adapter = new LoraAdapter(model, new() { Rank = Rank }))
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => adapter.AlignToGradient(new RowsObjective(), batchSize: 0));
            Assert.Throws<ArgumentOutOfRangeException>(() => adapter.AlignToGradient(new RowsObjective(), batches: 0));
            string[] learning = Learning(model);
            Assert.Throws<TimeoutException>(() => adapter.AlignToGradient(new RowsObjective { Drawing = _ => throw new TimeoutException("slow") }));
            Assert.Equal(learning, Learning(model));

            using (no_grad()) model.named_parameters().First(p => p.name.EndsWith(".b", StringComparison.Ordinal)).parameter.fill_(0.1);
            Assert.Equal("The adapter 'default' has learned already; its start comes before.", Assert.Throws<InvalidOperationException>(() => adapter.AlignToGradient(new RowsObjective())).Message);
        }

        using (no_grad()) model.token_embedding.fill_(float.NaN);
        using (var adapter = new LoraAdapter(model, new() { Rank = Rank }))
            Assert.Contains("is not finite", Assert.Throws<ArgumentException>(() => adapter.AlignToGradient(new RowsObjective())).Message);
    }

    [Fact]
    public void AlignToGradient_WeightsOfFewBits_Throws()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights });
        using var adapter = new LoraAdapter(model, new() { Rank = Rank });
        Assert.Contains("is in few bits, and has no gradient", Assert.Throws<InvalidOperationException>(() => adapter.AlignToGradient(new RowsObjective())).Message);
    }

    private static Dictionary<string, Tensor> Gradients(long seed, int batchSize, int batches)
    {
        GptModel model = Tiny.Model(Tiny.Even);
        model.eval();
        var objective = new RowsObjective();
        using IBatchSource source = objective.Open(new RandomStreams(seed), model, batchSize);
        for (int i = 0; i < batches; i++)
        {
            Batch batch = source.Next(TestContext.Current.CancellationToken);
            objective.Loss(model, batch, batch.ValidTargets).backward();
        }
        return model.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad!);
    }

    private static string[] Learning(GptModel model) => [.. model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => p.name)];

    private static Tensor Logits(GptModel model, Tensor ids)
    {
        model.eval();
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids }).Logits!;
    }
}
