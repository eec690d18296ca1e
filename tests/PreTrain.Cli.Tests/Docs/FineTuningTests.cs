using System.Text.Json;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/fine-tuning.md says.</summary>
public class FineTuningTests
{
    private const string Page = "docs/fine-tuning.md";

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        File.Move(TinyTasks.Write(folder, "classify"), folder["classes.csv"]);
        File.Move(TinyTasks.Write(folder, "tokens"), folder["names.conll"]);
        File.Move(TinyTasks.Write(folder, "qa"), folder["questions.json"]);

        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--epochs", "0.2"), ("--context", "32"));

        Assert.Equal(10, runs.Count);
        Assert.InRange(runs[3].Result.Json().GetProperty("metrics").GetProperty("accuracy").GetDouble(), 0, 1);
        Assert.True(File.Exists(folder["runs/names/merged/model.safetensors"]));
    }

    [Fact]
    public void Code_OfThePage_TrainsAClassifierAndAnAdapter()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["runs/read/model"]);
        File.Move(TinyTasks.Write(folder, "classify"), folder["classes.csv"]);
        Repository.In(folder.Path, () =>
        {
            Classify();
            Adapt();
        });
        using TextClassifier saved = TextClassifier.FromPretrained(folder["runs/classifier/model"]), merged = TextClassifier.FromPretrained(folder["runs/adapter/merged"]);
        Assert.Equal((6, 6), (saved.Labels.Count, merged.Labels.Count));
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/FineTuningTests.cs"));
        var tested = new List<string>();
        for (int begin = 0; (begin = Array.FindIndex(code, begin, line => line.Trim() == "// begin") + 1) > 0;)
        {
            int end = Array.FindIndex(code, begin, line => line.Trim() == "// end");
            tested.Add(string.Concat(code[begin..end].Select(line => line.Trim() + "\n")));
            begin = end;
        }
        Assert.Equal(Repository.CodeBlocks(Page, "csharp").Select(block => block.Replace("Steps = 300,", "Steps = 3,", StringComparison.Ordinal)), tested);
    }

    private static void Classify()
    {
        // begin
        LabelledTexts texts = LabelledTexts.FromFiles(new(), "classes.csv");
        TextTokenizer tokenizer = TextTokenizer.Load("runs/read/model");
        ITransformerModel model = AutoModel.FromPretrained("runs/read/model", ModelHead.SequenceClassification, options: new() { Labels = texts.Labels, Task = texts.Task });
        Console.WriteLine($"New: {string.Join(", ", LoadedWeights.Of(model)!.New)}");
        new Trainer(new TrainingOptions { Output = "runs/classifier", Steps = 3, LearningRate = 5e-4, Tokenizer = tokenizer }).Run(model, new SequenceClassification(texts, tokenizer));
        using var classifier = new TextClassifier(model, tokenizer);
        ClassifiedText said = classifier.Predict(["A stream reads two keys."])[0];
        Console.WriteLine($"{said.Labels[0]}: {said.Probabilities.Max():P0}");
        // end
    }

    private static void Adapt()
    {
        LabelledTexts texts = LabelledTexts.FromFiles(new(), "classes.csv");
        TextTokenizer tokenizer = TextTokenizer.Load("runs/read/model");
        using ITransformerModel model = AutoModel.FromPretrained("runs/read/model", ModelHead.SequenceClassification, options: new() { Labels = texts.Labels });
        var objective = new SequenceClassification(texts, tokenizer);
        // begin
        using var adapter = new LoraAdapter(model, new LoraOptions { Rank = 8 });
        new Trainer(new TrainingOptions { Output = "runs/adapter", Steps = 3, Weights = adapter }).Run(model, objective);
        adapter.Merge();
        model.SavePretrained("runs/adapter/merged");
        // end
        tokenizer.Save("runs/adapter/merged");
    }
}
