using System.Text;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Vocabularies;

namespace PreTrain.Tests.Tokenization.Vocabularies;

public class TiktokenFileTests
{
    private static readonly Dictionary<string, int> s_ranks = MakeRanks();

    [Fact]
    public void Read_RanksOfATraining_CutsAsTiktokenDoes()
    {
        using var folder = new TemporaryFolder();
        BpeModel model = TiktokenFile.Read(folder.Write("test.tiktoken", Content(s_ranks)));
        Gen<string> letters = Gen.Elements("a", "b", "ab", "the", "ing", " ", "é", "語").ArrayOf().Select(string.Concat);
        Prop.ForAll(Gen.OneOf(letters, ValidStrings.Arbitrary.Generator).ToArbitrary(), text =>
        {
            var buffer = new TokenBuffer();
            model.Encode(text, buffer);
            return Obvious(Encoding.UTF8.GetBytes(text)).SequenceEqual(buffer.Ids.ToArray());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void Read_WholeWordWithoutMerges_IsThatToken()
    {
        using var folder = new TemporaryFolder();
        var ranks = new Dictionary<string, int>(s_ranks) { [Convert.ToHexString("zqzqz"u8)] = 5000 };
        BpeModel model = TiktokenFile.Read(folder.Write("test.tiktoken", Content(ranks)));
        var buffer = new TokenBuffer();
        model.Encode("zqzqz", buffer);
        Assert.Equal([5000, 0, 5], TokenModelFixture.Flat(buffer));
        Assert.Equal(5001, model.Size);
    }

    [Fact]
    public void Read_BrokenFile_NamesTheLine()
    {
        using var folder = new TemporaryFolder();
        Check("", ": The file is empty; it must hold tokens with their ranks.");
        Check("YQ== 0\nYg==\n", ", line 2: A line is a token in base64, one blank and a rank from 0 to 16777215, but this one is 'Yg=='.");
        Check("YQ== -1\n", ", line 1: A line is a token in base64, one blank and a rank from 0 to 16777215, but this one is 'YQ== -1'.");
        Check("YQ== 99999999\n", ", line 1: A line is a token in base64, one blank and a rank from 0 to 16777215, but this one is 'YQ== 99999999'.");
        Check("YQ== 0\nY 1\n", ", line 2, column 1: 'Y' is not a token in base64.");
        Check("YQ== 0\nYQ== 1\n", ", line 2: The token 'YQ==' has the rank 0 already; each must be there once.");
        Check("YQ== 0\r\nYg== 0\r\n", ", line 2: The rank 0 is that of line 1 already; ranks must be different.");
        Check("YQ== 0\n", ": The token of the byte 0x00 is missing; all 256 must be there.");

        void Check(string content, string fault)
        {
            string path = folder.Write("broken.tiktoken", content);
            Assert.Equal(path + fault, Assert.Throws<TokenizerException>(() => TiktokenFile.Read(path)).Message);
        }
    }

    private static Dictionary<string, int> MakeRanks()
    {
        var ranks = new Dictionary<string, int>();
        for (int b = 0; b < 256; b++)
            ranks[Convert.ToHexString([(byte)b])] = b;
        foreach ((string left, string right) in BpeFixture.Tokenizer.Merges)
            ranks.TryAdd(Convert.ToHexString(ByteAlphabet.Unspell(left + right)), ranks.Count);
        return ranks;
    }

    private static string Content(Dictionary<string, int> ranks) => string.Concat(ranks.Select(r => $"{Convert.ToBase64String(Convert.FromHexString(r.Key))} {r.Value}\n"));

    /// <summary>Joins the neighbours whose bytes have the lowest rank, and looks up what is left.</summary>
    private static IEnumerable<int> Obvious(byte[] bytes)
    {
        if (bytes.Length > 0 && s_ranks.TryGetValue(Convert.ToHexString(bytes), out int whole))
            return [whole];
        List<string> parts = [.. bytes.Select(b => Convert.ToHexString([b]))];
        while (true)
        {
            int best = -1;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (s_ranks.TryGetValue(parts[i] + parts[i + 1], out int rank) && (best < 0 || rank < s_ranks[parts[best] + parts[best + 1]]))
                    best = i;
            }

            if (best < 0)
                return parts.Select(part => s_ranks[part]);
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }
}
