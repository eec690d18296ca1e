using System.Text.Json.Nodes;
using PreTrain.Data;

namespace PreTrain.Models;

/// <summary>How <c>config.json</c> names the classes of a head and what it tells.</summary>
internal static class ModelLabels
{
    internal const string TaskKey = "problem_type";

    private static readonly (ClassificationTask Task, string Name)[] s_tasks =
    [
        (ClassificationTask.SingleLabel, "single_label_classification"), (ClassificationTask.MultiLabel, "multi_label_classification"), (ClassificationTask.Regression, "regression"),
    ];

    internal static ClassificationTask? TaskOf(string name) => Array.Find(s_tasks, task => task.Name == name) is { Name: not null } found ? found.Task : null;

    /// <summary>What transformers calls a class that has no name.</summary>
    internal static string Unnamed(int number) => FormattableString.Invariant($"LABEL_{number}");

    /// <summary>Whether transformers made the names up.</summary>
    internal static bool AreUnnamed(LabelSet labels) => !labels.Names.Where((name, i) => name != Unnamed(i)).Any();

    /// <summary>Adds the names, and what the head tells, where they are known.</summary>
    internal static JsonObject WithLabels(this JsonObject json, ModelHead head, LabelSet? labels, ClassificationTask? task)
    {
        if (head == ModelHead.QuestionAnswering)
        {
            json["num_labels"] = 2;   // transformers makes the map to beginnings and ends as wide as this says
            return json;
        }
        labels?.WriteTo(json);
        if (task is { } known) json[TaskKey] = Array.Find(s_tasks, t => t.Task == known).Name;
        return json;
    }
}
