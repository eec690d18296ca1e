using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain tokenizer decode</c>: the text of ids.</summary>
internal static class TokenizerDecodeCommand
{
    public static void AddTo(Command parent, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> tokenizer = TokenizerCommand.TokenizerOption();
        var ids = new Option<string[]>("--ids") { Description = "The ids, with commas or blanks between them.", HelpName = "ID,ID,…", AllowMultipleArgumentsPerToken = true, Required = true };
        var keep = new Option<bool>("--keep-special") { Description = "Keep special tokens in the text." };
        var command = new Command("decode", "Turns ids into text.") { tokenizer, ids, keep };
        add(parent, command, (parsed, session) => Run(session, parsed.GetRequiredValue(tokenizer)!, Numbers(parsed.GetRequiredValue(ids)), parsed.GetValue(keep)));
    }

    private static void Run(Session session, string path, int[] ids, bool keepsSpecial)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(path);
        foreach (int id in ids)
        {
            if (tokenizer.IdToToken(id) is null)
                throw new UsageException($"--ids ({id}) stands for no token; this vocabulary has the ids 0 to {tokenizer.VocabSize - 1}.");
        }

        string text = TokenizerCommand.Using(path, () => tokenizer.Decode(ids, skipSpecialTokens: !keepsSpecial));
        session.Result(json => json.WriteString("text", text), output => output.WriteLine(text));
    }

    private static int[] Numbers(string[] values)
    {
        string[] parts = [.. values.SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        return [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw new UsageException($"--ids ({part}) must be whole numbers from 0 with commas between them, as in --ids 5,1,2."))];
    }
}
