using System.Text;
using System.Text.Json.Nodes;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Gpt;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Generation;

[Collection(nameof(RunsAlone))]
public sealed class TextGenerationTests
{
    private static readonly GptConfig s_composed = new() { VocabSize = 257, ContextLength = 23, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 53, InitializerRange = 0.4 };
    private static readonly GptConfig s_fused = s_composed with { EmbeddingDim = 48, FeedForwardDim = 80 };

    private static GptModel Create(GptConfig config)
    {
        using var generator = new Generator(3);
        return new GptModel(config, generator: generator);
    }

    private static string Write(ICausalLanguageModel model, TextTokenizer tokenizer, string prompt, GenerationOptions? options = null) =>
        model.Generate(tokenizer, prompt, options, TestContext.Current.CancellationToken);

    private static IEnumerable<int> Tokens(ICausalLanguageModel model, IReadOnlyList<int> prompt, GenerationOptions? options = null, int? endOfTextId = null) =>
        model.GenerateTokens(prompt, options, endOfTextId, TestContext.Current.CancellationToken);

    /// <summary>The most probable token after each prefix, by a forward pass over the whole of it.</summary>
    private static int[] Uncached(GptModel model, IEnumerable<int> prompt, int count)
    {
        List<long> ids = [.. prompt.Select(id => (long)id)];
        var written = new List<int>();
        for (int i = 0; i < count; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable mode = no_grad();
            var next = (int)model.Logits(tensor(ids.ToArray(), [1, ids.Count]))[0, ^1].argmax().item<long>();
            ids.Add(next);
            written.Add(next);
        }
        return [.. written];
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GenerateTokens_Greedy_IsWhatFullForwardPassesChoose(bool fused)
    {
        using GptModel model = Create(fused ? s_fused : s_composed);
        int[] prompt = [7, 101, 13];

        int[] written = [.. Tokens(model, prompt, new() { Temperature = 0, MaxNewTokens = 20 })];

        Assert.Equal(Uncached(model, prompt, 20), written);
        Assert.True(written.Distinct().Count() > 3, "The text is too monotonous to show anything.");
    }

    [Theory]
    [InlineData(GptFixture.ThreeLayers)]
    [InlineData(GptFixture.TwoLayers)]
    [InlineData(GptFixture.OneWideLayer)]
    public void GenerateTokens_ReferenceWeights_WritesTheReferencesTokens(string shape)
    {
        using var fixture = new GptFixture(shape);
        using GptModel model = GptModel.FromPretrained(fixture.ModelFolder);

        foreach (var (prompt, expected) in fixture.Prompts.Zip(fixture.Continuations))
            Assert.Equal(expected, Tokens(model, prompt, new() { Temperature = 0, MaxNewTokens = expected.Length }));
    }

    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(0.7, 1)]
    public void GenerateTokens_Temperature0OrOneCandidate_IsGreedy(double temperature, int topK)
    {
        using GptModel model = Create(s_composed);

        Assert.Equal(Uncached(model, [7, 101, 13], 15), Tokens(model, [7, 101, 13], new() { Temperature = temperature, TopK = topK, MaxNewTokens = 15, Seed = 5 }));
    }

    [Fact]
    public void GenerateTokens_BeyondTheContext_ReadsItsLastHalfAgain()
    {
        using GptModel model = Create(s_composed);
        int[] prompt = [.. Enumerable.Range(40, 20)];

        int[] written = [.. Tokens(model, prompt, new() { Temperature = 0, MaxNewTokens = 40 })];

        // A window of 23 is filled, then read again from its last 11 tokens on.
        List<int> history = [.. prompt], window = [.. prompt];
        foreach (int token in written)
        {
            if (window.Count > 23) window = history[^11..];
            Assert.Equal(Uncached(model, window, 1)[0], token);
            history.Add(token);
            window.Add(token);
        }
        Assert.Equal(40, written.Length);
    }

    [Fact]
    public void GenerateTokens_PromptBeyondTheContext_KeepsItsEnd()
    {
        using GptModel model = Create(s_composed);
        int[] prompt = [.. Enumerable.Range(40, 57)];

        int written = Tokens(model, prompt, new() { Temperature = 0, MaxNewTokens = 1 }).Single();

        Assert.Equal(Uncached(model, prompt[^23..], 1)[0], written);
        Assert.Equal(7, Tokens(model, prompt, new() { MaxNewTokens = 7 }).Count());
    }

