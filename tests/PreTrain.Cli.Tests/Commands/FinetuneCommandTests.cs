using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;

namespace PreTrain.Cli.Tests.Commands;

public sealed class FinetuneCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public FinetuneCommandTests() => TinyModel.SaveBert(folder["bert"]);

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("classify", "accuracy macroF1 weightedF1 matthews", "classifier.weight")]
    [InlineData("tokens", "precision recall f1 macroF1 accuracy", "classifier.weight")]
    [InlineData("qa", "exactMatch f1", "qa_outputs.weight")]
    public void Finetune_EachTask_TrainsMeasuresAndIsRead(string task, string measures, string fresh)
    {
        string data = TinyTasks.Write(folder, task);

        ToolResult result = Finetune(task, data, "run", "--json");

        JsonElement json = result.Json();
        Assert.Equal(8, json.GetProperty("steps").GetInt32());
        Assert.Equal(measures.Split(' '), json.GetProperty("metrics").EnumerateObject().Select(m => m.Name));
        Assert.All(json.GetProperty("metrics").EnumerateObject(), m => Assert.InRange(m.Value.GetDouble(), -1, 1));
        Assert.Contains("New, and to be trained: ", result.Error);
        Assert.Contains(fresh, result.Error);
        Assert.Contains("Left out of the folder: cls.predictions.", result.Error);
        ToolResult evaluated = ToolRunner.Run("evaluate", task, "--model", folder["run"], "--data", data, "--validation-fraction", "0.25", "--json");
        Assert.Equal(json.GetProperty("metrics").GetRawText(), evaluated.Json().GetProperty("metrics").GetRawText());
        // run.json repeats the run.
        ToolResult again = ToolRunner.Run("finetune", task, "--config", folder["run/run.json"], "--output", folder["again"]);
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Equal(File.ReadAllBytes(folder["run/model/model.safetensors"]), File.ReadAllBytes(folder["again/model/model.safetensors"]));
        Assert.Equal(File.ReadAllText(folder["run/run.json"]), ToolRunner.Run("finetune", task, "--config", folder["run/run.json"], "--print-config").Output);
    }

    [Theory]
    [InlineData("classify", "a.csv", "text,label\none,x\ntwo,y\nthree,x\nfour,y\n", "y x z")]
    [InlineData("tokens", "a.conll", "one B-X\n\ntwo O\n\nthree B-X\n\nfour B-X\nI-X I-X\n", "O I-X B-X B-Y I-Y")]
    public void Finetune_ModelThatTellsAllLabels_KeepsItsHead(string task, string name, string content, string labels)
    {
        string data = folder.Write(name, content);
        string[] Arguments(string model, string output, params string[] more) => ["finetune", task, "--model", folder[model], "--data", data, "--output", folder[output], "--steps", "2", "--validation-fraction", "0.25", "--report", "none", "--device", "cpu", .. more];
        Assert.Equal(0, ToolRunner.Run(Arguments("bert", "first", ["--labels", .. labels.Split(' ')])).ExitCode);

        ToolResult again = ToolRunner.Run(Arguments("first", "run"));

        Assert.True(again.ExitCode == 0, again.Error);
        Assert.DoesNotContain("New, and to be trained", again.Error);
        Assert.Equal(labels.Split(' '), LabelSet.FromConfig(JsonNode.Parse(File.ReadAllText(folder["run/model/config.json"]))!.AsObject())!.Names);
    }

    [Fact]
    public void Predict_EachHead_SaysWhatTheLibrarySays()
    {
        foreach (string task in new[] { "classify", "tokens", "qa" }) Assert.Equal(0, Finetune(task, TinyTasks.Write(folder, task), task, "--quiet").ExitCode);
        const string text = "The method returns an empty string.";

        JsonElement said = ToolRunner.Run("predict", "--model", folder["classify"], "--text", text, "--text", "A stream reads two keys.", "--json").Json().GetProperty("predictions");
        using TextClassifier classifier = TextClassifier.FromPretrained(folder["classify/model"]);
        ClassifiedText expected = classifier.Predict([text], cancellationToken: TestContext.Current.CancellationToken)[0];
        Assert.Equal(2, said.GetArrayLength());
        Assert.Equal(expected.Labels[0], said[0].GetProperty("labels")[0].GetString());
        Assert.Equal(expected.Probabilities[0], said[0].GetProperty("probabilities").GetProperty(classifier.Labels[0]).GetDouble(), 1e-5);

        using NameFinder finder = NameFinder.FromPretrained(folder["tokens/model"]);
        JsonElement names = ToolRunner.Run("predict", "--model", folder["tokens"], "--file", folder.Write("lines.txt", text + "\n"), "--json").Json().GetProperty("predictions")[0].GetProperty("names");
        Assert.Equal(finder.Predict([text], cancellationToken: TestContext.Current.CancellationToken)[0].Names.Select(n => (n.Type, n.Start, n.End)), names.EnumerateArray().Select(n => (n.GetProperty("type").GetString()!, n.GetProperty("start").GetInt32(), n.GetProperty("end").GetInt32())));

        using AnswerFinder answers = AnswerFinder.FromPretrained(folder["qa/model"]);
        JsonElement found = ToolRunner.Run("predict", "--model", folder["qa"], "--question", "What reads?", "--text", text, "--count", "3", "--json").Json().GetProperty("predictions");
        Assert.Equal(answers.Predict("What reads?", text, new() { Count = 3 }, cancellationToken: TestContext.Current.CancellationToken).Select(a => a.Text), found.EnumerateArray().Select(a => a.GetProperty("answer").GetString()!));
        // Places count characters, as the data sets do: an emoji is one.
        JsonElement[] shifted = [.. ToolRunner.Run("predict", "--model", folder["qa"], "--question", "What reads?", "--text", "😀 " + text, "--count", "9", "--json").Json().GetProperty("predictions").EnumerateArray().Where(a => a.GetProperty("answer").GetString() is { } said && text.Contains(said))];
        Assert.NotEmpty(shifted);
        Assert.All(shifted, a => Assert.Equal(a.GetProperty("answer").GetString(), text[(a.GetProperty("start").GetInt32() - 2)..(a.GetProperty("end").GetInt32() - 2)]));
        Assert.Contains(found[0].GetProperty("answer").GetString()!, ToolRunner.Run("predict", "--model", folder["qa"], "--question", "What reads?", "--text", text).Output);
    }

    [Theory]
    [InlineData("predict --model bert --text a", "has the head MaskedLanguageModel, and says nothing of texts. Fine-tune it first: pretrain finetune.")]
    [InlineData("predict --model bert", "Either --text or --file must be given.")]
    [InlineData("finetune classify --model bert --data a.csv --output run --steps 3 --epochs 2", "--steps and --epochs exclude each other")]
    [InlineData("finetune classify --model bert --data a.csv --output run --lora-alpha 2", "--lora-alpha belongs to --adapter lora, dora or hira.")]
    [InlineData("finetune classify --model bert --data a.csv --output run --adapter ia3 --lora-rank 2 --quantize-base nf4", "--lora-rank, --quantize-base belong to --adapter lora, dora or hira.")]
    [InlineData("finetune classify --model bert --data a.csv --output run --lora-start gradient", "--lora-start belongs to --adapter lora, dora or hira.")]
    [InlineData("finetune classify --model bert --data a.csv --output run --adapter lora --lora-start gradient --quantize-base nf4", "--lora-start gradient needs the gradient of weights")]
    [InlineData("finetune embed --model bert --data a.csv --output run --adapter lora --lora-start gradient", "--lora-start gradient does not go with sentence embeddings.")]
    [InlineData("finetune classify --model bert --data a.csv --output run --adapter lora --adapter-size 2", "--adapter-size belongs to --adapter bottleneck, prefix or prompt.")]
    [InlineData("finetune classify --model bert --data a.csv --output run --adapter hydra", "--adapter (hydra) must be lora, dora, hira, ia3, bottleneck, prefix, prompt or bitfit.")]
    [InlineData("finetune classify --model bert --data a.csv --output bert", "holds the model that is read")]
    [InlineData("finetune qa --model bert --data a.json --output run --labels a", "--labels is of no effect with questions")]
    [InlineData("finetune classify --model bert --data sdk-docs --output run --task multi", "--task must be single with --data sdk-docs")]
    [InlineData("finetune tokens --model bert --data a.conll --output bert/config.json", "is a file; it must be a folder")]
    [InlineData("finetune classify --model bert --data a.csv --output run --adapter lora --lora-targets --json", "--lora-targets (--json) must be followed by its values, which do not begin with --.")]
    public void Tool_OptionsThatDoNotFit_AreRefused(string command, string message)
    {
        ToolResult result = ToolRunner.Run([.. command.Split(' ').Select(word => word is "bert" or "run" or "bert/config.json" ? folder[word] : word)]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData("classify", "a.csv", "text,label\none,x\ntwo,z\n", "Line 3 of the file", "its label ('z') is not one of x, y")]
    [InlineData("classify", "a.csv", "text,label\none,x\n\"two,y\nthree,y\n", "Line 3 of the file", "a quote opens a field, and none closes it")]
    [InlineData("tokens", "a.jsonl", "{\"text\":\"one\",\"spans\":[{\"start\":0,\"end\":9,\"label\":\"A\"}]}", "Line 1 of the file", "lies beyond the text of 3 characters")]
    [InlineData("tokens", "a.conll", "one B-Z\n", "Line 1 of the file", "its tag ('B-Z') is not one of x, y")]
    [InlineData("qa", "a.json", """{"data":[{"paragraphs":[{"context":"Bob slept.","qas":[{"id":"q7","question":"Who?","answers":[{"text":"Ada","answer_start":0}]}]}]}]}""", "the question 'q7'", "does not occur in it")]
    public void Finetune_BrokenData_IsRefusedBeforeAnythingIsWritten(string task, string name, string content, string place, string message)
    {
        string[] labels = task == "qa" || name == "a.jsonl" ? [] : ["--labels", "x", "y"];
        ToolResult result = ToolRunner.Run(["finetune", task, "--model", folder["bert"], "--data", folder.Write(name, content), "--output", folder["run"], .. labels]);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains(place, result.Error);
        Assert.Contains(message, result.Error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData("classify", "--lora-targets nowhere", "--lora-targets: the pattern 'nowhere' fits no linear map")]
    [InlineData("classify", "--adapter prefix --adapter-size 29", "--adapter-size (29) must be below the model's context (29 tokens).")]
    [InlineData("classify", "--text-field label", "--text-field, --pair-field and --label-field (label, label) must be different.")]
    [InlineData("qa", "--context 7", "--context (7) must be at least 8.")]
    public void Finetune_WhatTheLibraryRefuses_IsSaidWithTheNamesOfOptions(string task, string options, string message)
    {
        string[] adapter = options.StartsWith("--lora", StringComparison.Ordinal) ? ["--adapter", "lora"] : [];
        ToolResult result = Finetune(task, TinyTasks.Write(folder, task), "run", [.. adapter, .. options.Split(' ')]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    [Fact]
    public void Finetune_HeadThatTheFamilyLacks_NamesTheFolder()
    {
        TinyModel.Save(folder["gpt"]);
        ToolResult result = ToolRunner.Run("finetune", "tokens", "--model", folder["gpt"], "--data", TinyTasks.Write(folder, "tokens"), "--output", folder["run"]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"The model in '{folder["gpt"]}' is not for this: A GptModel has no head TokenClassification; it has", result.Error);
    }

    [Fact]
    public void Finetune_SynonymsThatAreNotThere_SaysSo()
    {
        ToolResult result = Finetune("classify", TinyTasks.Write(folder, "classify"), "run", "--augment", "0.5", "--synonyms", folder["none.txt"]);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains($"The file '{folder["none.txt"]}' does not exist, or not any more. Check its name", result.Error);
    }

    [Fact]
    public void Finetune_Numbers_HaveNoPerplexity()
    {
        string data = folder.Write("numbers.csv", "text,label\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"The method {i}.,{i}\n")));
        JsonElement json = Finetune("classify", data, "run", "--task", "number", "--json").Json();
        Assert.Equal(JsonValueKind.Null, json.GetProperty("validationPerplexity").ValueKind);
        Assert.Equal(JsonValueKind.Number, json.GetProperty("validationLoss").ValueKind);
    }

    [Fact]
    public void Evaluate_LabelThatTheModelLacks_NamesTheLine()
    {
        Assert.Equal(0, Finetune("classify", TinyTasks.Write(folder, "classify"), "run").ExitCode);
        ToolResult result = ToolRunner.Run("evaluate", "classify", "--model", folder["run"], "--data", folder.Write("other.csv", "text,label\nA stream,returns\nA stream,flies\n"));
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("Line 3 of the file", result.Error);
        Assert.Contains("its label ('flies') is not one of compares, holds, reads, represents, returns, writes", result.Error);
    }

    [Fact]
    public void Finetune_BalanceAndAugmentation_ChangeWhatIsLearned()
    {
        string data = TinyTasks.Write(folder, "classify"), synonyms = folder.Write("synonyms.txt", "returns,gives\nstream,flow\n");
        string[] runs = [.. new[] { "", "--class-weights balanced", "--class-weights effective", "--sampling oversample", "--augment 0.5", $"--augment 0.5 --synonyms {synonyms}" }.Select((options, i) =>
        {
            ToolResult result = Finetune("classify", data, $"run-{i}", options.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            Assert.True(result.ExitCode == 0, result.Error);
            return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(folder[$"run-{i}/model/model.safetensors"])));
        })];
        Assert.Equal(runs.Length, runs.Distinct().Count());
        ToolResult again = ToolRunner.Run("finetune", "classify", "--config", folder["run-5/run.json"], "--output", folder["again"]);
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Equal(File.ReadAllBytes(folder["run-5/model/model.safetensors"]), File.ReadAllBytes(folder["again/model/model.safetensors"]));
        foreach (var (options, message) in new[] { ("--synonyms x", "--synonyms goes with --augment."), ("--task multi --class-weights balanced", "--class-weights goes with --task single."), ("--sampling twice", "--sampling (twice) must be as-is, oversample") })
            Assert.Contains(message, Finetune("classify", data, "refused", options.Split(' ')).Error);
        Assert.False(Directory.Exists(folder["refused"]));
    }

    [Fact]
    public void Finetune_Lora_SavesTheAdapterAndAModelThatIsRead()
    {
        string data = TinyTasks.Write(folder, "classify");
        JsonElement json = Finetune("classify", data, "run", "--lora-rank", "2", "--warmup-steps", "3", "--json").Json();
        Assert.True(File.Exists(folder["run/model/adapter_model.safetensors"]));
        Assert.False(File.Exists(folder["run/model/model.safetensors"]));
        JsonElement merged = ToolRunner.Run("evaluate", "classify", "--model", folder["run"], "--data", data, "--validation-fraction", "0.25", "--json").Json();
        Assert.Equal(json.GetProperty("metrics").GetProperty("accuracy").GetDouble(), merged.GetProperty("metrics").GetProperty("accuracy").GetDouble(), 1e-9);
        using TextClassifier classifier = TextClassifier.FromPretrained(folder["run/merged"]);
        Assert.Equal(6, classifier.Labels.Count);
    }

    [Theory]
    [InlineData("lora --lora-rank 3 --lora-targets *query *value", true)]
    [InlineData("dora --lora-rank 3 --lora-start gradient", true)]
    [InlineData("dora --lora-dropout 0.1 --ema 0.9", true)]
    [InlineData("hira --lora-rank 3 --lora-alpha 9 --ema 0.9", true)]
    [InlineData("hira --lora-start gradient --precision bf16", true)]
    [InlineData("ia3", true)]
    [InlineData("bitfit --precision bf16", true)]
    [InlineData("bottleneck --adapter-size 5", false)]
    [InlineData("prefix --adapter-size 3 --precision bf16", false)]
    [InlineData("prompt --adapter-size 3", false)]
    public void Finetune_EachAdapter_IsUsedByTheToolAsItWasMeasured(string adapter, bool merges)
    {
        string data = TinyTasks.Write(folder, "classify");

        ToolResult result = Finetune("classify", data, "run", ["--adapter", .. adapter.Split(' '), "--learning-rate", "0.02", "--json"]);

        JsonElement trained = result.Json().GetProperty("metrics");
        Assert.Contains($"An adapter ({adapter.Split(' ')[0]}) of ", result.Error);
        Assert.True(File.Exists(folder["run/model/adapter_model.safetensors"]));
        Assert.Equal(merges, Directory.Exists(folder["run/merged"]));
        Assert.Equal(!merges, Directory.Exists(folder["run/base"]));
        JsonElement measured = ToolRunner.Run("evaluate", "classify", "--model", folder["run"], "--data", data, "--validation-fraction", "0.25", "--json").Json().GetProperty("metrics");
        foreach (JsonProperty metric in trained.EnumerateObject()) Assert.Equal(metric.Value.GetDouble(), measured.GetProperty(metric.Name).GetDouble(), 1e-6);
        ToolResult repeated = ToolRunner.Run("finetune", "classify", "--config", folder["run/run.json"], "--output", folder["again"]);
        Assert.True(repeated.ExitCode == 0, repeated.Error);
        Assert.Equal(File.ReadAllBytes(folder["run/model/adapter_model.safetensors"]), File.ReadAllBytes(folder["again/model/adapter_model.safetensors"]));
        // Without the adapter the head alone would have to tell the classes; the adapter must matter.
        string said = ToolRunner.Run("predict", "--model", folder["run"], "--text", "A stream reads two keys.", "--json").Output;
        if (!merges) Assert.NotEqual(said, ToolRunner.Run("predict", "--model", folder["run/base"], "--text", "A stream reads two keys.", "--json").Output);
    }

    [Fact]
    public void Tool_ModelWithAnAdapterBeside_IsNotMadeIntoAnother()
    {
        string data = TinyTasks.Write(folder, "classify");
        Assert.Equal(0, Finetune("classify", data, "run", "--adapter", "prefix").ExitCode);
        string[] commands = ["quantize --output x", "prune --sparsity 0.5 --output x", "export onnx --output x.onnx", "lora merge --adapter run --output x", $"finetune classify --data {data} --output x"];
        foreach (string command in commands)
        {
            ToolResult result = ToolRunner.Run([.. command.Split(' ').Select(word => word is "run" or "x" or "x.onnx" ? folder[word] : word), "--model", folder["run"]]);
            Assert.Equal(2, result.ExitCode);
            Assert.Contains("is a model with an adapter beside it", result.Error);
        }
        ToolResult teacher = ToolRunner.Run("distill", "--teacher", folder["run"], "--data", data, "--output", folder["x"], "--layers", "1");
        Assert.Equal(2, teacher.ExitCode);
        Assert.Contains("--teacher (", teacher.Error);
        Assert.Contains("is a model with an adapter beside it", teacher.Error);
        ToolResult other = ToolRunner.Run("embed", "--model", folder["run"], "--text", "A stream");
        Assert.Equal(2, other.ExitCode);
        Assert.Contains("has an adapter beside it, which cannot be read together with the head None", other.Error);

        // A run without an adapter leaves nothing of it behind, and what no run made stays.
        Assert.Equal(0, Finetune("classify", data, "run", "--overwrite").ExitCode);
        Assert.False(Directory.Exists(folder["run/base"]));
        folder.Write("mine/merged/notes.txt", "kept");
        Assert.Equal(0, Finetune("classify", data, "mine").ExitCode);
        Assert.True(File.Exists(folder["mine/merged/notes.txt"]));
    }

    [Fact]
    public void Finetune_OtherAdapterThanTheFileSays_SetsItsOptionsAside()
    {
        string data = TinyTasks.Write(folder, "classify");
        Assert.Equal(0, Finetune("classify", data, "run", "--adapter", "lora", "--lora-rank", "3").ExitCode);

        ToolResult result = ToolRunner.Run("finetune", "classify", "--config", folder["run/run.json"], "--output", folder["again"], "--adapter", "bottleneck");

        Assert.True(result.ExitCode == 0, result.Error);
        JsonElement adapter = JsonDocument.Parse(File.ReadAllText(folder["again/run.json"])).RootElement.GetProperty("adapter");
        Assert.Equal(("bottleneck", 64), (adapter.GetProperty("adapter").GetString(), adapter.GetProperty("adapter-size").GetInt32()));
        Assert.Equal(JsonValueKind.Null, adapter.GetProperty("lora-rank").ValueKind);
    }

    [Fact]
    public void Finetune_Bottleneck_LeavesTheModelAsItWasButForItsNewHead()
    {
        string data = TinyTasks.Write(folder, "classify");
        Assert.Equal(0, Finetune("classify", data, "first").ExitCode);

        ToolResult result = ToolRunner.Run("finetune", "classify", "--model", folder["first"], "--data", data, "--output", folder["run"], "--adapter", "bottleneck", "--steps", "4", "--batch", "5", "--learning-rate", "0.02", "--report", "none");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(File.ReadAllBytes(folder["first/model/model.safetensors"]), File.ReadAllBytes(folder["run/base/model.safetensors"]));
        // A head that the folder lacked is in the base as it was trained.
        Assert.Equal(0, Finetune("classify", data, "new", "--adapter", "bottleneck").ExitCode);
        using var whole = PreTrain.Checkpoints.CheckpointTensors.Open(folder["new/base"]);
        using var former = PreTrain.Checkpoints.CheckpointTensors.Open(folder["bert"]);
        using var adapter = PreTrain.Checkpoints.CheckpointTensors.Open(folder["new/model/adapter_model.safetensors"]);
        using TorchSharp.DisposeScope scope = TorchSharp.torch.NewDisposeScope();
        Assert.True(whole.Read("classifier.weight").Equals(adapter.Read("base_model.model.classifier.weight")));
        foreach (string name in former.Names.Intersect(whole.Names)) Assert.True(whole.Read(name).Equals(former.Read(name)), name);
    }

    [Fact]
    public void Finetune_ClassifierOfALlamaBesideAnAdapter_IsTrained()
    {
        string data = TinyTasks.Write(folder, "classify");
        TinyModel.SaveLlama(folder["llama"]);
        string[] small = ["--data", data, "--steps", "2", "--batch", "5", "--warmup-steps", "1", "--learning-rate", "0.02", "--report", "none"];
        Assert.Equal(0, ToolRunner.Run(["finetune", "classify", "--model", folder["llama"], "--output", folder["first"], .. small]).ExitCode);

        ToolResult result = ToolRunner.Run(["finetune", "classify", "--model", folder["first"], "--output", folder["run"], "--adapter", "lora", "--quantize-base", "int8", .. small]);

        Assert.True(result.ExitCode == 0, result.Error);
        using var before = PreTrain.Checkpoints.CheckpointTensors.Open(folder["first/model"]);
        using var after = PreTrain.Checkpoints.CheckpointTensors.Open(folder["run/merged"]);
        using TorchSharp.DisposeScope scope = TorchSharp.torch.NewDisposeScope();
        Assert.False(before.Read("score.weight").Equals(after.Read("score.weight")));
    }

    [Theory]
    [InlineData("classify")]
    [InlineData("tokens")]
    [InlineData("qa")]
    public void Evaluate_WeightsThatAreNotFinite_EndsWith4(string task)
    {
        string data = TinyTasks.Write(folder, task);
        Assert.Equal(0, Finetune(task, data, "run").ExitCode);
        using (ITransformerModel model = AutoModel.FromPretrained(folder["run/model"]))
        {
            using IDisposable mode = TorchSharp.torch.no_grad();
            foreach (var parameter in ((TorchSharp.torch.nn.Module)model).parameters()) parameter.fill_(float.NaN);
            model.SavePretrained(folder["run/model"]);
        }

        ToolResult result = ToolRunner.Run("evaluate", task, "--model", folder["run"], "--data", data);

        Assert.Equal((4, ""), (result.ExitCode, result.Output));
        Assert.Contains("is not finite", result.Error);
        ToolResult predicted = ToolRunner.Run(["predict", "--model", folder["run"], "--text", "A stream", .. task == "qa" ? new[] { "--question", "What?" } : []]);
        Assert.Equal((4, ""), (predicted.ExitCode, predicted.Output));
    }

    [Fact]
    public void Predict_File_SaysSomethingOfEachLineAndNamesTheBlankOne()
    {
        Assert.Equal(0, Finetune("classify", TinyTasks.Write(folder, "classify"), "run").ExitCode);
        JsonElement Said(string text) => ToolRunner.Run("predict", "--model", folder["run"], "--file", folder.Write("lines.txt", text), "--json").Json().GetProperty("predictions");
        Assert.Equal(2, Said("A stream\u0085reads\u2028two\fkeys.\r\n The method\n").GetArrayLength());

        ToolResult blank = ToolRunner.Run("predict", "--model", folder["run"], "--file", folder.Write("blank.txt", "A stream\n\nThe method\n"));

        Assert.Equal(3, blank.ExitCode);
        Assert.Contains($"The file '{folder["blank.txt"]}' has no text in line 2.", blank.Error);
    }

    [Fact]
    public void Finetune_EpochsBesideAFileWithSteps_Win()
    {
        string data = TinyTasks.Write(folder, "classify");
        Assert.Equal(0, Finetune("classify", data, "run").ExitCode);

        ToolResult result = ToolRunner.Run("finetune", "classify", "--config", folder["run/run.json"], "--output", folder["again"], "--epochs", "0.25", "--json");

        Assert.Equal(3, result.Json().GetProperty("steps").GetInt32());   // 45 rows, 5 a step
    }

    [Fact]
    public void Finetune_TextsThatDoNotFit_AreCounted()
    {
        ToolResult result = Finetune("classify", TinyTasks.Write(folder, "classify"), "run", "--context", "6");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("60 texts are longer than a row, and what lies behind it is cut off.", result.Error);
        ToolResult one = Finetune("classify", folder.Write("one.csv", "text,label\na,x\nb,x\n"), "other", "--labels", "x");
        Assert.Equal(2, one.ExitCode);
        Assert.Contains("--labels (x) must be at least two where each text has one", one.Error);
    }

    [Theory]
    [InlineData("nf4")]
    [InlineData("int8")]
    public void Finetune_QuantizedBase_IsMergedIntoTheWeightsAsTheyWere(string scheme)
    {
        using (var model = new PreTrain.Models.Bert.BertModel(new() { VocabSize = 97, ContextLength = 29, LayerCount = 1, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 64, InitializerRange = 0.3 }, ModelHead.MaskedLanguageModel, new PreTrain.Torch.RandomStreams(3).CreateGenerator("init")))
        {
            model.SavePretrained(folder["wide"]);
            File.Copy(folder["bert/tokenizer.json"], folder["wide/tokenizer.json"]);
        }

        ToolResult result = ToolRunner.Run("finetune", "classify", "--model", folder["wide"], "--data", TinyTasks.Write(folder, "classify"), "--output", folder["run"], "--adapter", "lora", "--quantize-base", scheme, "--steps", "3", "--batch", "4", "--quiet", "--json");

        Assert.True(result.ExitCode == 0, result.Error);
        JsonElement measured = ToolRunner.Run("evaluate", "classify", "--model", folder["run"], "--data", folder["classify.csv"], "--validation-fraction", "0.1", "--json").Json();
        Assert.Equal(measured.GetProperty("metrics").GetRawText(), result.Json().GetProperty("metrics").GetRawText());
        const string Map = "bert.encoder.layer.0.attention.self.query";
        using var before = PreTrain.Checkpoints.CheckpointTensors.Open(folder["wide"]);
        using var after = PreTrain.Checkpoints.CheckpointTensors.Open(folder["run/merged"]);
        using var adapter = PreTrain.Checkpoints.CheckpointTensors.Open(folder["run/model/adapter_model.safetensors"]);
        using TorchSharp.DisposeScope scope = TorchSharp.torch.NewDisposeScope();
        TorchSharp.torch.Tensor update = adapter.Read($"base_model.model.{Map}.lora_B.weight").mm(adapter.Read($"base_model.model.{Map}.lora_A.weight")) * 2;   // α / r = 16 / 8
        TorchSharp.torch.Tensor expected = before.Read($"{Map}.weight") + update;
        Assert.True(update.abs().max().item<float>() > 1e-6);
        Assert.True(expected.allclose(after.Read($"{Map}.weight"), rtol: 1e-6, atol: 1e-7));
    }

    [Fact]
    public void Finetune_ResumedWithFrozenBlocks_EndsAsTheUninterrupted()
    {
        string data = TinyTasks.Write(folder, "tokens");
        string[] options = ["--freeze", "encoder.blocks.0.*", "--layer-decay", "0.8", "--checkpoint-every", "4"];
        foreach (string run in new[] { "a", "b" }) Assert.Equal(0, Finetune("tokens", data, run, options).ExitCode);
        Directory.Delete(folder["b/checkpoints/step-000008"], recursive: true);
        Directory.Delete(folder["b/model"], recursive: true);
        ToolResult resumed = Finetune("tokens", data, "b", [.. options, "--resume"]);
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Equal(File.ReadAllBytes(folder["a/model/model.safetensors"]), File.ReadAllBytes(folder["b/model/model.safetensors"]));
        Assert.Equal(TinyRun.Metrics(folder["a"]), TinyRun.Metrics(folder["b"]));
    }

    [Fact]
    public void Finetune_Epochs_AreEveryRowSoManyTimes()
    {
        string data = TinyTasks.Write(folder, "classify");
        ToolResult result = ToolRunner.Run("finetune", "classify", "--model", folder["bert"], "--data", data, "--output", folder["run"], "--epochs", "0.5", "--batch", "5", "--warmup-steps", "2", "--validation-fraction", "0.25", "--report", "none", "--json");
        Assert.Equal(5, result.Json().GetProperty("steps").GetInt32());   // 45 of 60 rows are learned
        Assert.Contains("60 texts of 6 classes, of which 45 rows are learned", result.Error);
    }

    [Fact]
    public void Finetune_PatienceOfEpochs_CountsAnEvaluationAfterEach()
    {
        string data = TinyTasks.Write(folder, "classify");
        ToolResult Tune(string output, params string[] more) => ToolRunner.Run(["finetune", "classify", "--model", folder["bert"], "--data", data, "--output", folder[output], "--batch", "5", "--validation-fraction", "0.25", "--report", "none", "--patience", "1", .. more]);

        // An improvement that no update brings.
        ToolResult result = Tune("run", "--epochs", "3", "--minimum-delta", "9", "--json");

        Assert.Equal(18, result.Json().GetProperty("steps").GetInt32());   // of 27: 45 rows are learned
        Assert.DoesNotContain("cannot end early", result.Error);
        Assert.Contains("warning: The training cannot end early: after a first evaluation it takes 1 without an improvement, and there are 1 before the last of 18 steps.", Tune("short", "--epochs", "2").Error);
        Assert.Contains("and there are 0 before the last of 18 steps. Evaluate more often than every 250 steps.", Tune("steps", "--steps", "18").Error);
    }

    [Fact]
    public void Finetune_OverwriteCancelledBeforeTheFirstStep_LeavesTheWholeModelOfTheFormer()
    {
        string data = TinyTasks.Write(folder, "classify");
        string[] arguments = ["finetune", "classify", "--model", folder["bert"], "--data", data, "--output", folder["run"], "--steps", "2", "--batch", "5", "--report", "none", "--device", "cpu"];
        ToolResult former = ToolRunner.Run([.. arguments, "--adapter", "lora"]);
        Assert.True(former.ExitCode == 0, former.Error);
        Dictionary<string, byte[]> before = Contents();

        ToolResult cancelled = CancellingWriter.Run(CancellingWriter.BeforeTheFirstStep, [.. arguments, "--overwrite"]);

        Assert.True(cancelled.ExitCode == 130, cancelled.Error);
        Assert.Equal(before, Contents());
        Assert.Equal(0, ToolRunner.Run([.. arguments, "--overwrite"]).ExitCode);
        Assert.False(Directory.Exists(folder["run/merged"]));
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));

        Dictionary<string, byte[]> Contents() => Directory.EnumerateFiles(folder["run"], "*", SearchOption.AllDirectories).ToDictionary(path => path, File.ReadAllBytes);
    }

    [Fact]
    public void Finetune_ResumeWithOtherFrozenParameters_NamesTheOption()
    {
        string data = TinyTasks.Write(folder, "classify");
        Assert.Equal(0, Finetune("classify", data, "run").ExitCode);

        ToolResult resumed = Finetune("classify", data, "run", "--resume", "--freeze", "encoder.blocks.0.*");

        Assert.Equal(2, resumed.ExitCode);
        Assert.Contains("frozen (checkpoint: missing, now: [", resumed.Error);
        Assert.Contains("--freeze must name the same parameters", resumed.Error);
    }

    private ToolResult Finetune(string task, string data, string output, params string[] more) => ToolRunner.Run(
    [
        "finetune", task, "--model", folder["bert"], "--data", data, "--output", folder[output], "--steps", "8", "--batch", "5", "--validation-fraction", "0.25", "--evaluate-every", "0", "--log-every", "1",
        "--report", "none", "--device", "cpu", .. more,
    ]);
}
