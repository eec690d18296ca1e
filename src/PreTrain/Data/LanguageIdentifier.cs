using System.Collections.Frozen;

namespace PreTrain.Data;

/// <summary>Tells a text's language by its script and its small words, which make up a large part of any running text.</summary>
/// <remarks>
/// Small words tell languages as well as trigrams do in texts of about 20 words and more (Grefenstette, "Comparing two language identification schemes", 1995).
/// Scripts that one language of the list alone uses tell it at once; Cyrillic, Arabic and Latin ones are told apart by words and letters.
/// </remarks>
public static class LanguageIdentifier
{
    // Of running words, this share at least is small words in every language of the list; lists of names and code have fewer.
    private const double LeastShare = 0.08;

    private static readonly (string Language, string Words)[] SmallWords =
    [
        ("en", "the of and to in a is that it for was with as on be by this are or at from an which not have has were but they you his her will can their been if there"),
        ("de", "der die und das in den von zu mit ist des dem ein eine nicht auf für sich im als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über so zum war haben nur oder aber vor zur bis mehr durch man"),
        ("fr", "de la le et les des en un du une que est dans qui par pour au il sur ne se pas plus ce avec sont son cette ou mais aux elle nous je leur été être ont sa ces comme vous"),
        ("es", "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien fue son"),
        ("it", "di che e la il un a per in una sono mi non si è con del lo della le da i dei alla nel anche più ma gli al come delle dal se o ha questo nella essere"),
        ("pt", "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também pelo pela"),
        ("nl", "de van het een en in is dat op te zijn met voor niet aan er om ook als dan maar bij nog uit naar door over ze wordt werd hij heeft tot dit die deze kan of hun"),
        ("sv", "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när eller efter vid också hon mot hade blev detta"),
        ("da", "og i at det er en til på som af for de med den har ikke der et han var om fra men jeg vi så kan eller efter ved også blev sig hun hvor denne"),
        ("no", "og i det er en på som av for til med at har de ikke den et han var om fra men jeg vi så kan eller etter ved også ble seg hun hvor dette mot bare være"),
        ("fi", "ja on ei että se hän oli mutta myös ovat kun tai niin joka kuin hänen sen jos vain sekä olla mukaan jotka ole tämä mitä nyt siitä"),
        ("pl", "i w na z do się nie to że jest o od po za jak ale przez a dla co przy tym są ich być tego oraz czy już jego lub był była może tylko"),
        ("cs", "a v se na je že s z do to o i ve za by ale k po jako od jsou které který pro jeho nebo tak také byl jen při až bylo aby není"),
        ("tr", "ve bir bu da de için ile olarak çok daha olan gibi en ne o kadar sonra var ki ya ancak her değil ise göre olduğu"),
        ("ro", "și de la în a cu pe o este un că din nu care mai pentru să se au fost sau prin dar ca după cele fi sunt al ale"),
        ("hu", "a az és hogy is nem egy ez volt meg csak de már mint van ha vagy el azt még amely ki fel minden után lehet"),
        ("ru", "и в не на я быть он с что а по это она этот к но они мы весь который из у то за свой от так о для до же как его были был или"),
        ("uk", "і в не на я що з та як це до у він за й від але по про які для ми вона або є бути його їх так був того"),
        ("bg", "и на в е за се да от с не по са като при че това или до но към ще тя той са един която които бил"),
        ("ar", "في من على إلى أن عن التي الذي مع هذا هذه كان ما لا أو هو هي بعد كما بين كل قد لم ذلك"),
        ("fa", "و در به از که این را با است برای آن یک خود تا بر شد هم می نیز شده های او بود"),
    ];

    private static readonly string[] Scripted = ["zh", "ja", "ko", "el", "he", "th", "hi"];

    private static readonly FrozenDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> Index = SmallWords
        .SelectMany((list, i) => list.Words.Split(' ').Distinct().Select(word => (word, i))).GroupBy(pair => pair.word)
        .ToFrozenDictionary(group => group.Key, group => group.Select(pair => pair.i).ToArray(), StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The languages that can be told, as codes of ISO 639-1.</summary>
    public static IReadOnlyList<string> Languages { get; } = [.. SmallWords.Select(list => list.Language).Concat(Scripted).Order(StringComparer.Ordinal)];

    /// <summary>Tells the language of a text.</summary>
    /// <param name="text">The text; its first 100,000 characters count.</param>
    /// <returns>A code of ISO 639-1, or <see langword="null"/> if no language is likely.</returns>
    public static string? Identify(ReadOnlySpan<char> text)
    {
        text = text[..Math.Min(text.Length, 100_000)];
        if (ByScript(text) is { } scripted)
            return scripted;
        Span<int> scores = stackalloc int[SmallWords.Length];
        scores.Clear();
        Span<char> lower = stackalloc char[16];
        int words = 0, start = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && (char.IsLetter(text[i]) || text[i] == '\''))
            {
                start = start < 0 ? i : start;
                continue;
            }
            if (start < 0)
                continue;
            words++;
            if (i - start <= lower.Length)
            {
                var length = text[start..i].ToLowerInvariant(lower);
                if (Index.TryGetValue(lower[..length], out var of))
                {
                    foreach (var language in of)
                        scores[language]++;
                }
            }
            start = -1;
        }
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
            best = scores[i] > scores[best] ? i : best;
        return words > 0 && scores[best] >= 2 && scores[best] >= LeastShare * words ? SmallWords[best].Language : null;
    }

    private static string? ByScript(ReadOnlySpan<char> text)
    {
        int letters = 0, han = 0, kana = 0, hangul = 0, greek = 0, hebrew = 0, thai = 0, devanagari = 0;
        foreach (var c in text)
        {
            if (!char.IsLetter(c))
                continue;
            letters++;
            switch (c)
            {
                case >= '\u0370' and <= '\u03FF': greek++; break;
                case >= '\u0590' and <= '\u05FF': hebrew++; break;
                case >= '\u0900' and <= '\u097F': devanagari++; break;
                case >= '\u0E00' and <= '\u0E7F': thai++; break;
                case >= '\u3040' and <= '\u30FF': kana++; break;
                case >= '\u3400' and <= '\u9FFF': han++; break;
                case >= '\uAC00' and <= '\uD7AF': hangul++; break;
            }
        }
        if (2 * (han + kana) > letters)
            return 10 * kana > han + kana ? "ja" : "zh";
        foreach (var (count, language) in new[] { (hangul, "ko"), (greek, "el"), (hebrew, "he"), (thai, "th"), (devanagari, "hi") })
        {
            if (2 * count > letters)
                return language;
        }
        return null;
    }
}
