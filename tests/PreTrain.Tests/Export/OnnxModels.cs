using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Electra;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.Roberta;
using PreTrain.Modules;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

/// <summary>Small models of all families and heads that are exported as ONNX.</summary>
internal static class OnnxModels
{
    public const int VocabSize = 43;

    public static string[] Names =>
    [
        .. new[] { ModelHead.MaskedLanguageModel, ModelHead.PreTraining, ModelHead.NextSentence, ModelHead.SequenceClassification, ModelHead.TokenClassification, ModelHead.QuestionAnswering, ModelHead.None }
            .Select(head => $"bert:{head}"),
        .. from family in new[] { "distilbert", "roberta", "electra" }
           from head in new[] { ModelHead.MaskedLanguageModel, ModelHead.SequenceClassification, ModelHead.TokenClassification, ModelHead.QuestionAnswering, ModelHead.None } select $"{family}:{head}",
        $"electra:{ModelHead.ReplacedTokenDetection}",
        .. from family in new[] { "gpt2", "llama", "mistral", "qwen2", "qwen3" } from head in new[] { ModelHead.CausalLanguageModel, ModelHead.SequenceClassification, ModelHead.None } select $"{family}:{head}",
    ];

    /// <summary>Makes a model with random weights, none of them zeros or ones.</summary>
    public static ITransformerModel Create(string name)
    {
        (string family, ModelHead head) = (name.Split(':')[0], Enum.Parse<ModelHead>(name.Split(':')[1]));
        Generator random = new RandomStreams(5).CreateGenerator("init");
        var llama = new LlamaConfig
        {
            VocabSize = VocabSize,
            ContextLength = 19,
            LayerCount = 2,
            HeadCount = 6,
            KeyValueHeadCount = 3,
            HeadWidth = 4,
            EmbeddingDim = 20,
            FeedForwardDim = 29,
            LabelCount = 5,
            InitializerRange = 0.3,
            NormEpsilon = 1e-4,
        };
        ITransformerModel model = family switch
        {
            "bert" => new BertModel(new BertConfig
            {
                VocabSize = VocabSize,
                ContextLength = 19,
                LayerCount = 2,
                HeadCount = 3,
                EmbeddingDim = 15,
                FeedForwardDim = 29,
                LabelCount = 5,
                InitializerRange = 0.3,
                Activation = head == ModelHead.TokenClassification ? Activation.SquaredRelu : head == ModelHead.QuestionAnswering ? Activation.Relu : Activation.Gelu,
            }, head, random),
            "distilbert" => new DistilBertModel(new DistilBertConfig { VocabSize = VocabSize, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 29, LabelCount = 5, InitializerRange = 0.3 }, head, random),
            "roberta" => new RobertaModel(new RobertaConfig { VocabSize = VocabSize, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 29, LabelCount = 5, InitializerRange = 0.3 }, head, random),
            "electra" => new ElectraModel(new ElectraConfig { VocabSize = VocabSize, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, TokenEmbeddingDim = 7, FeedForwardDim = 29, LabelCount = 5, InitializerRange = 0.3 }, head, random),
            "gpt2" => new GptModel(new GptConfig { VocabSize = VocabSize, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 29, LabelCount = 5, InitializerRange = 0.3 }, head, random),
            "mistral" => new LlamaModel(llama with { Variant = LlamaVariant.Mistral, SlidingWindow = 4 }, head, random),
            "qwen2" => new LlamaModel(llama with { Variant = LlamaVariant.Qwen2, IsHeadTied = true, RotaryScaling = new RotaryScaling(2) }, head, random),
            "qwen3" => new LlamaModel(llama with { Variant = LlamaVariant.Qwen3 }, head, random),
            _ => new LlamaModel(llama with { HasAttentionBias = true, RotaryBase = 50, RotaryScaling = new RotaryScaling(8, RotaryScalingKind.Llama3, OriginalContextLength: 16) }, head, random),
        };
        using IDisposable mode = no_grad();
        var module = (nn.Module)model;
        foreach (var (_, values) in module.named_parameters())
        {
            if (values.dim() == 1) values.add_(randn(values.shape, generator: random) * 0.2);
        }
        module.eval();
        return model;
    }

    /// <summary>Rows of ids of different lengths, filled up behind, with a mask and segments.</summary>
    public static (Tensor Ids, Tensor Mask, Tensor Types) Batch(params int[] lengths)
    {
        var random = new Random(13);
        int width = lengths.Max();
        long[,] ids = new long[lengths.Length, width], mask = new long[lengths.Length, width], types = new long[lengths.Length, width];
        for (int row = 0; row < lengths.Length; row++)
        {
            for (int i = 0; i < lengths[row]; i++) (ids[row, i], mask[row, i], types[row, i]) = (random.Next(1, VocabSize), 1, i > lengths[row] / 2 ? 1 : 0);
        }
        return (tensor(ids), tensor(mask), tensor(types));
    }
}
