using System.CommandLine;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain data inspect</c>: checks a token store against its checksums and says what it holds.</summary>
internal sealed class DataInspectCommand
{
    private readonly Argument<string> _folder = new("DIR") { Description = "The folder of a token store." };
    private readonly Option<string?> _tokenizer = Options.Text("--tokenizer", "DIR|FILE", "The tokenizer that must have made the tokens. The default is the one in the folder, where there is one.");
    private readonly Option<int?> _context = Options.Positive("--context", "Also pack the documents into contexts of so many tokens, and show how full they are.");

    public static void AddTo(Command parent, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new DataInspectCommand();
        add(parent, new Command("inspect", "Checks a token store against its checksums and shows what it holds.") { options._folder, options._tokenizer, options._context }, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_folder);
        string? tokenizerPath = parsed.GetValue(_tokenizer) ?? (File.Exists(Path.Combine(folder, "tokenizer.json")) ? folder : null);
        TextTokenizer? tokenizer = tokenizerPath is null ? null : TextTokenizer.Load(tokenizerPath);
        using TokenStore store = TokenStore.Open(folder, tokenizer);
        store.Verify(session.Cancellation);
        long[] lengths = [.. Lengths(store).Order()];
        PackedContexts? packed = parsed.GetValue(_context) is { } context ? PackedContexts.Pack(store.All, new() { ContextLength = context, Seed = (ulong)session.Seed }) : null;
        (string Name, long Value)[] numbers =
        [
            ("tokens", store.Count), ("documents", store.DocumentCount), ("vocabSize", store.VocabSize), ("idBits", store.IdBits), ("endOfTextId", store.EndOfTextId),
            ("shortest", lengths[0]), ("median", lengths[lengths.Length / 2]), ("longest", lengths[^1]),
        ];
        session.Result(json =>
        {
            json.WriteString("folder", store.Folder);
            foreach ((string name, long value) in numbers)
                json.WriteNumber(name, value);
            json.WriteString("tokenizer", store.TokenizerFingerprint);
            json.WriteBoolean("tokenizerMatches", tokenizer is not null);
            json.WriteBoolean("checksumsMatch", true);
            if (packed is not null)
            {
                json.WriteStartObject("packed");
                json.WriteNumber("contextLength", packed.ContextLength);
                json.WriteNumber("contexts", packed.Count);
                json.WriteNumber("fill", packed.Fill);
                json.WriteNumber("cuts", packed.CutCount);
                json.WriteEndObject();
            }
        }, text =>
        {
            foreach ((string name, long value) in numbers)
                text.WriteLine($"{name,-12} {value}");
            text.WriteLine($"{"tokenizer",-12} {store.TokenizerFingerprint}{(tokenizer is null ? " (not compared: the folder holds none)" : "")}");
            text.WriteLine($"{"checksums",-12} match");
            if (packed is not null)
                text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"packed",-12} {packed.Count} contexts of {packed.ContextLength}, {packed.Fill:P1} filled, {packed.CutCount} cuts"));
        });
    }

    private static IEnumerable<long> Lengths(TokenStore store)
    {
        long start = store.DocumentStart(0);
        for (long document = 0; document < store.DocumentCount; document++)
        {
            long next = document + 1 < store.DocumentCount ? store.DocumentStart(document + 1) : store.Count;
            yield return next - 1 - start;
            start = next;
        }
    }
}
