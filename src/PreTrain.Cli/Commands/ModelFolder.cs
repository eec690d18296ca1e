using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Models.Gpt;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary>What <c>--model</c> names: a Hugging Face folder, or the folder of a run that holds one.</summary>
internal static class ModelFolder
{
    public const string Description = "A model: a folder with config.json, model.safetensors and tokenizer.json, or the output of a run.";

    /// <summary>The folder with the model's files.</summary>
    public static string Resolve(string folder)
    {
        string inner = Path.Combine(folder, "model");
        if (!Directory.Exists(folder))
            throw new CheckpointException(folder, "the folder does not exist; --model takes a folder with config.json and model.safetensors, or the output of a run.");
        return !File.Exists(Path.Combine(folder, "config.json")) && Directory.Exists(inner) ? inner : folder;
    }

    /// <summary>The folder with the model's files, or the one file with its weights.</summary>
    public static string ResolveWeights(string path)
    {
        if (File.Exists(path)) return path;
        if (!Directory.Exists(path)) throw new CheckpointException(path, "there is no such file or folder.");
        string inner = Path.Combine(path, "model");
        return !CheckpointTensors.Exists(path) && Directory.Exists(inner) ? inner : path;
    }

    /// <summary>Loads the model of a folder for evaluation.</summary>
    public static GptModel LoadModel(string folder, torch.Device device)
    {
        GptModel model = GptModel.FromPretrained(Resolve(folder));
        model.eval();
        return model.to(device);
    }

    /// <summary>Loads the tokenizer of a folder, and checks that it fits the model.</summary>
    public static ByteLevelBpeTokenizer LoadTokenizer(string folder, GptModel model)
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Load(Resolve(folder));
        return tokenizer.VocabSize <= model.VocabSize ? tokenizer : throw new CheckpointException(Resolve(folder),
            $"the tokenizer has {tokenizer.VocabSize} tokens and the model {model.VocabSize}; they do not belong together.");
    }
}
