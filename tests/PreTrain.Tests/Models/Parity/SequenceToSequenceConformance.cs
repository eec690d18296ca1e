// B sequences, S tokens of the source, U tokens of the decoder
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Parity;

/// <summary>What every model that reads one sequence and writes another has to fulfil besides.</summary>
internal static class SequenceToSequenceConformance
{
    /// <summary>All checks.</summary>
    /// <param name="create">Creates a model without dropout from a seed.</param>
    /// <param name="vocabSize">Tokens of the decoder are below it, and those of the source may be.</param>
    internal static void Check(Func<ulong, nn.Module> create, int vocabSize)
    {
        Future_IsNotSeen_AndSourceIs(create, vocabSize);
        DecoderPadding_ChangesNothing(create, vocabSize);
        Trace_ShowsEncoderAndCrossAttention(create, vocabSize);
        Cache_ChangesNothing(create, vocabSize);
        Reordered_TakesItsSourceAlong(create, vocabSize);
        Cache_LeavesNoTensor(create, vocabSize);
        Loss_WithoutDecoderIds_IsThatOfShiftedTargets(create, vocabSize);
        BadInput_IsNamed(create, vocabSize);
    }

    private static Tensor Random(int vocabSize, int batch, int length, ulong seed)
    {
        using var generator = new Generator(seed);
        return randint(0, vocabSize, [batch, length], dtype: ScalarType.Int64, generator: generator);
    }

    /// <summary>Three sources, of 9, 4 and 7 tokens.</summary>
    private static ModelInput Sources(int vocabSize, ulong seed = 5)
    {
        Tensor mask = ones([3, 9], dtype: ScalarType.Int64);
        mask[1, 4..] = 0;
        mask[2, 7..] = 0;
        return new() { Ids = Random(vocabSize, 3, 9, seed), AttentionMask = mask };
    }

    private static void Future_IsNotSeen_AndSourceIs(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        Tensor ids = Random(vocabSize, 3, 11, 7), changed = ids.clone();
        changed.narrow(1, 7, 4).copy_((ids.narrow(1, 7, 4) + 1) % vocabSize);
        ModelInput source = Sources(vocabSize);
        Tensor before = model.Forward(source with { DecoderIds = ids }).Logits, after = model.Forward(source with { DecoderIds = changed }).Logits;
        Assert.Equal(Bytes(before.narrow(1, 0, 7)), Bytes(after.narrow(1, 0, 7)));
        Assert.All(Doubles((before - after).narrow(1, 7, 4).abs().amax([-1])), difference => Assert.True(difference > 0));

        Tensor other = source.Ids!.clone();
        other[1, 3] = (other[1, 3] + 1) % vocabSize;
        Tensor elsewhere = model.Forward(source with { Ids = other, DecoderIds = ids }).Logits;
        Assert.All(Doubles((before - elsewhere)[1].abs().amax([-1])), difference => Assert.True(difference > 0));
        Assert.Equal(Bytes(before[0]), Bytes(elsewhere[0]));
    }

    private static void DecoderPadding_ChangesNothing(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        ModelInput source = Sources(vocabSize);
        Tensor ids = Random(vocabSize, 3, 11, 7), mask = ones([3, 11], dtype: ScalarType.Int64);
        mask[2, 6..] = 0;
        Tensor whole = model.Forward(source with { DecoderIds = ids, DecoderAttentionMask = mask }).Logits;
        Tensor alone = model.Forward(new() { Ids = source.Ids![2..3, ..7], DecoderIds = ids[2..3, ..6] }).Logits;
        AssertClose(Doubles(alone), Doubles(whole[2..3, ..6]), vocabSize, 256 * Float32Rounding, "logits of a padded sequence of the decoder", least: 0.1);
        Assert.All(Doubles(whole[2..3, 6..]), x => Assert.Equal(0, x));
    }

