using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/fine-tuning-ways.md says.</summary>
public class FineTuningWaysTests
{
    private const string Page = "docs/fine-tuning-ways.md";

    [Fact]
    public void Commands_OfThePage_MergeWhatItsCodeTrained()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["runs/sdk/model"]);
        using TokenStore tokens = TokenStore.Build([TinyModel.Text(300)], TextTokenizer.Load(folder["runs/sdk/model"]), folder["tokens"], cancellationToken: TestContext.Current.CancellationToken);
        Repository.In(folder.Path, () => Tune(tokens));
        byte[] merged = File.ReadAllBytes(folder["runs/merged/model.safetensors"]);
        folder.Write("pairs.tsv", "source\ttarget\n" + string.Concat(Enumerable.Repeat("The method\treturns.\n", 9)));

        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "pairs.tsv"));

        Assert.Equal(4, runs.Count);
        Assert.Equal(merged, File.ReadAllBytes(folder["runs/merged/model.safetensors"]));   // the tool's is the program's
        Assert.Equal(2, runs[2].Result.Json().GetProperty("adapters").GetArrayLength());
    }

    [Fact]
    public void Classification_OfThePage_Trains()
    {
        using var folder = new TemporaryFolder();
        BertConfig config = TinyModel.SaveBert(folder["bert"], ModelHead.SequenceClassification);
        string[] lines = TinyModel.Text(60).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var labelled = new LabelledTexts([.. lines.Select((line, i) => new LabelledText { Text = line, Labels = [i % config.LabelCount] })], new(["a", "b", "c", "d", "e"]));
        using BertModel model = BertModel.FromPretrained(folder["bert"]);
        Repository.In(folder.Path, () => Classify(model, labelled, TextTokenizer.Load(folder["bert"])));
        Assert.True(File.Exists(folder["runs/classes/model/model.safetensors"]));
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/FineTuningWaysTests.cs"));
        int[] begins = [.. Enumerable.Range(0, code.Length).Where(i => code[i].Trim() == "// begin")], ends = [.. Enumerable.Range(0, code.Length).Where(i => code[i].Trim() == "// end")];
        IEnumerable<string> tested = begins.Zip(ends, (begin, end) => string.Concat(code[(begin + 1)..end].Select(line => line.Trim() + "\n")));
        Assert.Equal(Repository.CodeBlocks(Page, "csharp").Select(block => block.Replace("Steps = 500,", "Steps = 3,", StringComparison.Ordinal)), tested);
    }

    private static void Tune(TokenStore tokens)
    {
        // begin
        using var model = GptModel.FromPretrained("runs/sdk/model");
        using IAdapter adapter = new LoraAdapter(model, new LoraOptions { Rank = 8 });
        new Trainer(new TrainingOptions { Output = "runs/tuned", Steps = 3, Weights = adapter }).Run(model, new CausalLanguageModeling(tokens));
        adapter.Merge();
        model.SavePretrained("runs/merged");
        // end
    }

    private static void Classify(BertModel classifier, LabelledTexts labelled, TextTokenizer tokenizer)
    {
        // begin
        var texts = new SequenceClassification(labelled, tokenizer, new() { Sampling = ClassSampling.Oversample, Augmentation = new() { SwapRate = 0.1, DeletionRate = 0.1 } });
        using var schedule = new GradualUnfreezing(stepsPerBlock: 100);
        var options = new TrainingOptions { Output = "runs/classes", Steps = 3, Callbacks = [schedule], Update = new() { LayerDecay = 1 / 2.6 } };
        new Trainer(options).Run(classifier, new RDrop(texts, alpha: 0.5));
        // end
    }
}
