using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>
/// Learned linear maps from a student's hidden states to its teacher's (Jiao et al. 2020, "TinyBERT", equations 8 and 9): one for the embeddings, and one that the layers share; both once
/// more for the encoder of a model with a decoder.
/// </summary>
internal sealed class HiddenMaps : nn.Module
{
    internal readonly Projection embedding, hidden;
    internal readonly Projection? encoder_embedding, encoder_hidden;

    internal HiddenMaps(long student, long teacher, bool hasDecoder, Generator? generator) : base(nameof(HiddenMaps))
    {
        (embedding, hidden) = (Create(), Create());
        if (hasDecoder) (encoder_embedding, encoder_hidden) = (Create(), Create());
        RegisterComponents();

        Projection Create()
        {
            var map = new Projection(student, teacher, hasBias: false);
            double bound = 1 / Math.Sqrt(student);
            using (no_grad()) map.weight.uniform_(-bound, bound, generator);
            return map;
        }
    }
}
