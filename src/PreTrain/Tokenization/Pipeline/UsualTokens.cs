using PreTrain.Tokenization.PostProcessors;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>What special tokens of the usual names are for.</summary>
internal static class UsualTokens
{
    /// <summary>The roles of the usual names.</summary>
    public static IReadOnlyList<(string Token, string Role)> Roles { get; } =
    [
        ("[PAD]", "pad_token"), ("<pad>", "pad_token"), ("[UNK]", "unk_token"), ("<unk>", "unk_token"), ("[CLS]", "cls_token"), ("[SEP]", "sep_token"), ("[MASK]", "mask_token"),
        ("<mask>", "mask_token"), ("<s>", "bos_token"), ("[BOS]", "bos_token"), ("</s>", "eos_token"), ("[EOS]", "eos_token"), ("<|endoftext|>", "eos_token"),
    ];

    /// <summary>Which of some special tokens ends a document: one of a usual name for that, else the first whose name has no other use; null if there is none.</summary>
    public static string? EndOfText(IReadOnlyList<string> specialTokens)
    {
        ILookup<string, string> roles = Roles.ToLookup(entry => entry.Token, entry => entry.Role);
        return specialTokens.FirstOrDefault(token => roles[token].Contains("eos_token")) ?? specialTokens.FirstOrDefault(token => !roles.Contains(token));
    }

    /// <summary>The template that goes with the special tokens of a vocabulary: BERT's, or a token before a text and one after it; <see langword="null"/> if there are none.</summary>
    public static IPostProcessor? Template(ITokenModel model)
    {
        if (model.IdOf("[CLS]") is { } cls && model.IdOf("[SEP]") is { } sep)
        {
            return new TemplatePostProcessor(
                [Special("[CLS]"), new(0, "", 0), Special("[SEP]")],
                [Special("[CLS]"), new(0, "", 0), Special("[SEP]"), new(1, "", 1), new(-1, "[SEP]", 1)],
                new Dictionary<string, IReadOnlyList<(int, string)>> { ["[CLS]"] = [(cls, "[CLS]")], ["[SEP]"] = [(sep, "[SEP]")] });
        }

        int? begin = model.IdOf("<s>"), end = model.IdOf("</s>");
        if (begin is null && end is null)
            return null;
        var tokens = new Dictionary<string, IReadOnlyList<(int, string)>>();
        if (begin is { } first)
            tokens["<s>"] = [(first, "<s>")];
        if (end is { } last)
            tokens["</s>"] = [(last, "</s>")];
        TemplatePiece[] before = begin is null ? [] : [Special("<s>")], after = end is null ? [] : [Special("</s>")];
        return new TemplatePostProcessor([.. before, new(0, "", 0), .. after], [.. before, new(0, "", 0), .. after, .. before, new(1, "", 0), .. after], tokens);

        static TemplatePiece Special(string name) => new(-1, name, 0);
    }

    /// <summary>The template of transformers' <c>add_bos_token</c> and <c>add_eos_token</c>: a token before each text and one after it, as far as they are given; the second text is of type 1.</summary>
    public static IPostProcessor? Around((string Token, int Id)? begin, (string Token, int Id)? end)
    {
        if (begin is null && end is null)
            return null;
        TemplatePiece[] single = Text(0);
        return new TemplatePostProcessor(
            single, [.. single, .. Text(1)], new[] { begin, end }.OfType<(string Token, int Id)>().DistinctBy(token => token.Token).ToDictionary(token => token.Token, token => (IReadOnlyList<(int, string)>)[(token.Id, token.Token)]));

        TemplatePiece[] Text(int index) =>
        [
            .. begin is { } first ? new[] { new TemplatePiece(-1, first.Token, index) } : [],
            new(index, "", index),
            .. end is { } last ? new[] { new TemplatePiece(-1, last.Token, index) } : [],
        ];
    }
}
