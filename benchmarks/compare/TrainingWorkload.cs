using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compare;

/// <summary>A model, a batch and its loss: the same as in train_step.py.</summary>
/// <param name="Title">What it is.</param>
/// <param name="Tokens">Tokens that a step reads and writes.</param>
/// <param name="Flops">Operations of the matrix products of a step: 6 for each weight and token that meet, and attention (Chowdhery et al. 2022, appendix B).</param>
/// <param name="Create">Makes the model on a device, and the loss of its batch.</param>
internal sealed record TrainingWorkload(string Title, int Tokens, double Flops, Func<Device, Generator, (nn.Module Model, Func<Tensor> Loss)> Create)
{
    /// <summary>All by name.</summary>
    internal static IReadOnlyDictionary<string, TrainingWorkload> All { get; } = new Dictionary<string, TrainingWorkload>
    {
        ["char"] = Gpt(GptPresets.Char, 16),
        ["gpt2"] = Gpt(GptPresets.Gpt2Small with { ContextLength = 256 }, 4),
        ["gpt2-1024"] = Gpt(GptPresets.Gpt2Small, 16),
        ["tiny"] = Gpt(new GptConfig { VocabSize = 65, ContextLength = 32, LayerCount = 2, HeadCount = 2, EmbeddingDim = 64 }, 4),
        ["bert"] = Bert(BertPresets.Base, 128, 8),
        ["t5"] = T5(T5Presets.Small, 256, 64, 8),
    };

    private static TrainingWorkload Gpt(GptConfig config, int batch)
    {
        int tokens = batch * config.ContextLength;
        double weights = Layers(config.LayerCount, config.EmbeddingDim, config.InnerDim) + (double)config.VocabSize * config.EmbeddingDim;
        return new($"{config.LayerCount} layers × {config.EmbeddingDim}, context {config.ContextLength}, batch {batch}, vocabulary {config.VocabSize}", tokens,
            tokens * (6 * weights + 12.0 * config.LayerCount * config.EmbeddingDim * config.ContextLength), (device, generator) =>
        {
            GptModel model = new GptModel(config, generator: generator).to(device);
            Tensor ids = randint(config.VocabSize, [batch, config.ContextLength + 1], dtype: ScalarType.Int64, generator: generator);
            Tensor inputs = ids[.., ..^1].contiguous().to(device), targets = ids[.., 1..].contiguous().to(device);
            return (model, () => model.Loss(inputs, targets, tokens));
        });
    }

    /// <summary>Three tokens of twenty are targets. The operations are those of a model that predicts every place, as transformers' does.</summary>
    private static TrainingWorkload Bert(BertConfig config, int context, int batch)
    {
        int tokens = batch * context;
        double weights = Layers(config.LayerCount, config.EmbeddingDim, config.InnerDim) + (double)config.EmbeddingDim * (config.VocabSize + config.EmbeddingDim);
        return new($"BERT-base with masked targets, {context} tokens, batch {batch}, dropout {config.Dropout}", tokens,
            tokens * (6 * weights + 12.0 * config.LayerCount * config.EmbeddingDim * context), (device, generator) =>
        {
            BertModel model = new BertModel(config, ModelHead.MaskedLanguageModel, generator).to(device);
            Tensor ids = randint(config.VocabSize, [batch, context], dtype: ScalarType.Int64, generator: generator);
            Tensor targets = where(rand([batch, context], generator: generator) < 0.15, ids, CrossEntropy.Ignored);
            long count = targets.ne(CrossEntropy.Ignored).sum().item<long>();
            var input = new ModelInput { Ids = ids.to(device) };
            Tensor moved = targets.to(device);
            return (model, () => model.Loss(input, moved, count));
        });
    }

    private static TrainingWorkload T5(T5Config config, int source, int target, int batch)
    {
        double inner = config.HeadCount * config.HeadDim, width = config.EmbeddingDim;
        double encoder = config.LayerCount * (4 * width * inner + 2 * width * config.FeedForwardDim), cross = config.LayerCount * 2 * width * inner;
        double products = batch * (source * (encoder + cross) + target * (encoder + cross + width * config.VocabSize));
        double attention = batch * config.LayerCount * inner * ((double)source * source + (double)target * target + (double)source * target);
        return new($"T5-small, {source} tokens read and {target} written, batch {batch}, dropout {config.Dropout}", batch * (source + target), 6 * products + 12 * attention, (device, generator) =>
        {
            T5Model model = new T5Model(config, generator: generator).to(device);
            var input = new ModelInput { Ids = randint(config.VocabSize, [batch, source], dtype: ScalarType.Int64, generator: generator).to(device) };
            Tensor targets = randint(config.VocabSize, [batch, target], dtype: ScalarType.Int64, generator: generator).to(device);
            return (model, () => model.Loss(input, targets, batch * target));
        });
    }

    private static double Layers(int layers, double width, double inner) => layers * (4 * width * width + 2 * width * inner);
}
