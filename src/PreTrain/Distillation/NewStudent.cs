using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using PreTrain.Models.T5;
using PreTrain.Models.UniLm;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>Students of a teacher's family with sizes of their own, which therefore begin with values that are drawn.</summary>
internal static class NewStudent
{
    /// <summary>Creates one. Whatever the sizes do not name is the teacher's.</summary>
    internal static ITransformerModel Create(ITransformerModel teacher, StudentSizes sizes, Generator? generator)
    {
        ModelHead head = teacher.Head;
        bool keepsHeads = sizes is { HeadCount: null, EmbeddingDim: null };   // and with them their width
        switch (teacher)
        {
            case BertModel { Config: var c }:
                var (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new BertModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, HeadWidth = keepsHeads ? c.HeadWidth : 0, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case DistilBertModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new DistilBertModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case RobertaModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new RobertaModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case ErnieModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new ErnieModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case ElectraModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new ElectraModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case UniLmModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new UniLmModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case ModernBertModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new ModernBertModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, FeedForwardDim = Scaled(c.FeedForwardDim, c.EmbeddingDim) }, head, generator);
            case GptModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new GptModel(c with { LayerCount = layers, HeadCount = heads, EmbeddingDim = width, HeadWidth = keepsHeads ? c.HeadWidth : 0, FeedForwardDim = Scaled(c.InnerDim, c.EmbeddingDim) }, head, generator);
            case LlamaModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                int group = c.KeyValueHeadCount == 0 ? 1 : c.HeadCount / c.KeyValueHeadCount;   // as many query heads share keys and values where that is possible
                return new LlamaModel(c with { LayerCount = layers, HeadCount = heads, KeyValueHeadCount = heads % group == 0 ? heads / group : 0, EmbeddingDim = width, HeadWidth = keepsHeads ? c.HeadWidth : 0, FeedForwardDim = Scaled(c.FeedForwardDim, c.EmbeddingDim) }, head, generator);
            case T5Model { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new T5Model(c with { LayerCount = layers, DecoderLayerCount = sizes.DecoderLayerCount ?? sizes.LayerCount ?? c.DecoderLayerCount, HeadCount = heads, EmbeddingDim = width, HeadDim = keepsHeads ? c.HeadDim : width / heads, FeedForwardDim = Scaled(c.FeedForwardDim, c.EmbeddingDim) }, head, generator);
            case BartModel { Config: var c }:
                (layers, heads, width) = Of(c.LayerCount, c.HeadCount, c.EmbeddingDim);
                return new BartModel(c with
                {
                    LayerCount = layers,
                    DecoderLayerCount = sizes.DecoderLayerCount ?? sizes.LayerCount ?? c.DecoderLayerCount,
                    HeadCount = heads,
                    DecoderHeadCount = heads,
                    EmbeddingDim = width,
                    FeedForwardDim = Scaled(c.FeedForwardDim, c.EmbeddingDim),
                    DecoderFeedForwardDim = c.DecoderFeedForwardDim == 0 ? 0 : Scaled(c.DecoderFeedForwardDim, c.EmbeddingDim),
                }, head, generator);
            default:
                throw new ArgumentException($"There are no students of other sizes for a {teacher.ModelType} model. Keep its sizes, and choose layers.", nameof(teacher));
        }

        (int, int, int) Of(int layers, int heads, int width) => (sizes.LayerCount ?? layers, sizes.HeadCount ?? heads, sizes.EmbeddingDim ?? width);

        int Scaled(int inner, int width) => (int)Math.Max(1, (long)inner * (sizes.EmbeddingDim ?? width) / width);
    }
}