    [Fact]
    public void GenerateTokens_ContextOfOne_GoesOn()
    {
        var model = new ScriptedModel([5, 7, 11], contextLength: 1);

        Assert.Equal([5, 7, 11, 5], Tokens(model, [1, 2], new() { MaxNewTokens = 4 }));

        Assert.Equal(new long[][] { [2], [5], [7], [11] }, model.Read);
    }

    [Fact]
    public void GenerateTokens_HugeLimit_EndsAtTheEndOfText()
    {
        var model = new ScriptedModel([5, 7, 3, 11]);

        Assert.Equal([5, 7], Tokens(model, [1, 2], new() { MaxNewTokens = int.MaxValue }, endOfTextId: 3));

        Assert.Equal(new long[][] { [1, 2], [5], [7] }, model.Read);
    }

    [Fact]
    public void Generate_SameSeed_WritesTheSame()
    {
        using GptModel model = Create(s_composed);
        var tokenizer = new ByteTokenizer();
        string With(long seed) => Write(model, tokenizer, "prompt", new() { MaxNewTokens = 30, Seed = seed });

        Assert.Equal(With(3), With(3));
        Assert.NotEqual(With(3), With(5));
        Assert.StartsWith("prompt", With(3));
    }

    [Fact]
    public async Task GenerateAsync_Pieces_AreThePlainTextCutBetweenCharacters()
    {
        const string Text = "naïve – 東京 🎉🏳️‍🌈 é end";
        int[] script = [.. Encoding.UTF8.GetBytes(Text).Select(b => (int)b), 256];
        var tokenizer = new ByteTokenizer();
        var pieces = new List<string>();

        await foreach (string piece in new ScriptedModel(script).GenerateAsync(tokenizer, "p", new() { MaxNewTokens = 500 }, TestContext.Current.CancellationToken)) pieces.Add(piece);

        Assert.Equal(Text, string.Concat(pieces));
        Assert.Equal("p" + Text, Write(new ScriptedModel(script), tokenizer, "p", new() { MaxNewTokens = 500 }));
        Assert.All(pieces, piece =>
        {
            Assert.NotEmpty(piece);
            Assert.False(char.IsLowSurrogate(piece[0]) || char.IsHighSurrogate(piece[^1]), "A piece ends within a character.");
            Assert.DoesNotContain('\uFFFD', piece);
        });
        Assert.Equal(Text.EnumerateRunes().Count(), pieces.Count);
    }

    [Fact]
    public void Generate_EndWithinACharacter_IsMarked() =>
        Assert.Equal("pa\uFFFD", Write(new ScriptedModel(['a', 0xE6, 0x9D]), new ByteTokenizer(), "p", new() { MaxNewTokens = 3 }));

    [Fact]
    public void Generate_EndOfText_StopsOrIsWritten()
    {
        int[] script = ['a', 'b', 256, 'c'];

        Assert.Equal("pab", Write(new ScriptedModel(script), new ByteTokenizer(), "p", new() { MaxNewTokens = 4 }));
        Assert.Equal("pab<|endoftext|>c", Write(new ScriptedModel(script), new ByteTokenizer(), "p", new() { MaxNewTokens = 4, StopAtEndOfText = false }));
    }

    [Fact]
    public void Generate_EmptyPrompt_StartsFromTheEndOfText()
    {
        var model = new ScriptedModel(['a', 'b']);

        Assert.Equal("ab", Write(model, new ByteTokenizer(), "", new() { MaxNewTokens = 2 }));

        Assert.Equal(new long[][] { [256], ['a'] }, model.Read);
        var e = Assert.Throws<ArgumentException>(() => Write(model, new ByteTokenizer { HasEndOfText = false }, ""));
        Assert.Equal("The prompt is empty, and the tokenizer has no end-of-text token to start from. (Parameter 'prompt')", e.Message);
    }

