using System.CommandLine;
using System.Text.Json;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain tokenizer encode</c>: shows the tokens of texts.</summary>
internal sealed class TokenizerEncodeCommand
{
    private readonly Option<string?> _tokenizer = TokenizerCommand.TokenizerOption();
    private readonly Option<string?> _text = new("--text") { Description = "The text.", HelpName = "TEXT" };
    private readonly Option<string?> _file = Options.Text("--file", "FILE", "A UTF-8 file: one text a line.");
    private readonly Option<bool> _wholeFile = new("--whole-file") { Description = "The whole file is one text." };
    private readonly Option<string?> _pair = new("--pair") { Description = "The second text of a pair.", HelpName = "TEXT" };
    private readonly Option<int?> _maxLength = Options.Positive("--max-length", "The largest number of tokens, special tokens included. What is cut off comes in further encodings.");
    private readonly Option<int?> _stride = Options.NotNegative("--stride", "How many tokens such an encoding shares with the one before. The default is 0.");
    private readonly Option<bool> _noSpecial = new("--no-special") { Description = "Leave out the special tokens around texts." };
    private readonly Option<OffsetUnit?> _offsets = Options.Choice("--offsets", "In what places are counted. The default is utf16.",
        ("utf16", OffsetUnit.Utf16), ("bytes", OffsetUnit.Utf8Bytes), ("code-points", OffsetUnit.CodePoints));

    public static void AddTo(Command parent, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new TokenizerEncodeCommand();
        var command = new Command("encode", "Shows the tokens of texts, with their ids and their places.")
        {
            options._tokenizer, options._text, options._file, options._wholeFile, options._pair, options._maxLength, options._stride, options._noSpecial, options._offsets,
        };
        add(parent, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string path = parsed.GetRequiredValue(_tokenizer)!;
        string? text = parsed.GetValue(_text), file = parsed.GetValue(_file);
        if (text is null == file is null)
            throw new UsageException("Give either --text or --file.");
        if (parsed.GetValue(_wholeFile) && file is null)
            throw new UsageException("--whole-file goes with --file.");
        if (parsed.GetValue(_stride) is not null && parsed.GetValue(_maxLength) is null)
            throw new UsageException("--stride goes with --max-length.");
        var options = new EncodingOptions
        {
            AddSpecialTokens = !parsed.GetValue(_noSpecial),
            Offsets = parsed.GetValue(_offsets) ?? OffsetUnit.Utf16,
            Truncation = parsed.GetValue(_maxLength) is { } length ? new TruncationOptions { MaxLength = length, Stride = parsed.GetValue(_stride) ?? 0 } : null,
        };
        string? pair = parsed.GetValue(_pair);
        TextTokenizer tokenizer = TextTokenizer.Load(path);
        var encodings = new List<TokenEncoding>();
        foreach (string item in text is not null ? [text] : Texts(file!, parsed.GetValue(_wholeFile)))
        {
            session.Cancellation.ThrowIfCancellationRequested();
            TokenEncoding encoding = TokenizerCommand.Using(path, () => tokenizer.Tokenize(item, pair, options));
            encodings.Add(encoding);
            encodings.AddRange(encoding.Overflow);
        }

        session.Result(json =>
        {
            json.WriteStartArray("encodings");
            foreach (TokenEncoding encoding in encodings)
                Write(json, encoding);
            json.WriteEndArray();
        }, output =>
        {
            foreach (TokenEncoding encoding in encodings)
            {
                for (int i = 0; i < encoding.Count; i++)
                    output.WriteLine($"{encoding.Ids[i],7}  {encoding.Offsets[i].Start,6} {encoding.Offsets[i].End,6}  {encoding.Tokens[i]}");
                output.WriteLine();
            }
        });
    }

    /// <summary>The texts of a file: its lines, or the whole of it.</summary>
    public static string[] Texts(string file, bool whole)
    {
        string content = TextCorpus.FromFiles(new CorpusFileOptions { Format = CorpusFormat.Text }, Path.GetFullPath(file)).First();
        if (whole)
            return [content];
        string[] lines = content.Split('\n');
        return [.. (lines[^1].Length == 0 ? lines[..^1] : lines).Select(line => line.EndsWith('\r') ? line[..^1] : line)];
    }

    private static void Write(Utf8JsonWriter json, TokenEncoding encoding)
    {
        json.WriteStartObject();
        WriteNumbers(json, "ids", encoding.Ids);
        json.WriteStartArray("tokens");
        foreach (string token in encoding.Tokens)
            json.WriteStringValue(token);
        json.WriteEndArray();
        json.WriteStartArray("offsets");
        foreach ((int start, int end) in encoding.Offsets)
        {
            json.WriteStartArray();
            json.WriteNumberValue(start);
            json.WriteNumberValue(end);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        WriteNumbers(json, "typeIds", encoding.TypeIds);
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, ReadOnlySpan<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (int number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
