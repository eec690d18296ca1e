using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>What adapters of virtual tokens have in common: the models that can have them, and the configuration as PEFT writes it.</summary>
internal static class VirtualTokenFolder
{
    /// <summary>The tensor that holds all virtual tokens.</summary>
    internal const string TensorName = "prompt_embeddings";

    /// <summary>A model that can have virtual tokens, and room for them.</summary>
    /// <exception cref="ArgumentException">It cannot.</exception>
    internal static (IVirtualTokens Model, nn.Module Module) Require(ITransformerModel model, int length)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model is not IVirtualTokens taking || model is not nn.Module module) throw new ArgumentException($"A {model.ModelType} model takes no virtual tokens; gpt2, llama and its relatives, and bert do.", nameof(model));
        if (taking.HasWindow) throw new ArgumentException("The model's attention is limited to a window, out of which virtual tokens would fall.", nameof(model));
        int context = model is ITokenPredictor writer ? writer.ContextLength : ((IMaskedLanguageModel)model).ContextLength;
        if (length >= context) throw new ArgumentException($"{nameof(PromptOptions.Length)} ({length}) must be below the model's context ({context} tokens).");
        return (taking, module);
    }

    internal static JsonObject Config(string type, ITransformerModel model, int length, long width, IEnumerable<string> trained)
    {
        var taking = (IVirtualTokens)model;
        return new JsonObject
        {
            ["peft_type"] = type,
            ["task_type"] = model.Head switch { ModelHead.CausalLanguageModel => "CAUSAL_LM", ModelHead.SequenceClassification => "SEQ_CLS", ModelHead.TokenClassification => "TOKEN_CLS", ModelHead.QuestionAnswering => "QUESTION_ANS", _ => null },
            ["base_model_name_or_path"] = null,
            ["inference_mode"] = true,
            ["num_virtual_tokens"] = length,
            ["token_dim"] = width,
            ["num_transformer_submodules"] = 1,
            ["num_attention_heads"] = taking.KeyValueHeadCount,
            ["num_layers"] = taking.PrefixedBlocks.Count,
            ["modules_to_save"] = AdapterFiles.ModulesToSave(AdapterFiles.NamesOf(model), trained),
        };
    }

    /// <summary>The number of virtual tokens of a folder, and what is trained beside them.</summary>
    /// <exception cref="CheckpointException">The folder is damaged, holds another kind, or is for a model of another size.</exception>
    internal static (int Length, string[] Trained) Read(ITransformerModel model, string folder, string type, string who, long width)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (_, reader, _) = AdapterFiles.ReadConfig(folder);
        reader.Require("peft_type", type, who, type);
        int length = reader.Whole("num_virtual_tokens", 0), layers = (model as IVirtualTokens)?.PrefixedBlocks.Count ?? 0;
        if (length < 1) reader.Fault($"num_virtual_tokens ({length}) must be at least 1.");
        if (reader.Whole("num_transformer_submodules", 1) != 1) reader.Fault("num_transformer_submodules must be 1: virtual tokens of an encoder and a decoder are not known.");
        if (reader.Has("token_dim") && reader.Whole("token_dim", 0) is var dim && dim != width) reader.Fault($"token_dim is {dim}, and the model's width is {width}; the adapter is for another one.");
        if (reader.Has("num_layers") && reader.Whole("num_layers", 0) is var count && count != layers) reader.Fault($"num_layers is {count}, and the model has {layers}; the adapter is for another one.");
        string[] trained = AdapterFiles.SavedOf(AdapterFiles.NamesOf(model), reader, folder, AdapterFiles.PromptPrefix);
        reader.Finish(() => { });
        return (length, trained);
    }
}
