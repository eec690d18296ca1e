using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Models;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Cli.Commands;

/// <summary><c>--template</c>: how a model is shown a conversation.</summary>
internal sealed class TemplateChoice
{
    private static readonly (string Word, string Source)[] s_known = [("chatml", ChatTemplate.ChatMl), ("zephyr", ChatTemplate.Zephyr), ("plain", ChatTemplate.Plain)];

    private static readonly string[] s_chatMlTokens = ["<|im_start|>", "<|im_end|>"];

    private readonly string _usual;

    /// <param name="usual">The word of the template for a model that has none.</param>
    public TemplateChoice(string usual)
    {
        _usual = usual;
        Option = Options.Text("--template", $"FILE|{string.Join('|', s_known.Select(known => known.Word))}", $"The chat template, in the model's own notation (Jinja). The default is the model's, and where it has none {usual}.");
    }

    public Option<string?> Option { get; }

    /// <summary>Requires that none is asked for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">A model that reads a text and writes another.</param>
    public void RequireNone(ParseResult parsed, ITransformerModel model)
    {
        if (parsed.GetResult(Option) is { Implicit: false }) throw new UsageException($"{Option.Name} is for models that go on from a text, and the model is a {model.ModelType}.");
    }

    /// <summary>The template that is asked for, else the model's, else the usual one.</summary>
    public ChatTemplate Read(ParseResult parsed, string folder, TextTokenizer tokenizer)
    {
        string? asked = parsed.GetValue(Option);
        if (asked is null && ChatTemplate.FromFolder(ModelFolder.Resolve(folder), tokenizer) is { } own) return own;
        asked ??= _usual;
        if (s_known.FirstOrDefault(known => known.Word.Equals(asked, StringComparison.OrdinalIgnoreCase)).Source is not { } source) return ChatTemplate.FromFile(asked, tokenizer);
        if (source == ChatTemplate.ChatMl && s_chatMlTokens.Where(token => tokenizer.TokenToId(token) is null).ToArray() is { Length: > 0 } missing)
            throw new UsageException($"{Option.Name} ({asked}) marks what each side says with {string.Join(" and ", s_chatMlTokens)}, and the tokenizer in '{folder}' lacks {string.Join(" and ", missing)}. Take zephyr, or a model whose tokenizer has them.");
        if (source != ChatTemplate.ChatMl && tokenizer.SpecialTokens.EndOfText is null)
            throw new UsageException($"{Option.Name} ({asked}) ends answers with the token that ends a text, and the tokenizer in '{folder}' has none. Name a template that ends them otherwise.");
        return new ChatTemplate(source, tokenizer);
    }
}
