using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Generation;

[Collection(nameof(RunsAlone))]
public sealed class GenerateAllTests
{
    private static readonly int[][] s_prompts = [[7, 31, 13], [5, 11, 3, 29, 17, 23, 19], [37], [2, 3, 5, 7, 11]];

    public static TheoryData<string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string name in new[] { "gpt2", "llama", "gpt2-ends" })
            {
                using var fixture = new WritingFixture(name);
                for (int i = 0; i < fixture.CaseCount; i++) data.Add(name, i);
            }
            return data;
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static ICausalLanguageModel Create(string kind)
    {
        using var generator = new Generator(3);
        return kind switch
        {
            "gpt" => new GptModel(new() { VocabSize = 41, ContextLength = 23, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 53, InitializerRange = 0.4 }, generator: generator),
            "gpt-fused" => new GptModel(new() { VocabSize = 43, ContextLength = 29, LayerCount = 2, HeadCount = 3, EmbeddingDim = 48, FeedForwardDim = 80, InitializerRange = 0.4 }, generator: generator),
            "llama" => new LlamaModel(
                new() { VocabSize = 41, ContextLength = 23, LayerCount = 2, HeadCount = 6, KeyValueHeadCount = 3, EmbeddingDim = 24, HeadWidth = 6, FeedForwardDim = 53, InitializerRange = 0.3 },
                generator: generator),
            "mistral-fused" => new LlamaModel(
                new()
                {
                    Variant = LlamaVariant.Mistral,
                    SlidingWindow = 4,
                    VocabSize = 43,
                    ContextLength = 29,
                    LayerCount = 2,
                    HeadCount = 3,
                    KeyValueHeadCount = 1,
                    EmbeddingDim = 48,
                    HeadWidth = 32,
                    FeedForwardDim = 80,
                    InitializerRange = 0.3,
                },
                generator: generator),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GenerateAll_ReferenceWeights_WritesWhatTransformersWrites(string name, int index)
    {
        using var fixture = new WritingFixture(name);
        using ITransformerModel loaded = fixture.LoadModel();
        var model = (ICausalLanguageModel)loaded;
        var (options, expected) = fixture.Case(index);
        if (options.BeamCount > 1) options = options with { Temperature = 1 };

        foreach (var (prompt, texts) in fixture.Prompts.Zip(expected))
        {
            IReadOnlyList<GeneratedSequence> alone = model.GenerateAll([prompt], options, fixture.EndId, Cancellation)[0];
            Assert.Equal(texts, alone.Select(s => s.Tokens));
            Assert.Equal(options.BeamCount > 1, alone.All(s => s.Score is not null));
            if (texts.Length == 1) Assert.Equal(texts[0], model.GenerateTokens(prompt, options, fixture.EndId, Cancellation));
        }
        IReadOnlyList<IReadOnlyList<GeneratedSequence>> together = model.GenerateAll(fixture.Prompts, options, fixture.EndId, Cancellation);
        Assert.Equal(expected, together.Select(texts => texts.Select(s => s.Tokens).ToArray()));
    }

    [Theory]
    [InlineData("gpt", 5)]
    [InlineData("gpt-fused", 5)]
    [InlineData("llama", 5)]
    [InlineData("mistral-fused", 11)]
    [InlineData("gpt", 40)]
    [InlineData("llama", 40)]
    public void GenerateAll_PromptsOfDifferentLengths_WritesWhatEachWritesAlone(string kind, int maxNewTokens)
    {
        ICausalLanguageModel model = Create(kind);
        using var module = (nn.Module)model;
        // With 40 new tokens every row fills the context, each at its own time.
        foreach (GenerationOptions options in new GenerationOptions[]
        {
            new() { Temperature = 0, MaxNewTokens = maxNewTokens }, new() { Temperature = 0.8, TopK = 11, Seed = 5, MaxNewTokens = maxNewTokens },
            new() { Seed = 7, MaxNewTokens = maxNewTokens, SequenceCount = 3, RepetitionPenalty = 1.3 }, new() { BeamCount = 3, SequenceCount = 2, MaxNewTokens = maxNewTokens, LengthPenalty = 0.7 },
        })
        {
            int[][][] alone = [.. s_prompts.Select(prompt => model.GenerateAll([prompt], options, endOfTextId: 17, Cancellation)[0].Select(s => s.Tokens.ToArray()).ToArray())];

            IReadOnlyList<IReadOnlyList<GeneratedSequence>> together = model.GenerateAll(s_prompts, options, endOfTextId: 17, Cancellation);

            Assert.Equal(alone, together.Select(texts => texts.Select(s => s.Tokens.ToArray()).ToArray()));
            Assert.All(together, texts => Assert.Equal(options.SequenceCount, texts.Count));
        }
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("mistral-fused")]
    public void NextLogits_PlacesLeftEmpty_AreThoseOfTheSequencesAlone(string kind)
    {
        using DisposeScope scope = NewDisposeScope();
        ICausalLanguageModel model = Create(kind);
        using var module = (nn.Module)model;
        module.eval();
        using IDisposable mode = no_grad();
        using var cache = model.CreateCache(3, 13);
        cache.LeaveEmpty([4, 0, 6]);
        long[][] rows = [[0, 0, 0, 0, 7, 31, 13], [5, 11, 3, 29, 17, 23, 19], [0, 0, 0, 0, 0, 0, 37]];
        long[][] more = [[2, 3], [5, 7], [11, 13]];

        Tensor first = model.NextLogits(tensor(rows.SelectMany(r => r).ToArray(), [3, 7]), cache), second = model.NextLogits(tensor(more.SelectMany(r => r).ToArray(), [3, 2]), cache);

        foreach (var (row, empty) in new[] { (0, 4), (1, 0), (2, 6) })
        {
            long[] ids = rows[row][empty..];
            Tensor whole = model.Logits(tensor((long[])[.. ids, .. more[row]], [1, ids.Length + 2]))[0];
            AssertClose(Doubles(whole[ids.Length - 1]), Doubles(first[row]), model.VocabSize,
                256 * Float32Rounding, $"row {row} after its prompt", least: 0.1);
            AssertClose(Doubles(whole[^1]), Doubles(second[row]), model.VocabSize,
                256 * Float32Rounding, $"row {row} after two more", least: 0.1);
        }
    }

    [Fact]
    public void GenerateAll_SeveralTexts_AreDrawnEachForItself()
    {
        ICausalLanguageModel model = Create("gpt");
        using var module = (nn.Module)model;
        var options = new GenerationOptions { MaxNewTokens = 11, SequenceCount = 3, Seed = 5 };

        IReadOnlyList<GeneratedSequence> texts = model.GenerateAll([[7, 31]], options, cancellationToken: Cancellation)[0];

        Assert.Equal(3, texts.Select(s => string.Join(' ', s.Tokens)).Distinct().Count());
        Assert.All(texts, s => Assert.Equal((11, "", null), (s.Tokens.Count, s.Text, s.Score)));
        // The first of them is the one that is drawn where there is one.
        Assert.Equal(texts[0].Tokens, model.GenerateTokens([7, 31], options with { SequenceCount = 1 }, cancellationToken: Cancellation));
    }

    [Fact]
    public void GenerateAll_Beams_ScoreIsTheMeanLogProbability()
    {
        using DisposeScope scope = NewDisposeScope();
        var model = (GptModel)Create("gpt");
        using nn.Module module = model;
        using IDisposable mode = no_grad();
        var options = new GenerationOptions { MaxNewTokens = 5, BeamCount = 7, SequenceCount = 7, LengthPenalty = 1 };

        IReadOnlyList<GeneratedSequence> texts = model.GenerateAll([[7, 31]], options, endOfTextId: 17, Cancellation)[0];

        Assert.Equal(texts.OrderByDescending(s => s.Score), texts);
        Assert.Equal(7, texts.Select(s => string.Join(' ', s.Tokens)).Distinct().Count());
        foreach (GeneratedSequence text in texts)
        {
            long[] whole = [7, 31, .. text.Tokens.Select(id => (long)id), .. text.Tokens.Count < 5 ? new long[] { 17 } : []];
            Tensor log = model.Logits(tensor(whole, [1, whole.Length]))[0].log_softmax(-1);
            double sum = Enumerable.Range(2, whole.Length - 2).Sum(t => (double)log[t - 1, whole[t]].item<float>());
            Assert.Equal(sum / (whole.Length - 2), text.Score!.Value, 1e-4);
        }
    }

    [Fact]
    public void GenerateAll_ManyBeams_FindTheMostProbableText()
    {
        using DisposeScope scope = NewDisposeScope();
        var model = (GptModel)Create("gpt");
        using nn.Module module = model;
        using IDisposable mode = no_grad();
        // All texts of two tokens, one by one.
        Tensor first = model.Logits(tensor(new long[] { 7 }, [1, 1]))[0, 0].log_softmax(-1);
        Tensor second = model.Logits(stack([full([41], 7L, dtype: ScalarType.Int64), arange(41, dtype: ScalarType.Int64)], 1))[.., 1].log_softmax(-1);
        long best = (first.unsqueeze(1) + second).argmax().item<long>();

        GeneratedSequence found = model.GenerateAll([[7]], new() { MaxNewTokens = 2, BeamCount = 41 }, cancellationToken: Cancellation)[0][0];

        Assert.Equal([(int)(best / 41), (int)(best % 41)], found.Tokens);
    }

    [Fact]
    public void GenerateAll_StopTextAcrossTokens_EndsBeforeIt()
    {
        int[] script = [.. "one, two ;-) three"u8.ToArray().Select(b => (int)b), 256];
        string Stopped(params string[] stops) =>
            new ScriptedModel(script).Generate(new ByteTokenizer(), "p:", new() { MaxNewTokens = 100, Temperature = 0, StopTexts = stops }, Cancellation);

        Assert.Equal("p:one, two ", Stopped(";-)"));
        Assert.Equal("p:one", Stopped(";-)", ", t"));
        Assert.Equal("p:one, two ;-) three", Stopped(";-(", "threee"));
        Assert.Equal("p:one, two ;-) three", Stopped());
        Assert.Equal("p:", Stopped("o"));
        // Ends with what could have been one.
        Assert.Equal("p:one, two ;-) three", Stopped("ee!"));
    }

    [Fact]
    public async Task GenerateAsync_StopText_IsNeverShownInPart()
    {
        int[] script = [.. "one ;- two ;-) three"u8.ToArray().Select(b => (int)b), 256];
        var pieces = new List<string>();

        await foreach (string piece in new ScriptedModel(script).GenerateAsync(new ByteTokenizer(), "p", new() { MaxNewTokens = 100, Temperature = 0, StopTexts = [";-)"] }, Cancellation)) pieces.Add(piece);

        Assert.Equal("one ;- two ", string.Concat(pieces));
        Assert.Contains(";- ", pieces);
        Assert.True(pieces.Count > 7, "The text does not come in pieces.");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void GenerateAll_StopTexts_EndEachTextForItself(int beams)
    {
        using var generator = new Generator(3);
        using var model = new GptModel(
            new() { VocabSize = 257, ContextLength = 61, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 53, InitializerRange = 0.4 }, generator: generator);
        var tokenizer = new ByteTokenizer();
        var options = new GenerationOptions { Temperature = beams == 1 ? 0 : 1, BeamCount = beams, MaxNewTokens = 20, StopAtEndOfText = false };
        string[] prompts = ["ab", "c", "xyz"];
        IReadOnlyList<IReadOnlyList<GeneratedSequence>> free = model.GenerateAll(tokenizer, prompts, options, Cancellation);
        string stop = free[1][0].Text[3..5];   // of the second text, two characters in the middle

        IReadOnlyList<IReadOnlyList<GeneratedSequence>> stopped = model.GenerateAll(tokenizer, prompts, options with { StopTexts = [stop] }, Cancellation);

        Assert.All(stopped, texts => Assert.DoesNotContain(stop, texts[0].Text));
        Assert.Contains(stopped, texts => texts[0].Tokens.Count < 20);
        if (beams > 1) return;
        for (int p = 0; p < prompts.Length; p++)
        {
            int at = free[p][0].Text.IndexOf(stop, StringComparison.Ordinal);
            Assert.Equal(at < 0 ? free[p][0].Text : free[p][0].Text[..at], stopped[p][0].Text);
            Assert.Equal(free[p][0].Tokens.Take(stopped[p][0].Tokens.Count), stopped[p][0].Tokens);
            Assert.Equal(prompts[p] + stopped[p][0].Text, model.Generate(tokenizer, prompts[p], options with { StopTexts = [stop] }, Cancellation));
        }
    }

    [Fact]
    public void GenerateAll_RulesThatLeaveNoToken_EndsTheText()
    {
        ICausalLanguageModel model = Create("gpt");
        using var module = (nn.Module)model;
        int[] prompt = [.. Enumerable.Range(0, 39)];   // of 41 tokens

        Assert.Equal([39, 40], model.GenerateTokens(prompt, new() { Temperature = 0, NoRepeatNGramSize = 1, MaxNewTokens = 11 }, cancellationToken: Cancellation).Order());
        Assert.Equal(2, model.GenerateAll([prompt], new() { BeamCount = 3, NoRepeatNGramSize = 1, MaxNewTokens = 11 }, cancellationToken: Cancellation)[0][0].Tokens.Count);
    }

    [Fact]
    public void GenerateAll_WhatDoesNotFit_Throws()
    {
        ICausalLanguageModel model = Create("gpt");
        using var module = (nn.Module)model;

        Assert.Equal("StopTexts (1) needs a tokenizer; give the method one, or leave them out. (Parameter 'options')",
            Assert.Throws<ArgumentException>(() => model.GenerateAll([[1]], new() { StopTexts = ["x"] }, cancellationToken: Cancellation)).Message);
        Assert.Equal("SequenceCount (2) must be 1 here; GenerateAll writes several texts. (Parameter 'options')",
            Assert.Throws<ArgumentException>(() => model.GenerateTokens([1], new() { SequenceCount = 2 }, cancellationToken: Cancellation)).Message);
        Assert.Equal("The prompt must hold at least one token. (Parameter 'prompt')",
            Assert.Throws<ArgumentException>(() => model.GenerateAll([[1], []], cancellationToken: Cancellation)).Message);
        Assert.Empty(model.GenerateAll(Array.Empty<int[]>(), cancellationToken: Cancellation));
    }

    [Fact]
    public void GenerateAll_BrokenWeights_SaysSo()
    {
        ICausalLanguageModel model = Create("gpt");
        using var module = (nn.Module)model;
        using (no_grad()) foreach (var parameter in module.parameters()) parameter.fill_(float.NaN);

        foreach (GenerationOptions options in new GenerationOptions[] { new(), new() { BeamCount = 2 }, new() { RepetitionPenalty = 2 } })
            Assert.Contains("not finite", Assert.Throws<InvalidOperationException>(() => model.GenerateAll([[1]], options, cancellationToken: Cancellation)).Message);
    }

    [Fact]
    public void GenerateAll_AnyWay_LeavesNoTensor()
    {
        ICausalLanguageModel model = Create("gpt-fused");
        using var module = (nn.Module)model;
        long before = LiveTensors.Count();

        model.GenerateAll(s_prompts, new() { MaxNewTokens = 40, SequenceCount = 2 }, cancellationToken: Cancellation);
        model.GenerateAll(s_prompts, new() { MaxNewTokens = 40, BeamCount = 3 }, cancellationToken: Cancellation);

        Assert.Equal(before, Tensor.TotalCount);
    }
}
