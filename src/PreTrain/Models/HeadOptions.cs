using System.Text.Json.Nodes;
using PreTrain.Data;

namespace PreTrain.Models;

/// <summary>What the head of a model that is loaded is to tell, where that is not what its folder says, and with which dropout it is trained. A head for other labels is made anew, and the rest of the model stays.</summary>
public sealed record HeadOptions
{
    /// <summary>The classes by name.</summary>
    /// <value>The default is null, for those of the folder.</value>
    public LabelSet? Labels { get; init; }

    /// <summary>The number of classes, where they have no names.</summary>
    /// <value>The default is null, for that of <see cref="Labels"/>, or of the folder.</value>
    public int? LabelCount { get; init; }

    /// <summary>What a head of <see cref="ModelHead.SequenceClassification"/> tells. <see cref="ClassificationTask.Regression"/> has one output and no labels.</summary>
    /// <value>The default is null, for what the folder says.</value>
    public ClassificationTask? Task { get; init; }

    /// <summary>The probability with which hidden states and attention are dropped in training, instead of all those of the folder but a classifier's own; of Llama and its relatives that of attention, the only one they have.</summary>
    /// <value>The default is null, for what the folder says.</value>
    public double? Dropout { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (LabelCount < 1) faults.Add($"{nameof(LabelCount)} ({LabelCount}) must be at least 1.");
        if (Labels is not null && LabelCount is not null && Labels.Count != LabelCount) faults.Add($"{nameof(LabelCount)} ({LabelCount}) must be the number of {nameof(Labels)} ({Labels.Count}); leave one of them out.");
        if (Task is { } task && !Enum.IsDefined(task)) faults.Add($"{nameof(Task)} ({(int)task}) must be SingleLabel, MultiLabel or Regression.");
        if (Task == ClassificationTask.Regression && (Labels is not null || LabelCount is > 1)) faults.Add($"{nameof(Task)} (Regression) has one number and no labels; leave {nameof(Labels)} and {nameof(LabelCount)} out.");
        if (Dropout is { } dropout && !(dropout >= 0 && dropout < 1)) faults.Add(FormattableString.Invariant($"{nameof(Dropout)} ({dropout}) must be at least 0 and below 1."));
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    /// <summary>Puts this into the content of <c>config.json</c>.</summary>
    /// <returns>Whether its labels are others now.</returns>
    internal bool WriteTo(JsonObject json)
    {
        var before = new ConfigReader(json, "config.json");
        int known = before.Labels(), wanted = Labels?.Count ?? LabelCount ?? (Task == ClassificationTask.Regression ? 1 : known);
        LabelSet? names = before.LabelNames();
        bool differs = wanted != known || (Labels is not null && names is not null && !Labels.Equals(names));
        if (differs || Labels is not null)
        {
            json.Remove("id2label");
            json.Remove("label2id");
            json["num_labels"] = wanted;
        }
        json.WithLabels(ModelHead.SequenceClassification, Labels, Task);
        if (Dropout is { } dropout)
        {
            foreach (string key in DropoutKeys(before.ModelType)) json[key] = dropout;
        }
        return differs;
    }

    /// <summary>What a family calls its dropouts.</summary>
    private static string[] DropoutKeys(string modelType) => modelType switch
    {
        "bert" or "roberta" or "xlm-roberta" or "ernie" or "electra" or "vit" or "vit_mae" => ["hidden_dropout_prob", "attention_probs_dropout_prob"],
        "distilbert" => ["dropout", "attention_dropout"],
        "bart" or "marian" => ["dropout", "attention_dropout", "activation_dropout"],
        "modernbert" => ["embedding_dropout", "attention_dropout", "mlp_dropout"],
        "gpt2" => ["resid_pdrop", "embd_pdrop", "attn_pdrop"],
        "t5" => ["dropout_rate"],
        _ => ["attention_dropout"],
    };
}
