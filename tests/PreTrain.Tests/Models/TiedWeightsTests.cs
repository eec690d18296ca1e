using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models;

/// <summary>Files that hold a tensor under two names, of which a model has one.</summary>
[Collection(nameof(RunsAlone))]
public sealed class TiedWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    /// <summary>Family, fixture, the tensor and its other name.</summary>
    public static TheoryData<string, string, string, string> Copies => new()
    {
        { "Bert", "masked-lm-two-layers", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight" },
        { "Bert", "pre-training-two-layers", "cls.predictions.bias", "cls.predictions.decoder.bias" },
        { "UniLm", "causal-lm-two-layers", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight" },
        { "Ernie", "masked-lm-two-layers", "ernie.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight" },
        { "Roberta", "masked-lm-two-layers", "roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight" },
        { "Electra", "masked-lm-two-layers", "electra.embeddings.word_embeddings.weight", "generator_lm_head.weight" },
        { "DistilBert", "masked-lm-two-layers", "distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight" },
        { "ModernBert", "masked-lm-two-layers", "model.embeddings.tok_embeddings.weight", "decoder.weight" },
        { "Gpt", "causal-lm-two-layers", "transformer.wte.weight", "lm_head.weight" },
        { "Bart", "seq2seq-two-layers", "model.shared.weight", "lm_head.weight" },
        { "Bart", "classify-two-layers", "model.shared.weight", "model.encoder.embed_tokens.weight" },
        { "T5", "none-two-layers", "shared.weight", "encoder.embed_tokens.weight" },
        { "Transformer", "marian-seq2seq-two-layers", "model.shared.weight", "lm_head.weight" },
        { "Transformer", "marian-seq2seq-wide-heads", "model.decoder.embed_tokens.weight", "lm_head.weight" },
    };

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Copies))]
    public void FromPretrained_CopyWithOtherValues_NamesBoth(string family, string name, string tensor, string copy)
    {
        using FamilyFixture fixture = FamilyFixture.Open(family, name);
        Write(fixture, folder.Root, tensors => tensors[copy] = FamilyFixture.Weight(copy, fixture.Tensors[tensor]));

        var e = Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder.Root));

        Assert.EndsWith($"{copy} differs from {tensor}, and the model computes with one tensor for both; leave the one out of the file that it is not to compute with.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Copies))]
    public void FromPretrained_CopyWithTheSameValues_IsThatTensor(string family, string name, string tensor, string copy)
    {
        using FamilyFixture fixture = FamilyFixture.Open(family, name);
        Write(fixture, folder["one"], _ => { });
        Write(fixture, folder["both"], tensors => tensors[copy] = tensors[tensor]);
        Write(fixture, folder["other"], tensors =>
        {
            tensors[copy] = tensors[tensor];
            tensors.Remove(tensor);
        });

        byte[] expected = Logits("one");

        Assert.Equal(expected, Logits("both"));
        Assert.Equal(expected, Logits("other"));

        byte[] Logits(string which)
        {
            using IDisposable mode = no_grad();
            using ITransformerModel model = AutoModel.FromPretrained(folder[which]);
            return Bytes(model.Forward(fixture.Input()).Logits);
        }
    }

    [Fact]
    public void FromPretrained_HeadThatDoesNotComputeWithTheCopy_LeavesItOut()
    {
        const string copy = "cls.predictions.decoder.weight";
        using FamilyFixture fixture = FamilyFixture.Open("Bert", "masked-lm-two-layers");
        Write(fixture, folder.Root, tensors => tensors[copy] = FamilyFixture.Weight(copy, fixture.Tensors["bert.embeddings.word_embeddings.weight"]));

        using ITransformerModel model = AutoModel.FromPretrained(folder.Root, ModelHead.TokenClassification);

        Assert.Contains(copy, LoadedWeights.Of(model)!.LeftOut);
    }

    private static void Write(FamilyFixture fixture, string to, Action<Dictionary<string, Tensor>> edit)
    {
        Directory.CreateDirectory(to);
        fixture.WriteConfig(to);
        var tensors = fixture.Tensors.ToDictionary(t => t.Key, t => FamilyFixture.Weight(t.Key, t.Value));
        edit(tensors);
        SafetensorsWriter.Write(Path.Combine(to, "model.safetensors"), tensors.Select(t => (t.Key, t.Value)), new Dictionary<string, string> { ["format"] = "pt" });
    }
}
