// B sequences, T tokens
using PreTrain.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>What a student must have in common with its teachers.</summary>
internal static class StudentRules
{
    /// <summary>Requires what every distillation needs.</summary>
    /// <exception cref="ArgumentException">A head, a vocabulary or a device does not fit.</exception>
    internal static void Require(ITransformerModel student, IEnumerable<ITransformerModel> teachers)
    {
        if (student.Head is not (ModelHead.MaskedLanguageModel or ModelHead.PreTraining or ModelHead.CausalLanguageModel or ModelHead.SequenceToSequence or ModelHead.SequenceClassification or ModelHead.TokenClassification))
            throw new ArgumentException($"The student has the head {student.Head}; what is learned from a teacher are tokens and the classes of texts or of tokens.");
        foreach (ITransformerModel teacher in teachers)
        {
            if (student.Head != teacher.Head) throw new ArgumentException($"The student has the head {student.Head} and the teacher {teacher.Head}; they must have the same.");
            if (VocabularyOf(student) is { } own && VocabularyOf(teacher) is { } theirs && own != theirs)
                throw new ArgumentException($"The student has a vocabulary of {own} tokens and the teacher of {theirs}; they must have the same, from one tokenizer.");
            if (student.Device.ToString() != teacher.Device.ToString()) throw new ArgumentException($"The student is on {student.Device} and the teacher on {teacher.Device}; move them to one device.");
        }
    }

    /// <summary>Requires what the comparison of layers needs: both models read one token, and are compared as in training.</summary>
    /// <exception cref="ArgumentException">A width, a number of heads or the pairs of layers do not fit.</exception>
    internal static void RequireLayers(DistillationOptions options, ITransformerModel student, ITransformerModel teacher)
    {
        if (!options.WantsLayers) return;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor one = zeros([1, 1], dtype: ScalarType.Int64, device: student.Device), weight = ones([1, 1], dtype: ScalarType.Float32, device: student.Device);   // (B, T)
        var input = new ModelInput
        {
            Ids = one,
            DecoderIds = student.Head == ModelHead.SequenceToSequence ? one : null,
            WantHiddenStates = options.WantsHiddenStates,
            WantAttentions = options.WantsAttentions,
            WantValues = options.WantsValues,
        };
        ModelOutput own = Read(student), theirs = Read(teacher);
        bool hasDecoder = HasEncoder(own);
        if (hasDecoder) new LayerStack("encoder", ones_like(one), weight).Loss(options, StackStates.OfEncoder(own), StackStates.OfEncoder(theirs), null, null);
        new LayerStack(hasDecoder ? "decoder" : "encoder", ones_like(one), weight).Loss(options, StackStates.Of(own), StackStates.Of(theirs), null, null);

        ModelOutput Read(ITransformerModel model)
        {
            var module = model as nn.Module;
            bool training = module?.training ?? false;
            module?.eval();   // dropout would draw numbers that a run is to draw
            try
            {
                return model.Forward(input);
            }
            finally
            {
                module?.train(training);
            }
        }
    }

    /// <summary>Whether a model shows the layers of an encoder beside those of a decoder.</summary>
    internal static bool HasEncoder(ModelOutput output) => output.EncoderHiddenStates is not null || output.EncoderAttentions is not null || output.EncoderValues is not null;

    private static int? VocabularyOf(ITransformerModel model) => model.Head == ModelHead.SequenceClassification ? null : model switch { IMaskedLanguageModel masked => masked.VocabSize, ITokenPredictor predictor => predictor.VocabSize, _ => null };
}
