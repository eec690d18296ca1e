using System.Globalization;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class Gpt2PreTokenizerTests
{
    private static readonly Regex s_pattern = new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");

    [Fact]
    public void PreTokenize_EveryCodePoint_IsOfTheReferencesClass()
    {
        string[] runs = File.ReadAllLines(BpeFixture.PathOf("unicode_classes.txt"))[1].Split(' ');
        var wrong = new List<string>();
        for (int run = 0; run < runs.Length; run++)
        {
            int start = int.Parse(runs[run][..^1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            int end = run + 1 < runs.Length ? int.Parse(runs[run + 1][..^1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) : 0x110000;
            for (int codePoint = start; codePoint < end; codePoint++)
            {
                string c = codePoint is >= 0xd800 and <= 0xdfff ? ((char)codePoint).ToString() : char.ConvertFromUtf32(codePoint);
                string expected = runs[run][^1] switch { 'L' => $"a{c}|1|{c}|!", 'N' => $"a|{c}1{c}|!", 'O' => $"a|{c}|1|{c}!", _ => c == " " ? "a| 1| !" : $"a|{c}|1|{c}|!" };
                if (codePoint != '|' && Pieces($"a{c}1{c}!") != expected)
                    wrong.Add($"U+{codePoint:X4}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void PreTokenize_AnyTextOfTheBasicPlane_MatchesTheRegularExpression()
    {
        // Beyond the basic plane .NET's expression sees surrogates, not characters.
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            text = string.Concat(text.Where(c => !char.IsSurrogate(c)));
            return s_pattern.Matches(text).Select(m => (m.Index, m.Length)).SequenceEqual(Gpt2PreTokenizer.Instance.PreTokenize(text));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void PreTokenize_LettersNumbersAndSymbolsBeyondTheBasicPlane_StayTogether()
    {
        Assert.Equal("𝒜𝓁𝑔x| 𝟙2|🙂!| 🙂🙃|  | 𠀀𠀁", Pieces("𝒜𝓁𝑔x 𝟙2🙂! 🙂🙃   𠀀𠀁"));
    }

    [Fact]
    public void PreTokenize_LoneSurrogates_AreSymbols()
    {
        Assert.Equal("a|\ud800|b| \udc00!|𝒜|\ud835| c", Pieces("a\ud800b \udc00!𝒜\ud835 c"));
    }

    [Fact]
    public void PreTokenize_AnyString_CoversItWithoutGap()
    {
        Prop.ForAll<string?>(text => string.Concat(Gpt2PreTokenizer.Instance.PreTokenize(text ?? "").Select(p => (text ?? "").Substring(p.Offset, p.Length))) == (text ?? ""))
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void IsCertainBoundary_AnyText_CuttingThereChangesNothing()
    {
        int cuts = 0;
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            text = "some words " + text + " and more";
            for (int i = 0; i < text.Length; i++)
            {
                if (!Gpt2PreTokenizer.IsCertainBoundary(text, i))
                    continue;
                cuts++;
                if (Pieces(text) != Pieces(text[..i]) + "|" + Pieces(text[i..]))
                    return false;
            }

            return true;
        }).QuickCheckThrowOnFailure();
        Assert.True(cuts > 100);
    }

    private static string Pieces(string text) => string.Join('|', Gpt2PreTokenizer.Instance.PreTokenize(text).Select(p => text.Substring(p.Offset, p.Length)));
}
