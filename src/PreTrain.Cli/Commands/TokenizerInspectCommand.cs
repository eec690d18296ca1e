using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain tokenizer inspect</c>: what a tokenizer is made of.</summary>
internal static class TokenizerInspectCommand
{
    public static void AddTo(Command parent, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        Option<string?> tokenizer = TokenizerCommand.TokenizerOption();
        var command = new Command("inspect", "Shows what a tokenizer is made of.") { tokenizer };
        add(parent, command, (parsed, session) => Run(session, parsed.GetRequiredValue(tokenizer)!));
    }

    private static void Run(Session session, string path)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(path);
        TokenizerDescription description = tokenizer.Describe();
        (int Id, string Token)[] specials = [.. Enumerable.Range(0, tokenizer.VocabSize).Where(tokenizer.IsSpecial).Select(id => (id, tokenizer.IdToToken(id)!))];
        (string Name, string? Value)[] parts =
        [
            ("model", description.Model), ("normalizer", description.Normalizer), ("preTokenizer", description.PreTokenizer),
            ("postProcessor", description.PostProcessor), ("decoder", description.Decoder),
        ];
        session.Result(json =>
        {
            json.WriteNumber("vocabSize", tokenizer.VocabSize);
            foreach ((string name, string? value) in parts)
                json.WriteString(name, value);
            json.WriteBoolean("fast", tokenizer is ByteLevelBpeTokenizer);
            json.WriteStartObject("specialTokens");
            foreach ((int id, string token) in specials)
                json.WriteNumber(token, id);
            json.WriteEndObject();
            json.WriteString("fingerprint", tokenizer.Fingerprint);
        }, output =>
        {
            output.WriteLine($"tokens          {tokenizer.VocabSize}");
            foreach ((string name, string? value) in parts)
                output.WriteLine($"{name,-14}  {value ?? "none"}");
            foreach ((int id, string token) in specials)
                output.WriteLine($"special token   {id,-6} {token}");
            output.WriteLine($"fingerprint     {tokenizer.Fingerprint}");
        });
    }
}
