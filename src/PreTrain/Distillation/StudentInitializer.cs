using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// Students that begin with layers of their teacher (Sanh et al. 2019, "DistilBERT", section 3; Shleifer and Rush 2020, "Pre-trained Summarization Distillation", section 3). A student is
/// written as an ordinary folder, which <see cref="AutoModel"/> or its family loads.
/// </summary>
public static partial class StudentInitializer
{
    private const string Student = "a student";
    private static readonly string[] s_layerCounts = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"], s_decoderLayerCounts = ["num_decoder_layers", "decoder_layers"];

    /// <summary>Writes a student of the teacher's family that has some of its layers, and everything beside them.</summary>
    /// <param name="teacher">A model of any family.</param>
    /// <param name="folder">Created where it is missing; its <c>config.json</c> and <c>model.safetensors</c> are replaced.</param>
    /// <param name="layers">The layers that are kept; of a model with a decoder, those of the encoder.</param>
    /// <param name="decoderLayers">The decoder's layers that are kept, of a model that reads one sequence and writes another; null for all.</param>
    /// <exception cref="ArgumentException">The teacher has an adapter that is not merged, does not have the layers, or one of them would compute something else at its new place.</exception>
    public static void Save(ITransformerModel teacher, string folder, LayerSelection layers, LayerSelection? decoderLayers = null)
    {
        ArgumentNullException.ThrowIfNull(teacher);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layers);
        WholeWeights.RequireNoAdapter(teacher, Student);
        JsonObject config = teacher.ToConfigJson();
        string own = s_layerCounts.First(config.ContainsKey);
        int[] kept = layers.Choose(config[own]!.GetValue<int>()), keptByDecoder = [];
        if (s_decoderLayerCounts.FirstOrDefault(config.ContainsKey) is { } theirs)
        {
            keptByDecoder = (decoderLayers ?? LayerSelection.All).Choose(config[theirs]!.GetValue<int>());
            config[theirs] = keptByDecoder.Length;
        }
        else if (decoderLayers is not null)
        {
            throw new ArgumentException($"A {teacher.ModelType} model has no decoder beside its layers; leave {nameof(decoderLayers)} out.", nameof(decoderLayers));
        }
        if (config["layer_types"] is JsonArray types) config["layer_types"] = Types(types, kept);
        config[own] = kept.Length;

