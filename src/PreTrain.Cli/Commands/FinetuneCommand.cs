using System.CommandLine;
using PreTrain.Cli.Hosting;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain finetune</c>: goes on training a model for a task.</summary>
internal static class FinetuneCommand
{
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var command = new Command("finetune", "Trains a model for a task.");
        root.Subcommands.Add(command);
        FinetuneChatCommand.AddTo(command, add);
        FinetuneSeq2SeqCommand.AddTo(command, add);
        FinetuneEmbedCommand.AddTo(command, add);
    }
}
