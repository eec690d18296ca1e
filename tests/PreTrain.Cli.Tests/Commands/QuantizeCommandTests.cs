using System.Text.Json;

namespace PreTrain.Cli.Tests.Commands;

public class QuantizeCommandTests
{
    [Theory]
    [InlineData("int8")]
    [InlineData("int8-weights")]
    public void Quantize_Scheme_GivesNearLogitsAndASmallerFile(string scheme)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);

        ToolResult result = ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["small"], "--scheme", scheme, "--tied-head", "--json");

        Assert.Equal(["output", "maps", "bytesBefore", "bytesAfter", "tiedHeadBytes", "fileBytes"], result.Keys());
        JsonElement json = result.Json();
        Assert.Equal(8, json.GetProperty("maps").GetInt32());
        Assert.InRange(json.GetProperty("tiedHeadBytes").GetInt64(), 283 * 15, 283 * 60);   // codes of a byte, and scales
        Assert.Equal(new FileInfo(Path.Combine(folder["small"], "model.safetensors")).Length, json.GetProperty("fileBytes").GetInt64());
        Assert.True(json.GetProperty("fileBytes").GetInt64() < new FileInfo(Path.Combine(folder["model"], "model.safetensors")).Length);
        double[] before = Logits(folder["model"]), after = Logits(folder["small"]);
        double error = Math.Sqrt(before.Zip(after, (a, b) => (a - b) * (a - b)).Sum() / before.Sum(a => a * a));
        Assert.InRange(error, 1e-6, 0.05);
        Assert.Equal(0, ToolRunner.Run("generate", "--model", folder["small"], "--prompt", "The", "--max-new-tokens", "3").ExitCode);
    }

    [Theory]
    [InlineData("quantize", "--scheme", "int8")]
    [InlineData("prune", "--sparsity", "0.25")]
    public void Command_FilesBesideTheWeights_AreCopied(params string[] command)
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["model"], Models.ModelHead.None);
        Directory.CreateDirectory(folder["model/1_Pooling"]);
        File.WriteAllText(folder["model/modules.json"], """[{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}, {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]""");
        File.WriteAllText(folder["model/1_Pooling/config.json"], """{"pooling_mode_max_tokens": true}""");
        File.WriteAllText(folder["model/chat_template.jinja"], "{{ messages }}");

        ToolResult result = ToolRunner.Run([.. command, "--model", folder["model"], "--output", folder["small"]]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        foreach (string file in new[] { "chat_template.jinja", "tokenizer.json", "modules.json", "1_Pooling/config.json" }) Assert.Equal(File.ReadAllText(folder["model/" + file]), File.ReadAllText(folder["small/" + file]));
        ToolResult embedded = ToolRunner.Run("embed", "--model", folder["small"], "--text", "A stream", "--json");
        Assert.Equal(0, embedded.ExitCode);
        Assert.Equal(("max", true), (embedded.Json().GetProperty("pooling").GetString(), embedded.Json().GetProperty("normalized").GetBoolean()));
    }

    [Fact]
    public void Quantize_Gptq_ReadsTheText()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(50));

        ToolResult result = ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["small"], "--scheme", "int8-weights", "--method", "gptq", "--data", data);
        ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["nearest"], "--scheme", "int8-weights");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("8 linear maps", result.Output);
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(folder["nearest"], "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["small"], "model.safetensors")));
        Assert.Equal(0, ToolRunner.Run("evaluate", "perplexity", "--model", folder["small"], "--data", data).ExitCode);
    }

    [Theory]
    [InlineData("--method", "smoothquant", "--alpha", "0.6")]
    [InlineData("--method", "static", "--calibration-method", "mse", "--granularity", "tensor")]
    [InlineData("--method", "smoothquant", "--scheme", "int8-static", "--symmetric-activations")]
    [InlineData("--scheme", "int8-static", "--calibration-method", "percentile", "--percentile", "99.5")]
    [InlineData("--method", "awq", "--scheme", "int8-weights")]
    public void Quantize_MethodThatReads_GivesNearLogits(params string[] options)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(50));

        ToolResult result = ToolRunner.Run(["quantize", "--model", folder["model"], "--output", folder["small"], "--data", data, "--samples", "20", .. options]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        double[] before = Logits(folder["model"]), after = Logits(folder["small"]);
        Assert.InRange(Math.Sqrt(before.Zip(after, (a, b) => (a - b) * (a - b)).Sum() / before.Sum(a => a * a)), 1e-6, 0.1);
    }

    [Fact]
    public void Quantize_BudgetWithGroupsThatDoNotFit_EndsWith2()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(50));
        ToolResult refused = ToolRunner.Run("quantize", "--model", folder["model"], "--data", data, "--output", folder["small"], "--group-size", "32", "--budget", "50%");

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("must be divisible by --group-size (32)", refused.Error);
    }

    [Theory]
    [InlineData("gpt", "must be divisible by --group-size (32)", "--method", "awq", "--group-size", "32")]
    [InlineData("gpt", "must be divisible by --group-size (32)", "--budget", "50%", "--group-size", "32")]
    [InlineData("gpt", "the pattern 'nowhere*' fits no linear map", "--method", "gptq", "--skip", "nowhere*")]
    [InlineData("gpt", "--tied-head must be false with Int8Static", "--method", "static", "--tied-head")]
    [InlineData("gpt", "leaves the tied head alone", "--method", "gptq", "--tied-head", "--skip", "blocks*")]
    [InlineData("bert", "No linear map of a bert model reads a norm alone", "--method", "smoothquant")]
    [InlineData("bert", "--budget needs a model that predicts next tokens", "--budget", "50%")]
    [InlineData("int8", "are quantized already", "--method", "gptq")]
    public void Quantize_WhatTheModelDoesNotAllow_IsToldBeforeTextIsRead(string model, string message, params string[] options)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["gpt"]);
        TinyModel.SaveBert(folder["bert"]);
        if (model == "int8") Assert.Equal(0, ToolRunner.Run("quantize", "--model", folder["gpt"], "--output", folder["int8"]).ExitCode);
        string data = folder.Write("text.txt", "");
        File.WriteAllBytes(data, [65, 0xFF, 65]);
        Assert.Equal(3, ToolRunner.Run("quantize", "--model", folder["gpt"], "--output", folder["small"], "--data", data, "--method", "gptq").ExitCode);   // it cannot be read

        ToolResult result = ToolRunner.Run(["quantize", "--model", folder[model], "--output", folder["small"], "--data", data, .. options]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains(message, result.Error);
    }

    [Theory]
    [InlineData("awq", "int8-weights")]
    [InlineData("static", "int8-static")]
    [InlineData("smoothquant", "int8")]
    public void Quantize_FewDataForAnyMethod_EndsWith3(string method, string scheme)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(1));

        ToolResult result = ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["small"], "--method", method, "--scheme", scheme, "--data", data);

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: --data ({data}): The calibration data are too small. The linear map 'blocks.0.", result.Error);
    }

    [Theory]
    [InlineData(new[] { "--budget", "120%" }, "--budget (120%) must be a positive number of bytes, or a percentage of at most 100")]
    [InlineData(new[] { "--budget", "50%" }, "--budget needs --data")]
    [InlineData(new[] { "--budget", "50%", "--scheme", "int4", "--data", "x" }, "leave out --scheme")]
    [InlineData(new[] { "--method", "static" }, "--scheme int8-static needs --data")]
    [InlineData(new[] { "--method", "nf4", "--scheme", "int8" }, "--method nf4 goes with no other --scheme.")]
    [InlineData(new[] { "--method", "nf4" }, "must be divisible by 64, the group of 4-bit normal floats; name the map in --skip.")]
    [InlineData(new[] { "--method", "smoothquant", "--scheme", "int4" }, "goes with --scheme int8 or int8-static")]
    [InlineData(new[] { "--method", "gptq", "--scheme", "int8-static" }, "--method gptq does not go with --scheme int8-static")]
    [InlineData(new[] { "--granularity", "group" }, "must be divisible by --group-size (64)")]
    [InlineData(new[] { "--granularity", "group", "--group-size", "48" }, "--group-size (48) must be 32, 64 or 128")]
    [InlineData(new[] { "--calibration-method", "mse" }, "--calibration-method goes with --scheme int8-static.")]
    [InlineData(new[] { "--percentile", "99" }, "--percentile goes with --calibration-method percentile.")]
    [InlineData(new[] { "--symmetric" }, "--symmetric goes with --scheme int4.")]
    [InlineData(new[] { "--symmetric-activations" }, "--symmetric-activations goes with --scheme int8-static.")]
    [InlineData(new[] { "--scheme", "int4", "--granularity", "channel" }, "--granularity goes with the schemes of 8 bits; those of 4 have groups.")]
    [InlineData(new[] { "--alpha", "0.3" }, "--alpha goes with --method smoothquant.")]
    [InlineData(new[] { "--wide-scales" }, "--wide-scales goes with --scheme nf4.")]
    [InlineData(new[] { "--scheme", "nf4", "--half-scales" }, "--half-scales goes with every --scheme but nf4, whose scales have 8 bits or 32.")]
    [InlineData(new[] { "--samples", "5" }, "--data and --samples go with")]
    [InlineData(new[] { "--scheme", "int4" }, "must be divisible by --group-size (64)")]
    [InlineData(new[] { "--scheme", "int3" }, "--scheme (int3) must be int8, int8-static, int8-weights, int4 or nf4.")]
    [InlineData(new[] { "--group-size", "32" }, "--group-size goes with --scheme int4 or --granularity group.")]
    [InlineData(new[] { "--method", "gptq" }, "--method gptq needs --data")]
    [InlineData(new[] { "--skip", "nowhere*" }, "--skip: the pattern 'nowhere*' fits no linear map")]
    [InlineData(new[] { "--skip", "--json" }, "--skip (--json) must be followed by its values, which do not begin with --.")]
    public void Quantize_WrongOptions_EndsWith2(string[] options, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);

        ToolResult result = ToolRunner.Run(["quantize", "--model", folder["model"], "--output", folder["small"], .. options]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
        Assert.False(Directory.Exists(folder["small"]));
    }

    [Fact]
    public void Quantize_FewData_EndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(1));

        ToolResult result = ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["small"], "--method", "gptq", "--data", data);

        Assert.Equal(3, result.ExitCode);
        Assert.StartsWith($"error: --data ({data}): The calibration data are too small. The linear map 'blocks.0.", result.Error);
    }

    [Fact]
    public void Quantize_OutputIsTheModel_EndsWith2()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        Assert.Contains("must be another folder", ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["model"]).Error);
    }

    [Fact]
    public void Quantize_OutputThatIsThere_IsReplacedOnRequest()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        TinyModel.SaveLlama(folder["runs/other"]);
        byte[] other = File.ReadAllBytes(folder["runs/other/model.safetensors"]);

        ToolResult refused = Quantize("runs/other");
        Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
        Assert.Contains($"--output ({folder["runs/other"]}) is there already; give --overwrite to replace it, or another name.", refused.Error);
        Assert.Equal(other, File.ReadAllBytes(folder["runs/other/model.safetensors"]));
        Assert.Contains("must be another folder", ToolRunner.Run("quantize", "--model", folder["runs/other"], "--output", folder["runs"], "--overwrite").Error);
        ToolResult below = Quantize("model/config.json/x");
        Assert.Equal(2, below.ExitCode);
        Assert.Contains($"cannot be in '{folder["model/config.json"]}', which is a file", below.Error);
        Assert.Equal(0, Quantize("runs/other", "--overwrite").ExitCode);
        Assert.NotEqual(other, File.ReadAllBytes(folder["runs/other/model.safetensors"]));
        Assert.Equal(0, Quantize("new/folders/small").ExitCode);   // those above are made

        ToolResult Quantize(string output, params string[] more) => ToolRunner.Run(["quantize", "--model", folder["model"], "--output", folder[output], .. more]);
    }

    [Fact]
    public void Quantize_WhatIsQuantized_SaysWhereToStart()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["small"]);
        foreach (string command in new[] { "quantize", "prune --sparsity 0.5" })
        {
            ToolResult result = ToolRunner.Run([.. command.Split(' '), "--model", folder["small"], "--output", folder["smaller"]]);
            Assert.Equal((2, "error: 8 of 8 linear maps of the model are quantized already; start from the model that it was made from.\n"), (result.ExitCode, result.Error));
        }
    }

    private static double[] Logits(string model) =>
        [.. ToolRunner.Run("logits", "--model", model, "--ids", "5,1,2", "--json").Json().GetProperty("logits").EnumerateArray().Select(value => value.GetDouble())];
}