        WeightRow[] rows = [.. ((IWeightNames)teacher).Weights];
        PretrainedFolder.Save(Module(teacher), rows.SelectMany(row => Places(rows, row, IsOfDecoder(row.Ours) ? keptByDecoder : kept)), config, folder, null);
    }

    /// <summary>Creates a student of the teacher's family with sizes of its own. It begins with values that are drawn, since none of the teacher's would fit.</summary>
    /// <param name="teacher">A model of any family but ViT and Marian.</param>
    /// <param name="sizes">In what it differs from its teacher.</param>
    /// <param name="generator">Where its initial values are drawn from.</param>
    /// <returns>The student, on the CPU and with the teacher's head.</returns>
    /// <exception cref="ArgumentException">The family has no such students, or the sizes do not fit together.</exception>
    public static ITransformerModel Create(ITransformerModel teacher, StudentSizes sizes, Generator? generator = null)
    {
        ArgumentNullException.ThrowIfNull(teacher);
        ArgumentNullException.ThrowIfNull(sizes);
        return NewStudent.Create(teacher, sizes, generator);
    }

    /// <summary>
    /// Writes a DistilBERT that has some layers of a BERT. It knows no segments: what BERT adds for the first is added to the positions. Its classifier of sequences begins with BERT's pooler.
    /// </summary>
    /// <param name="teacher">A BERT with the head of DistilBERT that the student is to have; of pre-training, it keeps that for hidden tokens.</param>
    /// <param name="folder">Created where it is missing; its <c>config.json</c> and <c>model.safetensors</c> are replaced.</param>
    /// <param name="layers">The layers that are kept.</param>
    /// <exception cref="ArgumentException">The teacher has an adapter that is not merged, does not have the layers, or a head that DistilBERT has not.</exception>
    public static void SaveDistilBert(BertModel teacher, string folder, LayerSelection layers)
    {
        ArgumentNullException.ThrowIfNull(teacher);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layers);
        WholeWeights.RequireNoAdapter(teacher, Student);
        ModelHead head = teacher.Head == ModelHead.PreTraining ? ModelHead.MaskedLanguageModel : teacher.Head;
        if (DistilBertWeights.Architectures.All(a => a.Head != head)) throw new ArgumentException($"DistilBERT has no head {head}.", nameof(teacher));
        BertConfig own = teacher.Config;
        if (own.HeadDim * own.HeadCount != own.EmbeddingDim) throw new ArgumentException($"The teacher has {own.HeadCount} heads of {own.HeadDim}, which DistilBERT cannot have with a width of {own.EmbeddingDim}.", nameof(teacher));
        int[] kept = layers.Choose(own.LayerCount);
        var config = new DistilBertConfig
        {
            VocabSize = own.VocabSize,
            ContextLength = own.ContextLength,
            LayerCount = kept.Length,
            HeadCount = own.HeadCount,
            EmbeddingDim = own.EmbeddingDim,
            FeedForwardDim = own.InnerDim,
            Activation = own.Activation,
            Dropout = own.Dropout,
            AttentionDropout = own.AttentionDropout,
            InitializerRange = own.InitializerRange,
            LabelCount = own.LabelCount,
            Labels = own.Labels,
            Task = own.Task,
            PaddingId = own.PaddingId,
        };
        IEnumerable<WeightRow> rows = DistilBertWeights.Table(config, head).Select(row => row with { Ours = Source(row.Ours) });
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        var positions = new Dictionary<string, Tensor>
        {
            ["encoder.position_embedding"] = teacher.encoder.position_embedding.to(ScalarType.Float32) + teacher.encoder.type_embedding!.narrow(0, 0, 1).to(ScalarType.Float32),
        };
        PretrainedFolder.Save(teacher, rows, DistilBertWeights.ToConfigJson(config, head), folder, positions);

        string Source(string name)
        {
            if (name.StartsWith("pre_classifier.", StringComparison.Ordinal)) return "pooler." + name["pre_classifier.".Length..];
            return BlockNumber().Replace(name, match => match.Groups["before"].Value + kept[int.Parse(match.Groups["layer"].Value, null)] + ".");
        }
    }

    /// <summary>The number of a model's layers; of one with a decoder the encoder's and the decoder's.</summary>
    internal static int[] LayerCounts(ITransformerModel model)
    {
        JsonObject config = model.ToConfigJson();
        return [.. new[] { s_layerCounts, s_decoderLayerCounts }.Select(keys => keys.FirstOrDefault(config.ContainsKey)).OfType<string>().Select(key => config[key]!.GetValue<int>())];
    }

    /// <summary>Where a row of the teacher comes to lie in the student: nowhere, or at one place; what is beside the layers stays where it is.</summary>
    private static IEnumerable<WeightRow> Places(WeightRow[] rows, WeightRow row, int[] kept)
    {
        if (BlockNumber().Match(row.Ours) is not { Success: true } match || match.Groups["before"].Value.StartsWith("decoder.", StringComparison.Ordinal)) return [row];
        int place = Array.IndexOf(kept, int.Parse(match.Groups["layer"].Value, null));
        if (place < 0) return [];
        string at = match.Groups["before"].Value + place + ".";
        string name = at + row.Ours[match.Length..];
        if (!rows.Any(other => other.Ours == name))
            throw new ArgumentException($"The layer {kept[place]} has a '{row.Ours[match.Length..]}', which the layer {place} of this family has not. Keep the layer {place} at its place.");
        if (rows.Count(other => other.Ours.StartsWith(at, StringComparison.Ordinal)) != rows.Count(other => other.Ours.StartsWith(match.Value, StringComparison.Ordinal)))
            throw new ArgumentException($"The layer {kept[place]} lacks what the layer {place} of this family has. Keep the layer {place} at its place.");
        return [row with { Theirs = FirstNumber().Replace(row.Theirs, $".{place}.", 1), Aliases = [] }];
    }

    /// <summary>A layer's type follows from its place, so that each must be of the type that was there.</summary>
    private static JsonArray Types(JsonArray types, int[] kept)
    {
        for (int place = 0; place < kept.Length; place++)
        {
            string had = types[place]!.GetValue<string>(), has = types[kept[place]]!.GetValue<string>();
            if (had != has) throw new ArgumentException($"The layer {kept[place]} of the teacher is of the type {has}, and the student's layer {place} of {had}. Choose layers whose types come in the same order.");
        }
        return new JsonArray([.. kept.Select((_, place) => types[place]!.DeepClone())]);
    }

    /// <summary>The decoders of models with a source. That of a masked autoencoder, <c>decoder.blocks</c>, is not a teacher's, and stays whole.</summary>
    private static bool IsOfDecoder(string name) => name.StartsWith("decoder_blocks.", StringComparison.Ordinal);

    private static nn.Module Module(ITransformerModel model) => model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));

    [GeneratedRegex(@"^(?<before>(.*[._])?blocks\.)(?<layer>\d+)\.", RegexOptions.CultureInvariant)]
    private static partial Regex BlockNumber();

    [GeneratedRegex(@"(?<=^|[a-z])\.\d+\.", RegexOptions.CultureInvariant)]
    private static partial Regex FirstNumber();
}
