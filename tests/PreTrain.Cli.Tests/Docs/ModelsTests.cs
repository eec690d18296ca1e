using System.Reflection;
using PreTrain.Cli.Commands;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>The tables of docs/models.md.</summary>
public class ModelsTests
{
    private static readonly string s_page = File.ReadAllText(Path.Combine(Repository.Root, "docs/models.md"));

    [Fact]
    public void Presets_OfEveryFamily_AreOnThePage()
    {
        IEnumerable<string> names = typeof(AutoModel).Assembly.GetExportedTypes().Where(type => type.Name.EndsWith("Presets", StringComparison.Ordinal))
            .SelectMany(type => ((System.Collections.IEnumerable)type.GetProperty("All")!.GetValue(null)!).Cast<object>()).Select(pair => (string)pair.GetType().GetProperty("Key")!.GetValue(pair)!);
        Assert.All(names.Distinct(), name => Assert.Matches($@"[ `]{System.Text.RegularExpressions.Regex.Escape(name)}[ ,`\n]", s_page));
    }

    [Fact]
    public void Objectives_OfEveryFamily_AreInTheTable()
    {
        string[] rows = [.. s_page[s_page.IndexOf("## Pre-training", StringComparison.Ordinal)..s_page.IndexOf("## Writing", StringComparison.Ordinal)].Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))];
        string commands = string.Join('\n', rows.Select(row => row.Split('|')[^2]));
        Assert.All(PretrainFamily.All, family => Assert.Matches($"`{family.Name}[` ]", commands));
        string[] tasks = ["ChatTuning", "ContrastiveTuning", "QuestionAnswering", "SequenceClassification", "SequenceToSequenceTuning", "SimilarityTuning", "TokenClassification"];   // other pages'
        IEnumerable<string> objectives = typeof(CausalLanguageModeling).Assembly.GetExportedTypes()
            .Where(type => type is { IsClass: true, Namespace: "PreTrain.Objectives" } && type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IObjective<>)))
            .Select(type => type.Name.Split('`')[0]).Except(tasks);
        Assert.All(objectives, name => Assert.Contains(rows, row => row.StartsWith($"| `{name}`", StringComparison.Ordinal)));
    }
}