    [Fact]
    public void Generate_TokenizerWhoseTextsBegin_PutsTheBeginBeforeAndNoEndBehind()
    {
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainBpe(["a method of a type"], new() { VocabSize = 23, SpecialTokens = ["<unk>", "<s>", "</s>"] },
            cancellation: TestContext.Current.CancellationToken);
        int begin = tokenizer.TokenToId("<s>")!.Value;
        long[] FirstRead(string prompt)
        {
            var model = new ScriptedModel([begin + 3]);
            Write(model, tokenizer, prompt, new() { MaxNewTokens = 1 });
            return model.Read.Single();
        }

        Assert.Equal([begin, .. tokenizer.Encode("a type").Select(id => (long)id)], FirstRead("a type"));
        Assert.Equal(FirstRead("a type")[0], FirstRead("<s>a type")[0]);
        Assert.NotEqual(begin, FirstRead("<s>a type")[1]);
        Assert.Equal([begin], FirstRead(""));
    }

    /// <summary>A tokenizer whose template begins a text, and whose file cuts and fills up.</summary>
    private static TextTokenizer Begins(bool fillsUp = false)
    {
        using var folder = new TemporaryFolder();
        PipelineTokenizer.TrainBpe(["a method of a type"], new() { VocabSize = 23, SpecialTokens = ["<unk>", "<s>", "</s>"] }, cancellation: TestContext.Current.CancellationToken).Save(folder["t"]);
        string path = Path.Combine(folder["t"], "tokenizer.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        if (fillsUp)
        {
            json["truncation"] = JsonNode.Parse("""{ "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0 }""");
            json["padding"] = JsonNode.Parse("""{ "strategy": { "Fixed": 16 }, "direction": "Left", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>" }""");
        }
        File.WriteAllText(path, json.ToJsonString());
        return TextTokenizer.Load(folder["t"]);
    }

    [Fact]
    public void Generate_TokenizerThatCutsAndFillsUp_ReadsTheTextAlone()
    {
        TextTokenizer tokenizer = Begins(fillsUp: true), plain = Begins();
        var model = new ScriptedModel([5]);
        var reader = new ReversingModel();
        Assert.Equal(16, tokenizer.Tokenize("a method").Count);

        Write(model, tokenizer, "a method of a type", new() { MaxNewTokens = 1 });
        reader.Generate(tokenizer, "a method of a type", new() { MaxNewTokens = 1, Temperature = 0 }, TestContext.Current.CancellationToken);

        int begin = tokenizer.TokenToId("<s>")!.Value;
        Assert.Equal(begin, tokenizer.AddedBeginOfTextId);
        Assert.Equal([begin, .. plain.Encode("a method of a type").Select(id => (long)id)], model.Read.Single());
        Assert.Equal([plain.Tokenize("a method of a type").Count], reader.Widths);
    }

    [Fact]
    public void Generate_TokensThatEndATextOfTheModel_EndItBesideTheTokenizers()
    {
        string With(int[] script, bool stops = true) =>
            Write(new ScriptedModel(script) { EndIds = [3, 999] }, new ByteTokenizer(), "p", new() { MaxNewTokens = 3, Temperature = 0, StopAtEndOfText = stops });

        Assert.Equal("pa", With(['a', 3, 'b']));
        Assert.Equal("pa", With(['a', 256, 'b']));
        Assert.Equal("pa\u0003b", With(['a', 3, 'b'], stops: false));
        Assert.Equal([5], Tokens(new ScriptedModel([5, 3, 7]) { EndIds = [3] }, [1], new() { MaxNewTokens = 3 }));
        Assert.Equal([5], Tokens(new ScriptedModel([5, 7, 3]) { EndIds = [3] }, [1], new() { MaxNewTokens = 3 }, endOfTextId: 7));
        // Neither comes before the fewest tokens.
        int[] late = [.. Tokens(new ScriptedModel([3, 7, 3]) { EndIds = [3] }, [1], new() { MinNewTokens = 2, MaxNewTokens = 3, Temperature = 0 }, endOfTextId: 7)];
        Assert.Equal(2, late.Length);
        Assert.DoesNotContain(late, id => id is 3 or 7);
    }

    [Fact]
    public void Generate_WhatATemplateWrote_IsReadAsItWasLearned()
    {
        TextTokenizer tokenizer = Begins();
        var template = new ChatTemplate(ChatTemplate.Zephyr, tokenizer);
        ChatMessage question = new(ChatMessage.User, "a method");
        string prompt = template.Render([question], addGenerationPrompt: true);
        var model = new ScriptedModel([5]);

        Write(model, tokenizer, prompt, new GenerationOptions { MaxNewTokens = 1 }.ForChat(template));

        int[] read = [.. model.Read.Single().Select(id => (int)id)];
        Assert.Equal(template.Encode(tokenizer, [question, new(ChatMessage.Assistant, "of a type")]).Ids.Take(read.Length), read);
        Assert.NotEqual(tokenizer.AddedBeginOfTextId, read[0]);
    }

    [Fact]
    public void Generate_BeyondTheContext_KeepsTheTokenThatBeginsAText()
    {
        TextTokenizer tokenizer = Begins();
        long begin = tokenizer.AddedBeginOfTextId!.Value;
        int[] ids = tokenizer.Encode("a method of a type of a method of a type");
        Assert.True(ids.Length > 7);
        var model = new ScriptedModel([5], contextLength: 7);

        Write(model, tokenizer, "a method of a type of a method of a type", new() { MaxNewTokens = 2, Temperature = 0 });

        Assert.Equal([begin, .. ids[^6..].Select(id => (long)id)], model.Read[0]);
        Assert.Equal([begin, ids[^1], 5], model.Read[1]);
    }

    [Fact]
    public void GeneratePieces_Tokens_ComeOneByOneWithTheirText()
    {
        int[] script = [.. Encoding.UTF8.GetBytes("aé!").Select(b => (int)b), 0xE6, 256];

        GeneratedPiece[] pieces = [.. new ScriptedModel(script).GeneratePieces(new ByteTokenizer(), "p", new() { MaxNewTokens = 9 }, TestContext.Current.CancellationToken)];

        Assert.Equal([new('a', "a"), new(0xC3, ""), new(0xA9, "é"), new('!', "!"), new(0xE6, ""), new(null, "\uFFFD")], pieces);
    }

    [Fact]
    public void Generate_InputsThatDoNotFit_Throws()
    {
        var model = new ScriptedModel(['a'], vocabSize: 256);

        Assert.Equal("The tokenizer's vocabulary (257) exceeds the model's (256): they do not belong together. (Parameter 'tokenizer')",
            Assert.Throws<ArgumentException>(() => Write(model, new ByteTokenizer(), "p")).Message);
        Assert.Equal("TopK (-1) must be positive, or 0 for all tokens.",
            Assert.Throws<ArgumentException>(() => Write(model, new ByteTokenizer(256), "p", new() { TopK = -1 })).Message);
        Assert.Equal("The prompt must hold at least one token. (Parameter 'prompt')",
            Assert.Throws<ArgumentException>(() => Tokens(model, [])).Message);
        Assert.Throws<ArgumentException>(() => Tokens(model, [1], new() { MaxNewTokens = 0 }));
        Assert.Empty(model.Read);
    }

    [Fact]
    public async Task Generate_Cancelled_StopsBeforeTheNextToken()
    {
        using var plain = new CancellationTokenSource();
        var model = new ScriptedModel(['a']) { BeforeToken = i => { if (i == 3) plain.Cancel(); } };

        Assert.Throws<OperationCanceledException>(() => model.Generate(new ByteTokenizer(), "p", cancellationToken: plain.Token));
        Assert.Equal(4, model.Read.Count);

        using var streamed = new CancellationTokenSource();
        int pieces = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (string _ in new ScriptedModel(['a']).GenerateAsync(new ByteTokenizer(), "p", cancellationToken: streamed.Token))
                if (++pieces == 3) streamed.Cancel();
        });
        Assert.Equal(3, pieces);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Generate_AnyMode_IsLeftAsItWasAndDropsNothing(bool training)
    {
        using GptModel model = Create(s_composed with { Dropout = 0.5 });
        using GptModel plain = Create(s_composed);
        model.train(training);

        string text = Write(model, new ByteTokenizer(), "prompt", new() { MaxNewTokens = 10 });

        Assert.Equal(Write(plain, new ByteTokenizer(), "prompt", new() { MaxNewTokens = 10 }), text);
        Assert.Equal(training, model.training);
        Assert.Equal(training, model.blocks[1].training);
    }

    [Fact]
    public void Generate_Text_LeavesNoTensor()
    {
        using GptModel model = Create(s_fused);
        long before = LiveTensors.Count();

        Write(model, new ByteTokenizer(), "prompt", new() { MaxNewTokens = 40 });
        _ = Tokens(model, [1, 2, 3]).First();

        Assert.Equal(before, Tensor.TotalCount);
    }
}
