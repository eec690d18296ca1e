// B sequences, T tokens
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Parity;

/// <summary>What every family has to fulfil, whatever its architecture. Each check takes a way to create the same small model again and again.</summary>
internal static class ModelConformance
{
    /// <summary>All checks that apply to a model.</summary>
    /// <param name="create">Creates a model without dropout from a seed.</param>
    /// <param name="load">Loads a folder that such a model was saved to.</param>
    /// <param name="input">Makes an input of a batch and length; other values for another seed.</param>
    /// <param name="vocabSize">Tokens of inputs are below it.</param>
    internal static void Check<TModel>(Func<ulong, TModel> create, Func<string, TModel> load, Func<int, int, ulong, ModelInput> input, int vocabSize) where TModel : nn.Module, ITransformerModel
    {
        foreach (var (batch, length) in new[] { (1, 1), (2, 3), (3, 7), (5, 11) })
        {
            using DisposeScope scope = NewDisposeScope();
            using TModel model = create(3);
            Tensor logits = model.Forward(input(batch, length, 5)).Logits;
            Assert.Equal(batch, logits.size(0));
            Assert.All(Doubles(logits), x => Assert.True(double.IsFinite(x)));
        }
        SavedAndLoaded_IsTheSame(create, load, input);
        Padding_ChangesNothing(create, input);
        Trace_IsThere_AndChangesNothing(create, input);
        Recomputation_GivesTheSameBits(create, input);
        BFloat16_IsNearFloat32(create, input);
        OneBatch_IsOverfitted(create, input);
        Steps_LeaveNoTensor(create, input);
        EveryParameter_HasAGradient(create, input);
        using TModel probe = create(3);
        if (probe is ISequenceToSequenceModel && probe.Head == ModelHead.SequenceToSequence) SequenceToSequenceConformance.Check(create, vocabSize);
        if (probe is ICausalLanguageModel) Future_IsNotSeen_AndCacheChangesNothing(create, vocabSize);
    }

