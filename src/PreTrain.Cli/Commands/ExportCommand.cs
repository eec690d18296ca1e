using System.CommandLine;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Models;
using static TorchSharp.torch;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain export</c>: one file of a model, for other programs.</summary>
internal static class ExportCommand
{
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var command = new Command("export", "Writes a model as one file for other programs: llama.cpp, ONNX Runtime.");
        root.Subcommands.Add(command);
        ExportGgufCommand.AddTo(command, add);
        ExportOnnxCommand.AddTo(command, add);
    }

    /// <summary><c>--overwrite</c>.</summary>
    public static Option<bool> OverwriteOption() => new("--overwrite") { Description = "Replaces --output where it is there already." };

    /// <summary>Checks where the file goes, before anything is loaded, and makes its folder.</summary>
    public static void Prepare(string output, bool overwrites)
    {
        if (Directory.Exists(output)) throw new UsageException($"--output ({output}) is a folder; it must be a file.");
        if (File.Exists(output) && !overwrites) throw new UsageException($"--output ({output}) is there already; give --overwrite to replace it, or another name.");
        OutputPath.MakeParent(output);
    }

    /// <summary>Loads a model of one of some families, with the head that is asked for.</summary>
    /// <param name="session">The call of the tool.</param>
    /// <param name="folder">What <c>--model</c> says.</param>
    /// <param name="format">The name of the format.</param>
    /// <param name="families">Those that can be exported.</param>
    /// <param name="head">The head; null for the one that the folder was saved with.</param>
    /// <param name="canDropHead">Whether a model with another head is taken.</param>
    /// <exception cref="CheckpointException">The folder lacks weights of the head.</exception>
    public static ITransformerModel Load(Session session, string folder, string format, IReadOnlyList<string> families, ModelHead? head, bool canDropHead = true)
    {
        ModelFolder.RequireWhole(folder);
        ITransformerModel model = ModelFolder.LoadModel(session, folder, CPU);
        string family = model.ModelType;
        if (!families.Contains(family))
        {
            model.Dispose();
            throw new UsageException($"--model ({folder}) holds a {family} model, which cannot be exported as {format}; {Options.Join([.. families])} can.");
        }
        if (head is not null && model.Head != head)
        {
            ModelHead own = model.Head;
            model.Dispose();
            if (!canDropHead && own != ModelHead.None)
                throw new UsageException($"--model ({folder}) holds a {family} with the head {own}, which {format} has no place for; export the model that it was made from, or this one for ONNX.");
            model = ModelFolder.LoadModel(session, folder, CPU, head);
        }
        if (LoadedWeights.Of(model) is not { New: [var missing, ..] }) return model;
        if (model.Head == ModelHead.None)
        {
            session.Log($"warning: The folder lacks {missing}; what the file gives for it was never trained.");
            return model;
        }
        model.Dispose();
        throw new CheckpointException(folder, missing, "it is missing, so that the model has no trained head. Fine-tune it first, or take another --head.");
    }
}
