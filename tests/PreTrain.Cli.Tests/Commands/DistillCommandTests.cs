using System.Text.Json;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Tokenization;
using PreTrain.Torch;

namespace PreTrain.Cli.Tests.Commands;

public class DistillCommandTests
{
    private static readonly string[] s_short = ["--steps", "4", "--batch", "3", "--checkpoint-every", "2", "--evaluate-every", "2", "--device", "cpu"];

    private static string Text(TemporaryFolder folder) => folder.Write("text.txt", TinyModel.Text(300));

    private static void SaveT5(string folder)
    {
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainUnigram([TinyModel.Text(50)], new() { VocabSize = 90, SpecialTokens = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, 20).Select(i => $"<extra_id_{i}>")] });
        var config = new T5Config { VocabSize = tokenizer.VocabSize, LayerCount = 2, HeadCount = 2, EmbeddingDim = 12, HeadDim = 6, FeedForwardDim = 24, PaddingId = 0, EndId = 1, DecoderStartId = 0 };
        using var model = new T5Model(config, generator: new RandomStreams(3).CreateGenerator("init"));
        model.SavePretrained(folder);
        tokenizer.Save(folder);
    }

    [Fact]
    public void Distill_TwoTeachersWithACache_TrainsAStudentAndTheNextOneNeedsNoTeacher()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["one"]);
        TinyModel.Save(folder["two"], seed: 4);
        string[] options = ["distill", "--teacher", folder["one"], folder["two"], "--teacher-weights", "2,1", "--data", Text(folder), "--layers", "1", "--cache", folder["cache"], "--cache-top-k", "20", .. s_short];

        ToolResult first = ToolRunner.Run([.. options, "--output", folder["run"], "--json"]);
        ToolResult second = ToolRunner.Run([.. options, "--output", folder["again"]]);

        JsonElement json = first.Json();
        Assert.Equal((4, "run"), (json.GetProperty("steps").GetInt32(), Path.GetFileName(json.GetProperty("output").GetString())));
        Assert.Contains("The teachers read 24 rows; 0 were in the cache.", first.Error);
        Assert.Contains("The teachers read 0 rows; 24 were in the cache.", second.Error);
        Assert.Equal(File.ReadAllBytes(folder["run/model/model.safetensors"]), File.ReadAllBytes(folder["again/model/model.safetensors"]));
        using GptModel student = GptModel.FromPretrained(folder["run/model"]);
        Assert.Equal((1, 15), (student.Config.LayerCount, student.Config.EmbeddingDim));
        Assert.True(File.Exists(folder["run/report.html"]));
        using JsonDocument run = JsonDocument.Parse(File.ReadAllText(folder["run/run.json"]));
        Assert.Equal("causal-lm", run.RootElement.GetProperty("objective").GetProperty("objective").GetString());
        Assert.Equal(20, run.RootElement.GetProperty("distillation").GetProperty("cache-top-k").GetInt32());
        Assert.Equal(0, ToolRunner.Run("generate", "--model", folder["run"], "--prompt", "The", "--max-new-tokens", "3").ExitCode);

        ToolResult other = ToolRunner.Run([.. options, "--output", folder["other"], "--validation-fraction", "0.2"]);
        Assert.Equal(2, other.ExitCode);
        Assert.Contains("was made for something else: data.validationFraction (cache: 0.05, now: 0.2)", other.Error);
    }

    [Fact]
    public void Distill_TextThatIsTooShort_KeepsNothingOfIt()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["gpt"]);
        string[] options = ["distill", "--teacher", folder["gpt"], "--layers", "1", "--output", folder["run"], .. s_short];
        ToolResult refused = ToolRunner.Run([.. options, "--data", folder.Write("short.txt", "Too short.")]);
        Assert.Equal(3, refused.ExitCode);
        Assert.False(Directory.Exists(folder["run"]), refused.Error);
        Assert.Equal(0, ToolRunner.Run([.. options, "--data", Text(folder)]).ExitCode);
    }

    [Fact]
    public void Distill_QuantizedTeacher_IsNamedBeforeATextIsRead()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["gpt"]);
        Assert.Equal(0, ToolRunner.Run("quantize", "--model", folder["gpt"], "--output", folder["int8"]).ExitCode);
        ToolResult refused = ToolRunner.Run(["distill", "--teacher", folder["int8"], "--layers", "1", "--output", folder["run"], "--data", Text(folder), .. s_short]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("is quantized, and so is a student that is made from its layers; take the model that it was made from.", refused.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Distill_DistilBertOfABert_TakesItsLayersAndTerms()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"], ModelHead.PreTraining);
        ToolResult result = ToolRunner.Run(["distill", "--teacher", folder["bert"], "--student", "distilbert", "--data", Text(folder), "--output", folder["run"], "--cosine-weight", "1", "--hidden-weight", "0.5",
            "--attention-weight", "0.5", "--relation-weight", "0.5", "--value-relation-weight", "0.5", "--divergence", "symmetric-kl", "--json", .. s_short]);

        Assert.Equal(4, result.Json().GetProperty("steps").GetInt32());
        using DistilBertModel student = DistilBertModel.FromPretrained(folder["run/model"]);
        Assert.Equal((1, ModelHead.MaskedLanguageModel), (student.Config.LayerCount, student.Head));
        Assert.Equal(0, ToolRunner.Run("fill-mask", "--model", folder["run"], "--text", "The method returns [MASK].").ExitCode);
    }

    [Fact]
    public void Distill_NarrowStudentOfASequenceToSequenceModel_IsMadeAnew()
    {
        using var folder = new TemporaryFolder();
        SaveT5(folder["t5"]);
        ToolResult result = ToolRunner.Run(["distill", "--teacher", folder["t5"], "--layers", "1", "--hidden", "8", "--data", Text(folder), "--output", folder["run"], "--context", "24", "--json", .. s_short]);

        Assert.Equal(4, result.Json().GetProperty("steps").GetInt32());
        using T5Model student = T5Model.FromPretrained(folder["run/model"]);
        Assert.Equal((1, 1, 8, 16), (student.Config.LayerCount, student.Config.DecoderLayerCount, student.Config.EmbeddingDim, student.Config.FeedForwardDim));
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public void Distill_Resumed_EndsAsTheUninterruptedRun(string precision)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["teacher"]);
        string[] options = ["distill", "--teacher", folder["teacher"], "--layers", "1", "--data", Text(folder), .. s_short[2..], "--schedule", "constant", "--warmup-steps", "0", "--precision", precision];

        Assert.Equal(0, ToolRunner.Run([.. options, "--output", folder["whole"], "--steps", "4"]).ExitCode);
        Assert.Equal(0, ToolRunner.Run([.. options, "--output", folder["parts"], "--steps", "2"]).ExitCode);
        ToolResult resumed = ToolRunner.Run([.. options, "--output", folder["parts"], "--steps", "4", "--resume"]);

        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Equal(File.ReadAllBytes(folder["whole/model/model.safetensors"]), File.ReadAllBytes(folder["parts/model/model.safetensors"]));
    }

    [Fact]
    public void Distill_ShorterContext_TrainsOnSuchRows()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["gpt"]);
        string[] options = ["distill", "--teacher", folder["gpt"], "--layers", "1", "--data", Text(folder), .. s_short, "--json"];

        int whole = ToolRunner.Run([.. options, "--output", folder["whole"]]).Json().GetProperty("tokens").GetInt32(), tokens = ToolRunner.Run([.. options, "--output", folder["run"], "--context", "5"]).Json().GetProperty("tokens").GetInt32();

        Assert.Equal((4 * 3 * 13, 4 * 3 * 5), (whole, tokens));
        using GptModel student = GptModel.FromPretrained(folder["run/model"]);
        Assert.Equal(13, student.Config.ContextLength);
    }

    [Fact]
    public void Distill_ObjectiveOfATeacherThatWrites_IsLearned()
    {
        using var folder = new TemporaryFolder();
        SaveT5(folder["t5"]);
        string[] options = ["distill", "--teacher", folder["t5"], "--layers", "1", "--data", Text(folder), "--context", "24", "--objective", "prefix-lm", .. s_short];

        ToolResult result = ToolRunner.Run([.. options, "--output", folder["run"]]), refused = ToolRunner.Run([.. options, "--output", folder["other"], "--mask-rate", "0.2"]);

        Assert.True(result.ExitCode == 0, result.Error);
        using JsonDocument run = JsonDocument.Parse(File.ReadAllText(folder["run/run.json"]));
        Assert.Equal("prefix-lm", run.RootElement.GetProperty("objective").GetProperty("objective").GetString());
        using JsonDocument state = JsonDocument.Parse(File.ReadAllText(folder["run/checkpoints/step-000004/state.json"]));
        Assert.Contains("\"objective\":\"prefix-lm\"", state.RootElement.GetProperty("identity").GetRawText().Replace(" ", ""), StringComparison.Ordinal);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("--mask-rate goes with --objective masked-lm, span-corruption or denoising, and the objective is prefix-lm", refused.Error);
    }

    [Fact]
    public void Distill_TeachersThatDoNotFit_AreToldBeforeATextIsRead()
    {
        using var folder = new TemporaryFolder();
        GptConfig config = TinyModel.Save(folder["gpt"]);
        TextTokenizer.Load(folder["gpt"]).Save(folder["padded"]);
        using (var padded = new GptModel(config with { VocabSize = config.VocabSize + 5 })) padded.SavePretrained(folder["padded"]);
        string[] teacher = ["--teacher", folder["gpt"]];
        Said("have 12 features and the teacher's 15", [.. teacher, "--embedding", "12", "--hidden-weight", "1"]);
        Said("have 12 features and the teacher's 15", [.. teacher, "--embedding", "12", "--cosine-weight", "1"]);
        Said("has 5 heads and the teacher's 3", [.. teacher, "--heads", "5", "--relation-weight", "1"]);
        Said("LayerMap names 2 layers; it must name one for each of the 1 layers of the student", [.. teacher, "--layers", "1", "--hidden-weight", "1", "--layer-map", "0,1"]);
        Said("A student of 3 layers cannot follow a teacher of 2", [.. teacher, "--embedding", "15", "--layers", "3", "--hidden-weight", "1"]);
        Said("The student has a vocabulary of 283 tokens and the teacher of 288", [.. teacher, folder["padded"], "--layers", "1"]);
        if (!HalfPrecision.IsSupported(TorchSharp.torch.CPU, out _)) Said("Precision (Float16) must be one that the device", [.. teacher, "--layers", "1", "--precision", "fp16"]);

        void Said(string message, string[] options)
        {
            ToolResult result = ToolRunner.Run(["distill", "--data", folder["nowhere.txt"], "--output", folder["run"], "--device", "cpu", .. options]);
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
            Assert.False(Directory.Exists(folder["run"]));
        }
    }

    [Fact]
    public void Distill_WrongUsage_EndsWith2AndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["gpt"]);
        TinyModel.SaveBert(folder["bert"]);
        TinyModel.SaveBert(folder["classifier"], ModelHead.SequenceClassification);
        string data = Text(folder);
        Said("--layers is missing", "--teacher", folder["gpt"]);
        Said("must hold a weight for each of the 1 teachers", "--teacher", folder["gpt"], "--layers", "1", "--teacher-weights", "1,2");
        Said("--teacher-weights (1,x) must be positive numbers with commas between them", "--teacher", folder["gpt"], "--layers", "1", "--teacher-weights", "1,x");
        Said("has another tokenizer than --teacher", "--teacher", folder["gpt"], folder["bert"], "--layers", "1");
        Said("looks into the layers of one teacher, and --teacher names 2", "--teacher", folder["gpt"], folder["gpt"], "--layers", "1", "--cosine-weight", "1");
        Said("which --cache (c) does not keep", "--teacher", folder["gpt"], "--layers", "1", "--hidden-weight", "1", "--cache", "c");
        Said("--layer-map belongs to --hidden-weight and --attention-weight", "--teacher", folder["gpt"], "--layers", "1", "--cosine-weight", "1", "--layer-map", "0");
        Said("--cache-top-k belongs to --cache", "--teacher", folder["gpt"], "--layers", "1", "--cache-top-k", "3");
        Said("takes layers of a bert, and --teacher holds a gpt2", "--teacher", folder["gpt"], "--student", "distilbert");
        Said("keeps the teacher's width and heads", "--teacher", folder["bert"], "--student", "distilbert", "--hidden", "12");
        Said("does not have 3 layers; its layers are 0 to 1", "--teacher", folder["gpt"], "--layers", "3");
        Said("--decoder-layers is for models with a decoder", "--teacher", folder["gpt"], "--layers", "1", "--decoder-layers", "1");
        Said("EmbeddingDim (16) must be divisible by HeadCount (3)", "--teacher", folder["gpt"], "--hidden", "16");
        Said("--context (14) must be at most the teacher's (13)", "--teacher", folder["gpt"], "--layers", "1", "--context", "14");
        Said("--mask-rate goes with --objective masked-lm, span-corruption or denoising, and the objective is causal-lm", "--teacher", folder["gpt"], "--layers", "1", "--mask-rate", "0.2");
        Said("--mean-span goes with --objective span-corruption or denoising, and the objective is causal-lm", "--teacher", folder["gpt"], "--layers", "1", "--mean-span", "2");
        Said("--mean-span goes with --objective span-corruption or denoising, and the objective is masked-lm", "--teacher", folder["bert"], "--layers", "1", "--mean-span", "2");
        Said("--temperature goes with --alpha below 1", "--teacher", folder["gpt"], "--layers", "1", "--alpha", "1", "--temperature", "3");
        Said("--divergence goes with --alpha below 1", "--teacher", folder["gpt"], "--layers", "1", "--alpha", "1", "--divergence", "reverse-kl", "--cache", folder["cache"]);
        Said("predicts no tokens; the tool distils models that do", "--teacher", folder["classifier"], "--layers", "1");
        Assert.False(Directory.Exists(folder["run"]));

        void Said(string message, params string[] options)
        {
            ToolResult result = ToolRunner.Run(["distill", "--data", data, "--output", folder["run"], .. options]);
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
        }
    }
}