    /// <summary>A head that reads no first token computes the other rows of a batch where one is padding alone.</summary>
    internal static void CheckRowOfPadding<TModel>(TModel model, int vocabSize) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        model.eval();
        Tensor ids = randint(2, vocabSize, [2, 5], dtype: ScalarType.Int64, generator: new Generator(5)), mask = ones_like(ids);
        mask[1] = 0;
        Assert.Equal(Bytes(Logits(model, new() { Ids = ids[..1] })), Bytes(Logits(model, new() { Ids = ids, AttentionMask = mask })[..1].contiguous()));
    }

    private static Tensor Logits(ITransformerModel model, ModelInput input)
    {
        using IDisposable mode = no_grad();
        return model.Forward(input).Logits;
    }

    private static void SavedAndLoaded_IsTheSame<TModel>(Func<ulong, TModel> create, Func<string, TModel> load, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        string folder = Directory.CreateTempSubdirectory("conformance-").FullName;
        try
        {
            using TModel model = create(3);
            model.SavePretrained(folder);
            using TModel loaded = load(folder), other = create(7);
            Assert.Equal(model.Head, loaded.Head);
            Assert.Equal(Bytes(Logits(model, input(2, 7, 5))), Bytes(Logits(loaded, input(2, 7, 5))));
            Assert.NotEqual(Bytes(Logits(model, input(2, 7, 5))), Bytes(Logits(other, input(2, 7, 5))));
            other.LoadPretrained(folder);
            Assert.Equal(Bytes(Logits(model, input(2, 7, 5))), Bytes(Logits(other, input(2, 7, 5))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Padding_ChangesNothing<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        ModelInput padded = input(3, 11, 5);
        if (padded.Ids is null) return;   // images have no padding
        Tensor mask = ones([3, 11], dtype: ScalarType.Int64);
        mask[1, 5..] = 0;
        Tensor whole = Logits(model, padded with { AttentionMask = mask });
        ModelInput alone = new()
        {
            Ids = padded.Ids[1..2, ..5],
            TokenTypeIds = padded.TokenTypeIds?[1..2, ..5],
            DecoderIds = padded.DecoderIds?[1..2],
            DecoderAttentionMask = padded.DecoderAttentionMask?[1..2],
        };
        Tensor single = Logits(model, alone), row = whole[1..2];
        if ((single.ndim == 3 || model.Head == ModelHead.ReplacedTokenDetection) && padded.DecoderIds is null) row = row[.., ..5];
        AssertClose(Doubles(single), Doubles(row), single.size(-1), 256 * Float32Rounding, "logits of a padded sequence", least: 0.1);
    }

    private static void Trace_IsThere_AndChangesNothing<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        model.eval();
        ModelInput plain = input(2, 7, 5);
        using IDisposable mode = no_grad();
        Tensor expected = model.Forward(plain).Logits;
        ModelOutput shown = model.Forward(plain with { WantHiddenStates = true, WantAttentions = true });
        AssertClose(Doubles(expected), Doubles(shown.Logits), expected.size(-1), 256 * Float32Rounding, "logits", least: 0.1);
        Assert.NotNull(shown.HiddenStates);
        Assert.NotNull(shown.Attentions);
        Assert.Equal(shown.HiddenStates.Count, shown.Attentions.Count + 1);
        Assert.All(shown.HiddenStates, h => Assert.Equal((3L, 2L), (h.ndim, h.size(0))));
        Assert.All(shown.Attentions, a => Assert.All(Doubles(a.sum(dim: -1)), sum => Assert.Equal(1, sum, 1e-5)));
        Assert.Null(model.Forward(plain).HiddenStates);
        Assert.Null(model.Forward(plain).Attentions);
    }

    private static void Recomputation_GivesTheSameBits<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel plain = create(3), frugal = create(3);
        plain.train();
        frugal.train();
        frugal.RecomputeActivations = true;
        foreach (TModel model in new[] { plain, frugal })
        {
            manual_seed(11);
            model.Forward(input(3, 7, 5)).Logits.square().mean().backward();
        }
        foreach (var (expected, actual) in plain.named_parameters().Zip(frugal.named_parameters()))
        {
            if (expected.parameter.grad is not { } grad)
                Assert.Null(actual.parameter.grad);
            else
                Assert.True(Bytes(grad).SequenceEqual(Bytes(actual.parameter.grad!)), $"The recomputed gradient of {expected.name} is another.");
        }
    }

    private static void BFloat16_IsNearFloat32<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        ModelInput given = input(2, 7, 5);
        Tensor expected = Logits(model, given);
        model.to(ScalarType.BFloat16);
        if (given.PixelValues is { } pixels) given = given with { PixelValues = pixels.to(ScalarType.BFloat16) };
        Tensor actual = Logits(model, given);
        Assert.Equal(ScalarType.BFloat16, actual.dtype);
        // Over all values: the worst one of hundreds depends on the processor's order of summation.
        double scale = expected.square().mean().sqrt().item<float>(), error = (expected - actual.to(ScalarType.Float32)).square().mean().sqrt().item<float>();
        Assert.True(error <= 0.05 * scale, $"bfloat16 is off by {error} of {scale}.");
    }

    private static void OneBatch_IsOverfitted<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        model.train();
        ModelInput given = input(3, 7, 5);
        Tensor shape = Logits(model, given);
        using var generator = new Generator(13);
        Tensor targets = randint(0, shape.size(-1), shape.shape[..^1], dtype: ScalarType.Int64, generator: generator);
        using var optimizer = optim.AdamW(model.parameters(), lr: 1e-2);
        float first = 0, last = 0;
        for (int step = 0; step < 150; step++)
        {
            using DisposeScope inner = NewDisposeScope();
            optimizer.zero_grad();
            Tensor logits = model.Forward(given).Logits;
            Tensor loss = nn.functional.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1));
            loss.backward();
            nn.utils.clip_grad_norm_(model.parameters(), 1);
            optimizer.step();
            last = loss.item<float>();
            if (step == 0) first = last;
        }
        Assert.True(last < 0.2f * first, $"One batch is not learnt: the loss went from {first} to {last}.");
    }

    private static void Steps_LeaveNoTensor<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        ModelInput given = input(2, 7, 5);
        void Step()
        {
            using DisposeScope inner = NewDisposeScope();
            model.Forward(given).Logits.square().mean().backward();
        }
        foreach (bool recompute in new[] { false, true })
        {
            model.RecomputeActivations = recompute;
            Step();
            long before = LiveTensors.Count();
            for (int i = 0; i < 3; i++) Step();
            Assert.Equal(before, Tensor.TotalCount);
        }
    }

    private static void EveryParameter_HasAGradient<TModel>(Func<ulong, TModel> create, Func<int, int, ulong, ModelInput> input) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        ModelOutput output = model.Forward(input(3, 11, 5));
        // Not the sum of squares: a last norm makes that nearly the same for all.
        using var generator = new Generator(17);
        Tensor total = (output.Logits * randn(output.Logits.shape, generator: generator)).sum();
        if (output.SecondLogits is { } second) total += (second * randn(second.shape, generator: generator)).sum();
        else if (output.Pooled is { } pooled && model.Head == ModelHead.None) total += (pooled * randn(pooled.shape, generator: generator)).sum();
        total.backward();
        string[] unreached = [.. model.named_parameters().Where(p => p.parameter.requires_grad).Where(p => p.parameter.grad is null || Doubles(p.parameter.grad).All(g => g == 0)).Select(p => p.name)];
        Assert.Empty(unreached);
    }

    private static void Future_IsNotSeen_AndCacheChangesNothing<TModel>(Func<ulong, TModel> create, int vocabSize) where TModel : nn.Module, ITransformerModel
    {
        using DisposeScope scope = NewDisposeScope();
        using TModel model = create(3);
        if (model.Head != ModelHead.CausalLanguageModel) return;
        model.eval();
        using IDisposable mode = no_grad();
        var causal = (ICausalLanguageModel)model;
        using var generator = new Generator(5);
        Tensor ids = randint(0, vocabSize, [2, 11], dtype: ScalarType.Int64, generator: generator), changed = ids.clone();
        changed.narrow(1, 7, 4).copy_(randint(0, vocabSize, [2, 4], dtype: ScalarType.Int64, generator: generator));
        Tensor before = causal.Logits(ids), after = causal.Logits(changed);
        Assert.Equal(Bytes(before.narrow(1, 0, 7)), Bytes(after.narrow(1, 0, 7)));
        Assert.NotEqual(Bytes(before.narrow(1, 7, 4)), Bytes(after.narrow(1, 7, 4)));

        Tensor expected = before[.., ^1];
        foreach (int[] parts in new int[][] { [11], [10, 1], [1, 4, 6], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] })
        {
            using KeyValueCache cache = causal.CreateCache(2, 11);
            Tensor? logits = null;
            int from = 0;
            foreach (int part in parts)
            {
                logits = causal.NextLogits(ids.narrow(1, from, part), cache);
                from += part;
            }
            AssertClose(Doubles(expected), Doubles(logits!), vocabSize, 256 * Float32Rounding, $"logits after {string.Join('+', parts)}", least: 0.1);
        }
    }
}
