using System.Text.Json;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class LogitsCommandTests
{
    [Fact]
    public void Logits_Json_AreThoseOfTheModelInFloat32()
    {
        using var folder = new TemporaryFolder();
        GptConfig config = TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "5,1,2", "--json");

        Assert.Equal(["shape", "logits"], result.Keys());
        Assert.Equal([1, 3, config.VocabSize], result.Json().GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()));
        float[] logits = [.. result.Json().GetProperty("logits").EnumerateArray().Select(value => value.GetSingle())];
        using DisposeScope scope = NewDisposeScope();
        using GptModel model = GptModel.FromPretrained(folder.Path);
        model.eval();
        Assert.Equal(model.Logits(tensor(new long[] { 5, 1, 2 }, [1, 3])).data<float>().ToArray(), logits);
    }

    [Fact]
    public void Logits_Text_ShowsTheBestTokensFirst()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "5", "1", "2");

        Assert.Equal(0, result.ExitCode);
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, lines.Length);
        double[] values = [.. lines[2..].Select(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(values.OrderDescending(), values);
    }

    [Theory]
    [InlineData("5,x,2", "--ids (x) must be whole numbers from 0 with commas between them, as in --ids 5,1,2.")]
    [InlineData("5,-1", "--ids (-1) must be whole numbers from 0 with commas between them, as in --ids 5,1,2.")]
    [InlineData(",", "--ids must hold at least one token id, as in --ids 5,1,2.")]
    [InlineData("5,283", "--ids (283) must be below the model's vocabulary of 283 tokens.")]
    [InlineData("1,2,3,4,5,6,7,8,9,1,2,3,4,5", "--ids holds 14 ids; the model's context takes at most 13.")]
    public void Logits_IdsOutOfRange_NamesThemAndEndsWith2(string ids, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", ids, "--json");

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}\n", result.Error);
    }

    [Fact]
    public void Logits_MissingFolder_NamesItAndEndsWith3()
    {
        ToolResult result = ToolRunner.Run("logits", "--model", "no-such-folder", "--ids", "1");

        Assert.Equal(3, result.ExitCode);
        Assert.Equal("error: no-such-folder: the folder does not exist; --model takes a folder with config.json and model.safetensors, or the output of a run.\n", result.Error);
    }

    [Fact]
    public void Logits_TruncatedWeights_NamesTheFileAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        using (FileStream weights = File.OpenWrite(folder["model.safetensors"])) weights.SetLength(weights.Length - 7);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "1");

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: {folder["model.safetensors"]}: ", result.Error);
        Assert.DoesNotContain("   at ", result.Error);
    }

    [Fact]
    public void Logits_Verbose_AddsTheStackTrace()
    {
        ToolResult result = ToolRunner.Run("logits", "--model", "no-such-folder", "--ids", "1", "--verbose");

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("   at PreTrain.Cli.Commands.ModelFolder.Resolve", result.Error);
    }

    public static TheoryData<string, string, string> Heads
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var (family, heads) in new[]
            {
                ("bert", "masked-lm next-sentence classify tokens qa none"), ("roberta", "masked-lm classify tokens qa none"), ("ernie", "masked-lm next-sentence classify tokens qa none"),
                ("electra", "masked-lm replaced-tokens classify tokens qa none"), ("modernbert", "masked-lm classify tokens qa none"), ("gpt2", "causal-lm classify none"), ("llama", "causal-lm classify none"),
                ("mistral", "causal-lm"), ("qwen2", "causal-lm"), ("qwen3", "causal-lm"),
            })
            {
                foreach (string head in heads.Split(' ')) data.Add(family, head, Expected[head]);
            }
            return data;
        }
    }

    /// <summary>The shapes for two sequences of five tokens: 41 different tokens, 3 classes, width 24.</summary>
    private static Dictionary<string, string> Expected { get; } = new()
    {
        ["masked-lm"] = "2 5 41",
        ["causal-lm"] = "2 5 41",
        ["next-sentence"] = "2 2",
        ["classify"] = "2 3",
        ["tokens"] = "2 5 3",
        ["qa"] = "2 5 2",
        ["replaced-tokens"] = "2 5",
        ["none"] = "2 5 24",
    };

    private static ITransformerModel Create(string family, ModelHead head)
    {
        using Generator generator = new(3);
        return family switch
        {
            "bert" => new BertModel(new() { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37, LabelCount = 3 }, head, generator),
            "roberta" => new RobertaModel(new() { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37, LabelCount = 3 }, head, generator),
            "ernie" => new ErnieModel(new() { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37, LabelCount = 3 }, head, generator),
            "electra" => new ElectraModel(new() { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37, LabelCount = 3 }, head, generator),
            "modernbert" => new ModernBertModel(new() { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37, LabelCount = 3, PaddingId = 0 }, head, generator),
            "gpt2" => new GptModel(new() { VocabSize = 41, ContextLength = 13, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37, LabelCount = 3 }, head, generator),
            _ => new LlamaModel(
                new()
                {
                    Variant = Enum.Parse<LlamaVariant>(family, ignoreCase: true),
                    VocabSize = 41,
                    ContextLength = 13,
                    LayerCount = 2,
                    HeadCount = 6,
                    KeyValueHeadCount = 3,
                    EmbeddingDim = 24,
                    HeadWidth = 6,
                    FeedForwardDim = 37,
                    LabelCount = 3,
                },
                head, generator),
        };
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void Logits_EveryFamilyAndHead_AreThoseOfTheModel(string family, string head, string shape)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        ModelHead kind = head switch
        {
            "masked-lm" => ModelHead.MaskedLanguageModel,
            "next-sentence" => ModelHead.NextSentence,
            "classify" => ModelHead.SequenceClassification,
            "tokens" => ModelHead.TokenClassification,
            "qa" => ModelHead.QuestionAnswering,
            "replaced-tokens" => ModelHead.ReplacedTokenDetection,
            "causal-lm" => ModelHead.CausalLanguageModel,
            _ => ModelHead.None,
        };
        using ITransformerModel model = Create(family, kind);
        model.SavePretrained(folder.Path);
        bool types = family is "bert" or "ernie" or "electra";
        string input = folder.Write("input.json", """{"input_ids": [[5, 1, 2, 7, 40], [3, 6, 9, 0, 0]], "attention_mask": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]"""
            + (types ? """, "token_type_ids": [[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]]}""" : "}"));

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--head", head, "--input", input, "--json");

        Assert.Equal(["shape", "logits"], result.Keys());
        Assert.Equal("", result.Error);   // nothing is new in this head
        Assert.Equal(shape, string.Join(' ', result.Json().GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())));
        ((nn.Module)model).eval();
        using IDisposable mode = no_grad();
        float[] expected = model.Forward(new()
        {
            Ids = tensor(new long[] { 5, 1, 2, 7, 40, 3, 6, 9, 0, 0 }, [2, 5]),
            AttentionMask = tensor(new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 }, [2, 5]),
            TokenTypeIds = types ? tensor(new long[] { 0, 0, 1, 1, 1, 0, 1, 1, 0, 0 }, [2, 5]) : null,
        }).Logits.contiguous().data<float>().ToArray();
        Assert.Equal(expected, result.Json().GetProperty("logits").EnumerateArray().Select(value => value.GetSingle()));
        // The folder's own head is the default.
        Assert.Equal(result.Output, ToolRunner.Run("logits", "--model", folder.Path, "--input", input, "--json").Output);
        Assert.StartsWith($"shape      {shape.Replace(" ", " × ")}\n", ToolRunner.Run("logits", "--model", folder.Path, "--input", input).Output);
    }

    [Fact]
    public void Logits_HeadThatTheFolderLacks_StartsFromTheSeedAndSaysSo()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path);
        ToolResult Run(string seed) => ToolRunner.Run("logits", "--model", folder.Path, "--head", "classify", "--ids", "5,1,2", "--json", "--seed", seed);

        ToolResult result = Run("3");

        Assert.Equal("The folder was saved from BertForMaskedLM, not from BertForSequenceClassification: what that head has and the folder lacks starts from random values (--seed).\n", result.Error);
        Assert.Equal([1, 5], result.Json().GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()));
        Assert.Equal(result.Output, Run("3").Output);
        Assert.NotEqual(result.Output, Run("5").Output);
    }

    [Theory]
    [InlineData("--head qa --ids 1", 2, "The model in 'DIR' is not for this: A GptModel has no head QuestionAnswering; it has CausalLanguageModel, SequenceClassification, None.")]
    [InlineData("--head answers --ids 1", 2, "--head (answers) must be masked-lm, next-sentence, classify, tokens, qa, replaced-tokens, causal-lm, seq2seq, image-classify or none.")]
    [InlineData("", 2, "Give either --input or --ids.")]
    [InlineData("--ids 1 --input x.json", 2, "Give either --input or --ids.")]
    public void Logits_WrongHeadOrInput_NamesItAndEndsWith2(string options, int code, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run(["logits", "--model", folder.Path, "--json", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal((code, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message.Replace("DIR", folder.Path, StringComparison.Ordinal)}\n", result.Error);
    }

    [Theory]
    [InlineData("[1, 2]", "is no input of a model: its top level is not an object.")]
    [InlineData("{\"ids\": [[1]]}", "is no input of a model: the member 'ids' is not known; known are input_ids, attention_mask, token_type_ids, decoder_input_ids, decoder_attention_mask and pixel_values.")]
    [InlineData("{}", "is no input of a model: it holds neither input_ids nor pixel_values.")]
    [InlineData("{\"input_ids\": [1, 2]}", "is no input of a model: input_ids must be lists nested 2 deep, but it is nested 1 deep.")]
    [InlineData("{\"input_ids\": []}", "is no input of a model: input_ids holds an empty list.")]
    [InlineData("{\"input_ids\": [[1, 2], [3]]}", "is no input of a model: input_ids[1] has 1 entries where the first of its siblings has 2; fill short rows up and say so in attention_mask.")]
    [InlineData("{\"input_ids\": [[1, 2], 3]}", "is no input of a model: input_ids[1] is 3, which is not a list.")]
    [InlineData("{\"input_ids\": [[1, 2.5]]}", "is no input of a model: input_ids[0][1] is 2.5, which is not a whole number.")]
    [InlineData("{\"input_ids\": [[1, \"a\"]]}", "is no input of a model: input_ids[0][1] is \"a\", which is not a whole number.")]
    [InlineData("{\"pixel_values\": [[[[1, null]]]]}", "is no input of a model: pixel_values[0][0][0][1] is null, which is not a number.")]
    [InlineData("{\"input_ids\": [[1]], \"input_ids\": [[1]]}", "is not valid JSON: ")]
    [InlineData("{\"input_ids\": [[1]", "is not valid JSON: ")]
    [InlineData("{\"input_ids\": [[1, 283]]}", "does not suit the model: The token id 283 at row 0, column 1 is outside the vocabulary (0 to 282).")]
    [InlineData("{\"input_ids\": [[1, 2]], \"token_type_ids\": [[0, 1]]}", "does not suit the model: A gpt2 model takes no TokenTypeIds.")]
    [InlineData("{\"input_ids\": [[1, 2]], \"attention_mask\": [[1, 1, 1]]}", "does not suit the model: The attention mask (1, 3) must have the shape of the ids (1, 2).")]
    public void Logits_WrongInputFile_SaysThePlaceAndEndsWith3(string content, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string input = folder.Write("input.json", content);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--input", input, "--json");

        Assert.Equal((3, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: The file '{input}' {message}", result.Error);
    }

    [Fact]
    public void Logits_MissingInputFile_NamesItAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--input", folder["none.json"], "--json");

        Assert.Equal((3, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: The file '{folder["none.json"]}' cannot be read: ", result.Error);
    }

    [Fact]
    public void Logits_UnknownFamily_NamesTheKnownOnesAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", """{"model_type": "mamba"}""");

        ToolResult result = ToolRunner.Run("logits", "--model", folder.Path, "--ids", "1");

        Assert.Equal((3, $"error: {folder["config.json"]}: model_type is 'mamba', which is not known; it must be one of {string.Join(", ", AutoModel.ModelTypes)}.\n"), (result.ExitCode, result.Error));
    }
}