    private static void Trace_ShowsEncoderAndCrossAttention(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        ModelInput input = Sources(vocabSize) with { DecoderIds = Random(vocabSize, 3, 5, 7) };
        ModelOutput shown = model.Forward(input with { WantHiddenStates = true, WantAttentions = true });
        Assert.Equal(shown.Attentions!.Count, shown.CrossAttentions!.Count);
        Assert.Equal(shown.EncoderHiddenStates!.Count, shown.EncoderAttentions!.Count + 1);
        Assert.All(shown.HiddenStates!, h => Assert.Equal([3, 5], h.shape[..2]));
        Assert.All(shown.EncoderHiddenStates, h => Assert.Equal([3, 9], h.shape[..2]));
        foreach (Tensor weights in shown.CrossAttentions)
        {
            Assert.Equal([5, 9], weights.shape[2..]);
            Assert.All(Doubles(weights.sum(dim: -1)), sum => Assert.Equal(1, sum, 1e-5));
            Assert.All(Doubles(weights[1][.., .., 4..]), weight => Assert.Equal(0, weight));   // no token is there
        }
        Assert.All(shown.EncoderAttentions, a => Assert.Equal([9, 9], a.shape[2..]));
        ModelOutput plain = model.Forward(input);
        Assert.All(new[] { plain.CrossAttentions, plain.EncoderHiddenStates, plain.EncoderAttentions }, Assert.Null);
    }

