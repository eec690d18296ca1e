using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.Objectives;

namespace PreTrain.Cli.Commands;

/// <summary>The options that say which prepared texts are read, in which shares, and how documents are packed.</summary>
internal sealed class TextChoice
{
    private readonly Option<string[]> _tokens = new("--tokens")
    {
        Description = "Token stores that pretrain data prepare wrote, instead of --data; several are mixed, which packs their documents.",
        HelpName = "DIR",
        AllowMultipleArgumentsPerToken = true,
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<double[]?> _mix = new("--mix")
    {
        Description = "The shares of several --tokens, which sum to 1, with commas between them. The default is as many tokens as they hold.",
        HelpName = "SHARE,SHARE",
        CustomParser = Shares,
    };
    private readonly Option<PackingKind?> _pack = Options.Choice("--pack", "best-fit packs whole documents into full contexts, within which attention stays; none cuts windows anywhere. The default is none, and with several --tokens best-fit.",
        ("none", PackingKind.None), ("best-fit", PackingKind.BestFit));
    private readonly Option<int?> _curriculum = Options.Positive("--curriculum", "best-fit: stages in which the first epoch goes from short to long documents. The default is 1, which is none.");

    /// <summary>The options of a family.</summary>
    public IEnumerable<Option> Of(PretrainFamily family) => family.Packs ? [_tokens, _mix, _pack, _curriculum] : [_tokens];

    /// <summary>The folders of the token stores; null where the text is given by <c>--data</c>.</summary>
    /// <exception cref="UsageException">Both or neither are given, or something that a token store brings.</exception>
    public string[]? Folders(ParseResult parsed, Option<string[]> data, params Option[] brought)
    {
        bool hasData = parsed.GetResult(data) is { Implicit: false };
        if (parsed.GetResult(_tokens) is not { Implicit: false })
            return hasData ? null : throw new UsageException($"{data.Name} is missing: the text to train on, or {_tokens.Name} for token stores that are prepared already.");
        foreach (Option option in brought.Prepend(data))
        {
            if (parsed.GetResult(option) is { Implicit: false })
                throw new UsageException($"{option.Name} and {_tokens.Name} exclude each other: a token store brings its text and its tokenizer.");
        }
        return parsed.GetRequiredValue(_tokens);
    }

    /// <summary>The packed text; null where windows are drawn.</summary>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public Func<IReadOnlyList<TokenStore>, PackedText?> Packing(ParseResult parsed, PretrainFamily family, string objective)
    {
        int count = parsed.GetResult(_tokens) is { Implicit: false } ? parsed.GetRequiredValue(_tokens).Length : 1;
        if (!family.Packs) return count == 1 ? _ => null : throw new UsageException($"{_tokens.Name} takes one token store here; {family.Title} is not trained on packed documents.");
        double[]? shares = parsed.GetValue(_mix) is { Length: > 0 } given ? given : null;
        bool packs = (parsed.GetValue(_pack) ?? (count > 1 ? PackingKind.BestFit : PackingKind.None)) == PackingKind.BestFit;
        if (count > 1 && !packs) throw new UsageException($"{_pack.Name} none goes with one token store; the {count} of {_tokens.Name} are mixed by packed contexts.");
        if (packs && objective is not ("causal-lm" or "masked-lm")) throw new UsageException($"--objective {objective} takes no packed documents. Leave out {_pack.Name}, and name one token store.");
        if (shares is not null && shares.Length != count) throw new UsageException($"{_mix.Name} ({string.Join(',', shares)}) must hold a share for each of the {count} token stores of {_tokens.Name}.");
        if (!packs && parsed.GetValue(_curriculum) is not null) throw new UsageException($"{_curriculum.Name} goes with {_pack.Name} best-fit.");
        if (!packs) return _ => null;
        var options = new PackedTextOptions { CurriculumStages = parsed.GetValue(_curriculum) ?? 1 };
        return stores => new PackedText([.. stores.Select((store, i) => new TextSource(store, shares?[i] ?? (double)store.Count / stores.Sum(other => other.Count)))], options);
    }

    private static double[]? Shares(ArgumentResult result)
    {
        string text = result.Tokens[^1].Value;
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        double[] shares = new double[parts.Length];
        bool isRight = true;
        for (int i = 0; i < parts.Length; i++)
            isRight &= double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out shares[i]) && shares[i] > 0 && shares[i] <= 1;
        if (isRight && Math.Abs(shares.Sum() - 1) <= 1e-9) return shares;
        result.AddError($"--mix ({text}) must be positive numbers with commas between them that sum to 1.");
        return null;
    }
}
