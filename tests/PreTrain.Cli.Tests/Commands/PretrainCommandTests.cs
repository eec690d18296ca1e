using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Tests.Commands;

public class PretrainCommandTests
{
    /// <summary>Two documents, since a sentence that does not follow comes from another one.</summary>
    private static string Data(TemporaryFolder folder)
    {
        TinyRun.Data(folder);
        folder.Write("text2.txt", TinyModel.Text(290));
        return folder["text*.txt"];
    }

    private static ToolResult Run(TemporaryFolder folder, string family, params string[] more) =>
        ToolRunner.Run([family, .. TinyRun.Arguments(Data(folder), folder["run"], ["--heads", "2", "--embedding", "32", "--context", "37", "--steps", "4", .. more])[1..]]);

    [Theory]
    [InlineData("bert", ModelHead.MaskedLanguageModel, new string[0])]
    [InlineData("bert", ModelHead.MaskedLanguageModel, new[] { "--whole-word", "--mask-rate", "0.3" })]
    [InlineData("bert", ModelHead.PreTraining, new[] { "--objective", "next-sentence", "--mask-unit", "span" })]
    [InlineData("bert", ModelHead.PreTraining, new[] { "--objective", "sentence-order" })]
    [InlineData("roberta", ModelHead.MaskedLanguageModel, new[] { "--mask-unit", "ngram" })]
    [InlineData("electra", ModelHead.ReplacedTokenDetection, new[] { "--heads", "4", "--embedding", "64" })]
    [InlineData("modernbert", ModelHead.MaskedLanguageModel, new string[0])]
    [InlineData("t5", ModelHead.SequenceToSequence, new[] { "--mean-span", "2" })]
    [InlineData("t5", ModelHead.SequenceToSequence, new[] { "--objective", "prefix-lm" })]
    [InlineData("llama", ModelHead.CausalLanguageModel, new string[0])]
    [InlineData("llama", ModelHead.CausalLanguageModel, new[] { "--objective", "prefix-lm" })]
    [InlineData("llama", ModelHead.CausalLanguageModel, new[] { "--pack", "best-fit", "--curriculum", "3" })]
    [InlineData("modernbert", ModelHead.MaskedLanguageModel, new[] { "--pack", "best-fit" })]
    [InlineData("ernie", ModelHead.MaskedLanguageModel, new[] { "--mask-unit", "span" })]
    [InlineData("bart", ModelHead.SequenceToSequence, new[] { "--mask-rate", "0.2" })]
    public void Pretrain_AnyFamily_SavesAModelOfItThatResumes(string family, ModelHead head, string[] options)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, family, ["--json", .. options]);

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(4, result.Json().GetProperty("steps").GetInt32());
        using (ITransformerModel model = AutoModel.FromPretrained(folder["run/model"]))
            Assert.Equal((family, head), (model.ModelType, model.Head));
        ToolResult resumed = Run(folder, family, ["--steps", "6", "--resume", .. options]);
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("steps              6", resumed.Output);
    }

    [Theory]
    [InlineData("gpt", "resid_pdrop embd_pdrop attn_pdrop")]
    [InlineData("llama", "attention_dropout")]
    [InlineData("bert", "hidden_dropout_prob attention_probs_dropout_prob")]
    [InlineData("modernbert", "embedding_dropout attention_dropout mlp_dropout")]
    [InlineData("t5", "dropout_rate")]
    public void Pretrain_Dropout_IsThatOfTheModel(string family, string keys)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, family, "--dropout", "0.2", "--steps", "1");

        Assert.True(result.ExitCode == 0, result.Error);
        JsonNode config = JsonNode.Parse(File.ReadAllText(folder["run/model/config.json"]))!;
        Assert.All(keys.Split(' '), key => Assert.Equal(0.2, config[key]!.GetValue<double>()));
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("llama")]
    public void Pretrain_ADecoder_SavesTheTokensThatBeginAndEndASequence(string family)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, Run(folder, family).ExitCode);

        JsonNode config = JsonNode.Parse(File.ReadAllText(folder["run/model/config.json"]))!;
        int end = TextTokenizer.Load(folder["run/model"]).EndOfTextId!.Value;
        Assert.Equal((end, end), (config["bos_token_id"]!.GetValue<int>(), config["eos_token_id"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("bert", "[MASK]")]
    [InlineData("roberta", "<mask>")]
    public void FillMask_OfATrainedModel_Answers(string family, string mask)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, Run(folder, family).ExitCode);

        ToolResult result = ToolRunner.Run("fill-mask", "--model", folder["run"], "--text", $"The {mask} is", "--top", "3", "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(3, result.Json().GetProperty("predictions")[0].GetArrayLength());
    }

    [Fact]
    public void Pretrain_ALexicon_MasksItsEntities()
    {
        using var folder = new TemporaryFolder();
        string lexicon = folder.Write("lexicon.txt", "the quick fox\n");
        ToolResult Lexicon(string path) => Run(folder, "bert", "--lexicon", path, "--overwrite");

        Assert.Equal(0, Lexicon(lexicon).ExitCode);
        ToolResult missing = Lexicon(folder["no.txt"]);
        Assert.Equal(3, missing.ExitCode);
        Assert.Contains("no.txt' cannot be read", missing.Error);
    }

    [Theory]
    [InlineData("bert", "--mask-rate (1) must be a number between 0 and 1.", new[] { "--mask-rate", "1" })]
    [InlineData("bert", "--objective (causal-lm) must be masked-lm, next-sentence or sentence-order.", new[] { "--objective", "causal-lm" })]
    [InlineData("bert", "--whole-word and --mask-unit span exclude each other.", new[] { "--whole-word", "--mask-unit", "span" })]
    [InlineData("bert", "--mask-unit entity and --lexicon go together: the lexicon says what the entities are.", new[] { "--mask-unit", "entity" })]
    [InlineData("bert", "--vocab-size (50) must be at least 100: the special tokens and the characters of a text.", new[] { "--vocab-size", "50" })]
    [InlineData("t5", "--mean-span (0.5) must be a number from 1.", new[] { "--mean-span", "0.5" })]
    [InlineData("bert", "--objective next-sentence takes no packed documents. Leave out --pack, and name one token store.", new[] { "--objective", "next-sentence", "--pack", "best-fit" })]
    [InlineData("bert", "--curriculum goes with --pack best-fit.", new[] { "--curriculum", "2" })]
    [InlineData("gpt", "--mix (0.7,0.2) must be positive numbers with commas between them that sum to 1.", new[] { "--mix", "0.7,0.2" })]
    [InlineData("gpt", "--mix (0.7,0.3) must hold a share for each of the 1 token stores of --tokens.", new[] { "--mix", "0.7,0.3" })]
    [InlineData("gpt", "--data and --tokens exclude each other: a token store brings its text and its tokenizer.", new[] { "--tokens", "store" })]
    public void Pretrain_WrongOption_NamesOptionValueAndRule(string family, string message, string[] options)
    {
        using var folder = new TemporaryFolder();

        ToolResult result = Run(folder, family, options);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"error: {message}", result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }
}
