using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class TextAugmentationTests : IDisposable
{
    private const string Text = "The quick, reader returns (many) small values to the caller and waits for others.";
    private static readonly string[] s_words = Text.Split(' ');
    private static readonly IReadOnlyList<IReadOnlyList<string>> s_synonyms = [["quick", "fast", "rapid"], ["small", "little"], ["the", "this"], ["values", "numbers"]];
    private readonly PreTrain.Tests.Checkpoints.TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Apply_Replacement_TakesOtherWordsOfAGroupAndLeavesStopWords()
    {
        var augmentation = Only(replacement: 0.2);   // two of fourteen words
        var seen = new HashSet<string>();
        for (ulong seed = 0; seed < 300; seed++)
        {
            string[] words = augmentation.Apply(Text, seed).Split(' ');
            int[] changed = [.. Enumerable.Range(0, 14).Where(i => words[i] != s_words[i])];
            Assert.Equal(2, changed.Length);
            foreach (int i in changed) seen.Add($"{s_words[i]} {words[i]}");
        }
        Assert.Equal(["quick, fast,", "quick, rapid,", "small little", "values numbers"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Apply_Insertion_AddsSynonymsOfItsWordsAnywhere()
    {
        var places = new HashSet<int>();
        var augmentation = Only(insertion: 0.1);
        for (ulong seed = 0; seed < 300; seed++)
        {
            string[] words = augmentation.Apply(Text, seed).Split(' ');
            Assert.Equal(15, words.Length);
            int place = Enumerable.Range(0, 15).First(i => words[..i].Concat(words[(i + 1)..]).SequenceEqual(s_words));
            Assert.Contains(words[place], new[] { "fast", "rapid", "little", "numbers" });
            places.Add(place);
        }
        Assert.Equal(15, places.Count);
    }

    [Fact]
    public void Apply_Swap_ExchangesTwoWords()
    {
        for (ulong seed = 0; seed < 100; seed++)
        {
            string[] words = Only(swap: 0.1).Apply(Text, seed).Split(' ');
            Assert.Equal(s_words.Order(), words.Order());
            Assert.Equal(2, Enumerable.Range(0, 14).Count(i => words[i] != s_words[i]));
        }
        Assert.Equal("one", Only(swap: 0.5).Apply("one", 3));
    }

    [Fact]
    public void Apply_Deletion_LeavesOutTheShareInTheMeanAndNeverAll()
    {
        var augmentation = Only(deletion: 0.3);
        double left = 0;
        for (ulong seed = 0; seed < 1000; seed++)
        {
            string[] words = augmentation.Apply(Text, seed).Split(' ');
            int at = 0;
            foreach (string word in s_words) if (at < words.Length && words[at] == word) at++;
            Assert.Equal(words.Length, at);   // in their order
            left += words.Length / 14.0;
        }
        Assert.Equal(0.7, left / 1000, 3 * Math.Sqrt(0.3 * 0.7 / 14000));
        Assert.All(Enumerable.Range(0, 100), seed => Assert.Contains(Only(deletion: 0.99).Apply("one two", (ulong)seed), new[] { "one", "two" }));
    }

    [Fact]
    public void Apply_AllFour_ComeAboutAsOftenAndFollowFromTheSeed()
    {
        var augmentation = new TextAugmentation(new() { Synonyms = s_synonyms, StopWords = ["the"], DeletionRate = 0.5 });
        int longer = 0, shorter = 0, swapped = 0, replaced = 0;
        for (ulong seed = 0; seed < 2000; seed++)
        {
            string once = augmentation.Apply(Text, seed);
            Assert.Equal(once, augmentation.Apply(Text, seed));
            string[] words = once.Split(' ');
            if (words.Length > 14) longer++;
            else if (words.Length < 14) shorter++;
            else if (words.Order().SequenceEqual(s_words.Order())) swapped++;
            else replaced++;
        }
        Assert.All(new[] { longer, shorter, swapped, replaced }, count => Assert.Equal(500, count, 4 * Math.Sqrt(2000 * 0.25 * 0.75)));
        Assert.Equal("  ", augmentation.Apply("  ", 1));
    }

    [Fact]
    public void ReadSynonyms_File_GivesGroupsAndNamesABadLine()
    {
        string file = folder["synonyms.txt"];
        File.WriteAllText(file, "# of my own\nquick, fast\trapid\n\nsmall,little\n");
        Assert.Equal([["quick", "fast", "rapid"], ["small", "little"]], TextAugmentation.ReadSynonyms(file));
        File.WriteAllText(file, "quick, fast\nlonely\n");
        Assert.Contains($"Line 2 of the synonyms '{file}' ('lonely') must hold at least two words", Assert.Throws<CorpusException>(() => TextAugmentation.ReadSynonyms(file)).Message);
        File.WriteAllText(file, "# nothing\n");
        Assert.Contains("holds no synonyms", Assert.Throws<CorpusException>(() => TextAugmentation.ReadSynonyms(file)).Message);
        Assert.Throws<CorpusException>(() => TextAugmentation.ReadSynonyms(folder["missing.txt"]));
    }

    [Fact]
    public void Constructor_OptionsThatDoNotFit_AreRefused()
    {
        string Fault(TextAugmentationOptions options) => Assert.Throws<ArgumentException>(() => new TextAugmentation(options)).Message;
        Assert.Equal("SwapRate (1) must be at least 0 and below 1. DeletionRate (-1) must be at least 0 and below 1.", Fault(new() { SwapRate = 1, DeletionRate = -1 }));
        Assert.Equal("All rates are 0; one must be positive.", Fault(new() { SwapRate = 0, DeletionRate = 0 }));
        Assert.Equal("ReplacementRate (0.1) and InsertionRate (0) need Synonyms.", Fault(new() { ReplacementRate = 0.1 }));
    }

    private static TextAugmentation Only(double replacement = 0, double insertion = 0, double swap = 0, double deletion = 0) =>
        new(new() { Synonyms = s_synonyms, StopWords = ["The"], ReplacementRate = replacement, InsertionRate = insertion, SwapRate = swap, DeletionRate = deletion });
}
