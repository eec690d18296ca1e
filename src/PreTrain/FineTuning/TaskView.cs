using System.Text.Json.Nodes;
using PreTrain.Models;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>One task of a model of several, as a classification sees it: a model with the task's head.</summary>
internal sealed class TaskView(MultiTaskModel model, MultiTaskHead task) : IMaskedLanguageModel
{
    private readonly IMaskedLanguageModel _encoder = (IMaskedLanguageModel)model.Encoder;

    public string ModelType => _encoder.ModelType;

    public ModelHead Head => ModelHead.SequenceClassification;

    public Device Device => _encoder.Device;

    public int VocabSize => _encoder.VocabSize;

    public int ContextLength => _encoder.ContextLength;

    public bool RecomputeActivations { get => _encoder.RecomputeActivations; set => _encoder.RecomputeActivations = value; }

    public long MaxScoreBytes { get => _encoder.MaxScoreBytes; set => _encoder.MaxScoreBytes = value; }

    public ModelOutput Forward(ModelInput input) => new() { Logits = model.Forward(task.Name, input) };

    public JsonObject ToConfigJson()
    {
        JsonObject json = _encoder.ToConfigJson();
        json.Remove("id2label");
        json["num_labels"] = task.Outputs;
        return json;
    }

    public Tensor Loss(ModelInput input, Tensor targets, double normalizer) => throw PredictsNoTokens();

    public Tensor Scores(ModelInput input, Tensor targets) => throw PredictsNoTokens();

    public void SavePretrained(string folder, IReadOnlyDictionary<string, Tensor>? weights = null) => model.SavePretrained(folder, weights);

    public void LoadPretrained(string folder) => model.LoadPretrained(folder);

    /// <summary>The model is its owner's.</summary>
    public void Dispose()
    {
    }

    private static InvalidOperationException PredictsNoTokens() => new("A task of a model of several predicts no tokens.");
}
