using System.CommandLine;
using PreTrain.Cli.Hosting;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain data</c>: makes token stores from texts and looks into them.</summary>
internal static class DataCommand
{
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var command = new Command("data", "Prepares texts for pre-training, and shows what was prepared.");
        root.Subcommands.Add(command);
        DataPrepareCommand.AddTo(command, add);
        DataInspectCommand.AddTo(command, add);
    }
}