    private static void Cache_ChangesNothing(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        module.eval();
        Tensor ids = Random(vocabSize, 3, 11, 7);
        foreach (ModelInput source in new[] { Sources(vocabSize), new() { Ids = Sources(vocabSize).Ids } })
        {
            Tensor expected = model.Forward(source with { DecoderIds = ids }).Logits;   // (B, U, V)
            foreach (int[] parts in new int[][] { [11], [10, 1], [1, 4, 6], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] })
            {
                using KeyValueCache cache = model.Read(source, 11);
                int from = 0;
                foreach (int part in parts)
                {
                    Tensor logits = model.NextLogits(ids.narrow(1, from, part), cache);
                    from += part;
                    Assert.Equal(from, cache.Length);
                    AssertClose(Doubles(expected[.., from - 1]), Doubles(logits), vocabSize, 256 * Float32Rounding, $"logits after {from} of {string.Join('+', parts)}", least: 0.1);
                }
                Assert.Throws<InvalidOperationException>(() => model.NextLogits(ids.narrow(1, 0, 1), cache));
            }
        }
    }

    private static void Reordered_TakesItsSourceAlong(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        module.eval();
        ModelInput source = Sources(vocabSize);
        Tensor ids = Random(vocabSize, 3, 5, 7), next = Random(vocabSize, 3, 1, 11), rows = tensor(new long[] { 1, 1, 0 });
        using KeyValueCache cache = model.Read(source, 6), fresh = model.Read(new() { Ids = source.Ids!.index_select(0, rows), AttentionMask = source.AttentionMask!.index_select(0, rows) }, 6);
        model.NextLogits(ids, cache);
        cache.Reorder(rows);
        model.NextLogits(ids.index_select(0, rows), fresh);
        Tensor expected = model.NextLogits(next, fresh), actual = model.NextLogits(next, cache);
        AssertClose(Doubles(expected), Doubles(actual), vocabSize, 256 * Float32Rounding, "logits after reordering", least: 0.1);
    }

    private static void Cache_LeavesNoTensor(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        ModelInput source = Sources(vocabSize);
        Tensor ids = Random(vocabSize, 3, 2, 7), rows = tensor(new long[] { 2, 0, 1 });
        void Generate()
        {
            using DisposeScope inner = NewDisposeScope();
            using IDisposable mode = no_grad();
            KeyValueCache cache;
            using (NewDisposeScope()) cache = model.Read(source, 5);   // outlives the scope that it was made in
            model.NextLogits(ids, cache);
            cache.Reorder(rows);
            model.NextLogits(ids, cache);
            cache.Dispose();
        }
        Generate();
        long before = LiveTensors.Count();
        Generate();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static void Loss_WithoutDecoderIds_IsThatOfShiftedTargets(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using nn.Module first = create(3), second = create(3);
        ISequenceToSequenceModel plain = (ISequenceToSequenceModel)first, model = (ISequenceToSequenceModel)second;
        ModelInput source = Sources(vocabSize);
        Tensor targets = Random(vocabSize, 3, 7, 7), shifted = empty_like(targets);
        targets[0, 2] = CrossEntropy.Ignored;
        targets[1, 4..] = CrossEntropy.Ignored;
        shifted[.., 0] = model.DecoderStartId;
        shifted[.., 1..] = targets[.., ..6];
        shifted.masked_fill_(shifted.eq(CrossEntropy.Ignored), model.PaddingId ?? model.DecoderStartId);

        Tensor logits = plain.Forward(source with { DecoderIds = shifted }).Logits;
        Tensor expected = nn.functional.cross_entropy(logits.view(-1, vocabSize), targets.view(-1), reduction: nn.Reduction.Sum) / 13;
        expected.backward();
        Tensor actual = model.Loss(source, targets, 13);
        actual.backward();
        Assert.Equal(expected.item<float>(), actual.item<float>(), 1e-5 * expected.item<float>());
        Assert.Equal(actual.item<float>(), model.Loss(source with { DecoderIds = shifted }, targets, 13).item<float>(), 1e-5 * expected.item<float>());
        foreach (var (theirs, ours) in first.named_parameters().Zip(second.named_parameters()))
        {
            double largest = theirs.parameter.grad!.abs().max().item<float>(), worst = (theirs.parameter.grad! - ours.parameter.grad!).abs().max().item<float>();
            Assert.True(worst <= 1e-4 * Math.Max(largest, 1e-2), $"The gradient of {ours.name} is off by {worst} of {largest}.");
        }
        Assert.Equal(0, model.Loss(source, full_like(targets, CrossEntropy.Ignored), 13).item<float>());
    }

    private static void BadInput_IsNamed(Func<ulong, nn.Module> create, int vocabSize)
    {
        using DisposeScope scope = NewDisposeScope();
        using nn.Module module = create(3);
        var model = (ISequenceToSequenceModel)module;
        ModelInput source = Sources(vocabSize);
        Tensor ids = Random(vocabSize, 3, 5, 7);
        Expect($"A {model.ModelType} model needs the ids of tokens.", () => model.Forward(new() { DecoderIds = ids }));
        Expect($"A {model.ModelType} model needs the decoder's tokens too, DecoderIds; in training, Loss makes them from the targets.", () => model.Forward(source));
        Expect("There are 3 sources and 2 sequences of the decoder; there must be as many.", () => model.Forward(source with { DecoderIds = ids[..2] }));
        Expect("DecoderIds must be (B, T), not (5).", () => model.Forward(source with { DecoderIds = ids[0] }));
        Expect($"A {model.ModelType} model takes no DecoderIds.", () => model.Read(source with { DecoderIds = ids }, 5));
        Expect("The targets (3, 4) must have the shape of DecoderIds (3, 5).", () => model.Loss(source with { DecoderIds = ids }, ids[.., ..4], 1));
        Expect("targets must be (B, U) and not empty, not (5).", () => model.Loss(source, ids[0], 1));
        Expect($"The token id {model.VocabSize} at row 0, column 0 is outside the vocabulary (0 to {model.VocabSize - 1}).", () => model.Forward(source with { DecoderIds = full_like(ids, model.VocabSize) }));
        using KeyValueCache cache = model.Read(source, 5), other = new(1, 3, 1, 16, 5, ScalarType.Float32, CPU);
        Expect($"The cache holds no source; Read of the {model.ModelType} model makes one that does.", () => model.NextLogits(ids, other));
        Expect("The cache holds 3 sources, and there are 2 sequences of ids.", () => model.NextLogits(ids[..2], cache));
        if (model.ContextLength == int.MaxValue) return;
        int length = model.ContextLength + 1;
        Expect($"The sequence has {length} tokens, more than the context length ({length - 1}).", () => model.Forward(source with { Ids = Random(vocabSize, 3, length, 5), AttentionMask = null, DecoderIds = ids }));
        Expect($"The decoder's sequence has {length} tokens, more than the context length ({length - 1}).", () => model.Forward(source with { DecoderIds = Random(vocabSize, 3, length, 5) }));
        Expect($"The capacity must be at most the context length ({length - 1}).", () => model.Read(source, length));
    }

    private static void Expect(string message, Action action) => Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(action).Message);
}
