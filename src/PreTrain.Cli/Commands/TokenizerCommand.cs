using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain tokenizer</c>: trains tokenizers and shows what they do.</summary>
internal static class TokenizerCommand
{
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var command = new Command("tokenizer", "Trains tokenizers, and shows what they make of texts.");
        root.Subcommands.Add(command);
        TokenizerTrainCommand.AddTo(command, add);
        TokenizerEncodeCommand.AddTo(command, add);
        TokenizerDecodeCommand.AddTo(command, add);
        TokenizerInspectCommand.AddTo(command, add);
    }

    /// <summary><c>--tokenizer</c>.</summary>
    public static Option<string?> TokenizerOption() => Options.Text("--tokenizer", "DIR|FILE",
        "A tokenizer: a folder with tokenizer.json, with vocab.json and merges.txt, with vocab.txt, with a SentencePiece model or with tiktoken's ranks; or one of these files.", required: true);

    /// <summary>Runs what may meet a text that the vocabulary cannot express.</summary>
    public static T Using<T>(string path, Func<T> use)
    {
        try
        {
            return use();
        }
        catch (InvalidOperationException fault)
        {
            throw new TokenizerException(path, fault.Message, fault);
        }
    }
}
